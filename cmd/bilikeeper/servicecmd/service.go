package servicecmd

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
)

const serviceName = "bilikeeper"

// manager is the operating system's service manager, or the calling user's.
type manager interface {
	// name is what it is called in a text.
	name() string
	// install puts a plan into its place and lets it start with the system. It
	// says what else a person should know.
	install(p plan) (notes []string, err error)
	// uninstall stops the service and takes it away; found is false where there
	// was none.
	uninstall() (found bool, notes []string, err error)
	// control is start, stop or restart.
	control(action string) error
	state() (state, error)
}

func managerOf(env *cli.Env, user bool) (manager, error) {
	if service.Platform() == "linux-systemd" {
		return systemd{env: env, user: user}, nil
	}
	return othersManager(user)
}

// othersManager is any manager but systemd.
func othersManager(user bool) (manager, error) {
	l, err := newLibrary(user)
	if err != nil {
		return nil, err
	}
	if m := systemManager(l); m != nil {
		return m, nil
	}
	return l, nil
}

// state is how a service is, in one word. Each ends service status with a code of
// its own.
type state string

const (
	running      state = "running"
	stopped      state = "stopped"
	failed       state = "failed"
	starting     state = "starting"
	stopping     state = "stopping"
	reloading    state = "reloading"
	notInstalled state = "not installed"
	unknown      state = "unknown"
)

func (s state) code() int {
	codes := map[state]int{running: cli.ExitDone, stopped: 10, failed: 11, starting: 12, stopping: 13, reloading: 14, notInstalled: 15}
	if code, ok := codes[s]; ok {
		return code
	}
	return 16
}

func serviceCommand(env *cli.Env) *cobra.Command {
	var user bool
	cmd := cli.Group("service", "Install the keeper with the operating system's service manager, and control it", "",
		installCommand(env, &user), &cobra.Command{
			Use: "status", Short: "Say how the service is", Args: cli.Nothing,
			Long: `Says how the service is, in one word, and ends with a code for each: running 0,
stopped 10, failed 11, starting 12, stopping 13, reloading 14, not installed 15,
unknown 16. How the accounts are is told by bilikeeper status.`,
			RunE: func(*cobra.Command, []string) error { return status(env, user) },
		}, &cobra.Command{
			Use: "uninstall", Short: "Stop the service and remove it; the vault stays", Args: cli.Nothing,
			RunE: func(*cobra.Command, []string) error { return uninstall(env, user) },
		})
	cmd.PersistentFlags().BoolVar(&user, "user", false, "the service of the calling user instead of the machine's")
	for _, action := range []struct{ name, short, done string }{
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

func installCommand(env *cli.Env, user *bool) *cobra.Command {
	var show bool
	var kind string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the service; an older installation is brought up to date",
		Long: `Installs the service; an older installation is brought up to date. What --config,
--socket and --state-dir name is what the service is started with. With --print
nothing is installed and what would be is shown, also for another system.`,
		Args: cli.Nothing,
		RunE: func(*cobra.Command, []string) error {
			p, err := planOf(env, *user)
			if err != nil {
				return err
			}
			if show {
				return printPlan(env, p, kind)
			}
			if kind != "" {
				return cli.Fail(cli.ExitUsage, "add --print", "--manager only chooses what is shown")
			}
			return install(env, p)
		},
	}
	cmd.Flags().BoolVar(&show, "print", false, "show what would be installed")
	cmd.Flags().StringVar(&kind, "manager", "", "with --print: the `manager` that it is for, one of systemd, openrc, launchd, windows")
	cmd.Flags().StringVar(&env.Flags.StateDir, "state-dir", "", "where the vault and its key are to lie (`directory`)")
	cli.OneOf(cmd, "manager", "systemd", "openrc", "launchd", "windows")
	cli.DirectoryFlag(cmd, "state-dir")
	return cmd
}

func install(env *cli.Env, p plan) error {
	m, err := managerOf(env, p.user)
	if err != nil {
		return serviceError("install", err)
	}
	notes, err := m.install(p)
	if err != nil {
		return serviceError("install", err)
	}
	for _, note := range notes {
		env.Warn("%s", note)
	}
	for name, flag := range map[string]string{"BILIKEEPER_CONFIG": p.Config, "BILIKEEPER_SOCKET": p.Socket, "BILIKEEPER_STATE_DIR": p.StateDir} {
		if env.Getenv(name) != "" && flag == "" {
			env.Warn("%s is set here and not for the service, which takes its places from the flags of this command", name)
		}
	}
	flag := ""
	if p.user {
		flag = " --user"
	}
	env.Say("The service is installed (%s). Start it: bilikeeper service start%s", m.name(), flag)
	return nil
}

func uninstall(env *cli.Env, user bool) error {
	m, err := managerOf(env, user)
	if err != nil {
		return serviceError("uninstall", err)
	}
	found, notes, err := m.uninstall()
	switch {
	case err != nil:
		return serviceError("uninstall", err)
	case !found:
		env.Say("The service is not installed.")
		return nil
	}
	env.Say("The service is removed.")
	for _, note := range notes {
		env.Say("%s", note)
	}
	p := machinesPlaces(env)
	if located := env.Located(); user || located.System {
		p.Config, p.StateDir = located.Config, located.StateDir
	}
	env.Say("What it kept stays: the configuration %s, and the vault in %s.", p.Config, p.StateDir)
	return nil
}

// machinesPlaces are where the machine's keeper keeps its things, whoever asks.
func machinesPlaces(env *cli.Env) client.Places {
	nobody := func(name string) string {
		if name == "ProgramData" {
			return env.Getenv(name)
		}
		return ""
	}
	return client.Machine{OS: runtime.GOOS, Env: nobody}.Places()
}

func control(env *cli.Env, action, done string, user bool) error {
	m, err := managerOf(env, user)
	if err == nil {
		err = m.control(action)
	}
	if err != nil {
		return serviceError(action, err)
	}
	env.Say("%s", cli.Format(done))
	return nil
}

func status(env *cli.Env, user bool) error {
	m, err := managerOf(env, user)
	if err != nil {
		return serviceError("status", err)
	}
	s, err := m.state()
	if err != nil {
		return serviceError("status", err)
	}
	err = env.Show(map[string]any{"service": serviceName, "user": user, "status": s, "manager": m.name()}, func() {
		env.Print("%s\n", s)
	})
	if err == nil && s.code() != cli.ExitDone {
		return cli.Exit(s.code(), "")
	}
	return err
}

// Examine tells the doctor of service managers that he does not know himself.
func Examine() (string, doctor.Service) {
	m, err := othersManager(false)
	if err != nil {
		return "", doctor.Service{Err: err}
	}
	s, err := m.state()
	if err != nil {
		err = fmt.Errorf("%s: %w", m.name(), err)
	}
	return m.name(), doctor.Service{Err: err, Installed: err == nil && s != notInstalled, Running: s == running}
}

func serviceError(action string, err error) error {
	var f *cli.Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, os.ErrPermission):
		return cli.Fail(cli.ExitNotPermitted, "run it as root, or with --user for a service of your own", "service %s: %w", action, err)
	case errors.Is(err, service.ErrNoServiceSystemDetected):
		return cli.Fail(cli.ExitFailed, "run bilikeeper daemon under whatever starts programs here", "service %s: no service manager was found", action)
	}
	return cli.Fail(cli.ExitFailed, "ask the service manager itself, systemctl status bilikeeper for example; bilikeeper daemon runs the keeper without one",
		"service %s (%s): %w", action, cli.Dash(service.Platform()), err)
}
