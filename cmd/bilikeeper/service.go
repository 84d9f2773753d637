package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/packaging"
)

const (
	serviceName = "bilikeeper"
	systemd     = "linux-systemd"
)

func (a *app) serviceCommand() *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Install the keeper with the operating system's service manager, and control it",
		Args:  subcommandOnly,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().BoolVar(&user, "user", false, "the service of the calling user instead of the machine's")

	var show bool
	install := &cobra.Command{
		Use:   "install",
		Short: "Install the service; an older installation is brought up to date",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if show {
				return a.printUnit(user)
			}
			return a.installService(user)
		},
	}
	install.Flags().BoolVar(&show, "print", false, "show what would be installed")
	cmd.AddCommand(install)
	for _, action := range []struct{ name, short, done string }{
		{"uninstall", "Remove the service; the vault stays", "removed"},
		{"start", "Start the service", "started"},
		{"stop", "Stop the service", "stopped"},
		{"restart", "Restart the service", "restarted"},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: action.name, Short: action.short, Args: arguments(0, 0),
			RunE: func(*cobra.Command, []string) error { return a.controlService(action.name, action.done, user) },
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "Say whether the service is installed and runs", Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return a.serviceStatus(user) },
	})
	return cmd
}

// unitText is our own unit: the library's built-in one restarts after two
// minutes, confines nothing, and enables a user's service for a target that a
// user's manager does not have.
func unitText(program string, user bool) string {
	if user {
		return packaging.UserUnit(program)
	}
	return packaging.SystemUnit(program)
}

func program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func newService(user bool, run service.Interface) (service.Service, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	return service.New(run, &service.Config{
		Name: serviceName, DisplayName: "bilikeeper", Description: "Keeps Bilibili logins alive",
		Executable: path, Arguments: []string{"daemon", "--service"},
		Option: service.KeyValue{
			"SystemdScript": unitText(path, user), "UserService": user,
			"KeepAlive": true, "RunAtLoad": true, // launchd
			"StartType": "automatic", "DelayedAutoStart": true, "OnFailure": "restart", // Windows
		},
	})
}

func (a *app) printUnit(user bool) error {
	if runtime.GOOS != "linux" {
		return fail(exitFailed, "", "what is installed is shown for systemd only; here the service manager is %s", service.Platform())
	}
	if service.Platform() != systemd {
		a.say("bilikeeper: warning: this is for systemd, which does not run here (%s does)", dash(service.Platform()))
	}
	path, err := program()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, unitText(path, user))
	return err
}

func (a *app) installService(user bool) error {
	s, err := newService(user, idle{})
	if err != nil {
		return serviceError("install", err)
	}
	if path, err := program(); err == nil && !user && s.Platform() == systemd && hiddenFromService(path) {
		return fail(exitFailed, "install "+path+" /usr/local/bin/, and run that one",
			"the service could not see %s: it is kept out of homes and of /tmp", path)
	}
	// The library refuses to install over an older installation; an upgrade is
	// what a person means by installing again.
	if old := unitPath(user); old != "" && service.Platform() == systemd {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return serviceError("install", err)
		}
	}
	if err := s.Install(); err != nil {
		return serviceError("install", err)
	}
	flag := ""
	if user {
		flag = " --user"
	}
	a.say("The service is installed (%s). Start it: bilikeeper service start%s", s.Platform(), flag)
	return nil
}

func unitPath(user bool) string {
	if !user {
		return "/etc/systemd/system/" + serviceName + ".service"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config/systemd/user", serviceName+".service")
}

func (a *app) controlService(action, done string, user bool) error {
	s, err := newService(user, idle{})
	if err == nil {
		err = service.Control(s, action)
	}
	if err != nil {
		return serviceError(action, err)
	}
	a.say("The service is %s.", done)
	return nil
}

func (a *app) serviceStatus(user bool) error {
	s, err := newService(user, idle{})
	if err != nil {
		return serviceError("status", err)
	}
	state := "unknown"
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled), err != nil && s.Platform() == "unix-systemv" && !exists("/etc/init.d/"+serviceName):
		state = "not installed"
	case err != nil:
		return serviceError("status", err)
	case status == service.StatusRunning:
		state = "running"
	case status == service.StatusStopped:
		state = "stopped"
	}
	if a.json {
		return a.printJSON(map[string]any{"service": serviceName, "user": user, "status": state, "manager": s.Platform()})
	}
	fmt.Fprintln(a.stdout, state)
	return nil
}

func serviceError(action string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fail(exitNotPermitted, "run it as root, or with --user for a service of your own", "service %s: %w", action, err)
	}
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return fail(exitFailed, "run bilikeeper daemon under whatever starts programs here", "service %s: no service manager was found", action)
	}
	return fail(exitFailed, "ask the service manager itself, systemctl status bilikeeper for example; bilikeeper daemon runs the keeper without one",
		"service %s (%s): %w", action, dash(service.Platform()), err)
}

// hiddenFromService reports whether the unit's confinement hides a path.
func hiddenFromService(path string) bool {
	for _, dir := range []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// idle is a service that is controlled, not run, by this process.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// runService runs the keeper under a service manager that wants to be answered
// (Windows) or that the library starts programs for. It reports itself running
// at once: a vault that takes long to open must not look like a failed start.
func (a *app) runService(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &serviceRun{app: a, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	s, err := newService(false, r)
	if err != nil {
		return serviceError("run", err)
	}
	return s.Run()
}

type serviceRun struct {
	app    *app
	ctx    context.Context // the library's callbacks take none
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func (r *serviceRun) Start(service.Service) error {
	go func() {
		r.err = r.app.runDaemon(r.ctx, nil)
		if r.err != nil {
			// The manager asked for nothing, so nothing would end this process;
			// it is told by the exit code, and starts the keeper again.
			os.Exit(r.app.report(r.err))
		}
		close(r.done)
	}()
	return nil
}

func (r *serviceRun) Stop(service.Service) error {
	r.cancel()
	<-r.done
	return nil
}
