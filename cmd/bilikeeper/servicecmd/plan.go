package servicecmd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// plan is what a service is to be.
type plan struct {
	packaging.Program
	user bool
}

// planOf takes the places from the command line. A service is not started where
// this command is, so they are whole paths.
func planOf(env *cli.Env, user bool) (plan, error) {
	path, err := cli.Program()
	if err != nil {
		return plan{}, err
	}
	if led, err := filepath.EvalSymlinks(path); err == nil && !user && hidden(path) && !hidden(led) {
		path = led
	}
	p := plan{packaging.Program{Path: path, Config: env.Flags.Config, Socket: env.Flags.Socket, StateDir: env.Flags.StateDir}, user}
	for _, place := range []*string{&p.Config, &p.Socket, &p.StateDir} {
		if *place == "" {
			continue
		}
		if *place, err = filepath.Abs(*place); err != nil {
			return plan{}, err
		}
	}
	return p, nil
}

// The service managers for which it is known what is installed.
const (
	kindSystemd = "systemd"
	kindOpenRC  = "openrc"
	kindLaunchd = "launchd"
	kindWindows = "windows"
)

// kindHere is the kind of the service manager of this machine, "" for one that
// only the library knows.
func kindHere() string {
	kinds := map[string]string{"linux-systemd": kindSystemd, "linux-openrc": kindOpenRC}
	if kind := kinds[service.Platform()]; kind != "" {
		return kind
	}
	switch runtime.GOOS {
	case "darwin":
		return kindLaunchd
	case "windows":
		return kindWindows
	}
	return ""
}

// file is what is installed for a kind of service manager, and where. For Windows,
// which keeps no file, it is what would do the same.
func (p plan) file(kind string) (path, text string, err error) {
	home, _ := os.UserHomeDir()
	switch {
	case kind == kindSystemd && p.user:
		return filepath.Join(home, ".config/systemd/user", unitName), packaging.UserUnit(p.Program), nil
	case kind == kindSystemd:
		return "/etc/systemd/system/" + unitName, packaging.SystemUnit(p.Program), p.visible()
	case kind == kindLaunchd && p.user:
		return filepath.Join(home, "Library/LaunchAgents/bilikeeper.plist"), packaging.LaunchdAgent(p.Program, home), nil
	case kind == kindLaunchd:
		return "/Library/LaunchDaemons/bilikeeper.plist", packaging.Launchd(p.Program), nil
	case p.user:
		return "", "", cli.Fail(cli.ExitUsage, "leave --user out", "%s has no services of users", kind)
	case kind == kindOpenRC:
		return "/etc/init.d/" + serviceName, packaging.OpenRC(p.Program), nil
	case kind == kindWindows:
		return "", packaging.Windows(p.Program), nil
	}
	return "", "", cli.Fail(cli.ExitUsage, "", "unknown service manager %q; known are %s, %s, %s, %s", kind, kindSystemd, kindOpenRC, kindLaunchd, kindWindows)
}

// visible reports whether the system's unit lets its keeper see and write what
// the plan names.
func (p plan) visible() error {
	const mend = "name another, or install a service of your own with --user"
	switch {
	case p.Config != "" && hiddenFromService(p.Config):
		return cli.Fail(cli.ExitUsage, "put it into /etc/bilikeeper, or install a service of your own with --user",
			"the service could not see %s: it is kept out of homes and of /tmp", p.Config)
	case p.Socket != "" && !inside(p.Socket, "/run/bilikeeper"):
		return cli.Fail(cli.ExitUsage, mend, "the service could not make the socket %s: it may write in /run/bilikeeper and /var/lib/bilikeeper alone", p.Socket)
	case p.StateDir != "" && !inside(p.StateDir, "/var/lib/bilikeeper"):
		return cli.Fail(cli.ExitUsage, mend, "the service could not keep its state in %s: it may write in /run/bilikeeper and /var/lib/bilikeeper alone", p.StateDir)
	}
	return nil
}

func inside(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// hiddenFromService reports whether the unit's confinement hides a path, or what
// it leads to.
func hiddenFromService(path string) bool {
	led, err := filepath.EvalSymlinks(path)
	return hidden(path) || err == nil && hidden(led)
}

func hidden(path string) bool {
	for _, dir := range []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

func printPlan(env *cli.Env, p plan, kind string) error {
	if kind == "" {
		if kind = kindHere(); kind == "" {
			kind = kindSystemd
			env.Warn("this is for systemd, which does not run here (%s does)", cli.Dash(service.Platform()))
		}
	}
	path, text, err := p.file(kind)
	if err != nil {
		return err
	}
	return env.Show(map[string]any{"manager": kind, "user": p.user, "path": path, "text": text}, func() {
		if path != "" {
			env.Say("%s", path)
		}
		env.Print("%s", text)
	})
}
