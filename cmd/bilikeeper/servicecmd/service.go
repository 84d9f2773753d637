package servicecmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/packaging"
)

const (
	serviceName = "bilikeeper"
	systemd     = "linux-systemd"
)

func serviceCommand(env *cli.Env) *cobra.Command {
	var user, show bool
	installing := &cobra.Command{
		Use:   "install",
		Short: "Install the service; an older installation is brought up to date",
		Args:  cli.Nothing,
		RunE: func(*cobra.Command, []string) error {
			if show {
				return printUnit(env, user)
			}
			return install(env, user)
		},
	}
	installing.Flags().BoolVar(&show, "print", false, "show what would be installed")
	cmd := cli.Group("service", "Install the keeper with the operating system's service manager, and control it", "", installing, &cobra.Command{
		Use: "status", Short: "Say whether the service is installed and runs", Args: cli.Nothing,
		RunE: func(*cobra.Command, []string) error { return status(env, user) },
	})
	cmd.PersistentFlags().BoolVar(&user, "user", false, "the service of the calling user instead of the machine's")
	for _, action := range []struct{ name, short, done string }{
		{"uninstall", "Remove the service; the vault stays", "The service is removed."},
		{"start", "Start the service", "The service is started."},
		{"stop", "Stop the service", "The service is stopped."},
		{"restart", "Restart the service", "The service is restarted."},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: action.name, Short: action.short, Args: cli.Nothing,
			RunE: func(*cobra.Command, []string) error { return control(env, action.name, action.done, user) },
		})
	}
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

func newService(user bool, run service.Interface) (service.Service, error) {
	path, err := cli.Program()
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

func printUnit(env *cli.Env, user bool) error {
	if runtime.GOOS != "linux" {
		return cli.Fail(cli.ExitFailed, "", "what is installed is shown for systemd only; here the service manager is %s", service.Platform())
	}
	if service.Platform() != systemd {
		env.Warn("this is for systemd, which does not run here (%s does)", cli.Dash(service.Platform()))
	}
	path, err := cli.Program()
	if err != nil {
		return err
	}
	return env.Print("%s", unitText(path, user))
}

func install(env *cli.Env, user bool) error {
	s, err := newService(user, idle{})
	if err != nil {
		return serviceError("install", err)
	}
	if path, err := cli.Program(); err == nil && !user && s.Platform() == systemd && hiddenFromService(path) {
		return cli.FailWith(cli.ExitFailed, cli.Format("install %s /usr/local/bin/, and run that one", path),
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
	env.Say("The service is installed (%s). Start it: bilikeeper service start%s", s.Platform(), flag)
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

func control(env *cli.Env, action, done string, user bool) error {
	s, err := newService(user, idle{})
	if err == nil {
		err = service.Control(s, action)
	}
	if err != nil {
		return serviceError(action, err)
	}
	env.Say("%s", cli.Format(done))
	return nil
}

func status(env *cli.Env, user bool) error {
	manager, state, err := ask(user)
	if err != nil {
		return serviceError("status", err)
	}
	return env.Show(map[string]any{"service": serviceName, "user": user, "status": state, "manager": manager}, func() {
		env.Print("%s\n", cli.Format(state))
	})
}

const (
	notInstalled = "not installed"
	running      = "running"
)

// ask asks the service manager for the service's state.
func ask(user bool) (manager, state string, err error) {
	s, err := newService(user, idle{})
	if err != nil {
		return "", "", err
	}
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled), err != nil && s.Platform() == "unix-systemv" && !there("/etc/init.d/"+serviceName):
		return s.Platform(), notInstalled, nil
	case err != nil:
		return s.Platform(), "", err
	case status == service.StatusRunning:
		return s.Platform(), running, nil
	case status == service.StatusStopped:
		return s.Platform(), "stopped", nil
	}
	return s.Platform(), "unknown", nil
}

// Examine tells the doctor of service managers that he does not know himself.
func Examine() (string, doctor.Service) {
	manager, state, err := ask(false)
	if err != nil && manager != "" {
		err = fmt.Errorf("%s: %w", manager, err)
	}
	return manager, doctor.Service{Err: err, Installed: err == nil && state != notInstalled, Running: state == running}
}

func serviceError(action string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return cli.Fail(cli.ExitNotPermitted, "run it as root, or with --user for a service of your own", "service %s: %w", action, err)
	}
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return cli.Fail(cli.ExitFailed, "run bilikeeper daemon under whatever starts programs here", "service %s: no service manager was found", action)
	}
	return cli.Fail(cli.ExitFailed, "ask the service manager itself, systemctl status bilikeeper for example; bilikeeper daemon runs the keeper without one",
		"service %s (%s): %w", action, cli.Dash(service.Platform()), err)
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

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// idle is a service that is controlled, not run, by this process.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }
