package servicecmd

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"runtime"

	"github.com/kardianos/service"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// library is a manager by the library, which knows launchd, Windows services,
// OpenRC and others.
type library struct {
	user    bool
	service service.Service
}

func newLibrary(user bool) (library, error) {
	s, err := newLibraryService(packaging.Program{}, user, idle{})
	return library{user, s}, err
}

// newLibraryService is a service with our own files, where the library takes them.
func newLibraryService(p packaging.Program, user bool, run service.Interface) (service.Service, error) {
	if p.Path == "" {
		path, err := cli.Program()
		if err != nil {
			return nil, err
		}
		p.Path = path
	}
	options := service.KeyValue{
		"UserService": user, "KeepAlive": true, "RunAtLoad": true,
		"StartType": "automatic", "DelayedAutoStart": true, "OnFailure": "restart", // Windows
	}
	for kind, option := range map[string]string{kindOpenRC: "OpenRCScript", kindLaunchd: "LaunchdConfig"} {
		if _, text, err := (plan{p, user}).file(kind); err == nil {
			options[option] = text
		}
	}
	args := []string{"daemon"}
	if runtime.GOOS == "windows" {
		args = append(args, "--service")
	}
	return service.New(run, &service.Config{
		Name: serviceName, DisplayName: "bilikeeper", Description: "Keeps Bilibili logins alive",
		Executable: p.Path, Arguments: append(args, p.Args()...), Option: options,
	})
}

func (l library) name() string { return l.service.Platform() }

func (l library) install(p plan) (notes []string, err error) {
	if l.service, err = newLibraryService(p.Program, p.user, idle{}); err != nil {
		return nil, err
	}
	if _, err := user.Lookup(serviceName); kindHere() == kindOpenRC && err != nil {
		return nil, cli.Fail(cli.ExitFailed, "adduser -S -D -H -h /var/lib/bilikeeper -s /sbin/nologin bilikeeper, with a group: addgroup -S bilikeeper; elsewhere useradd --system --user-group bilikeeper",
			"the service runs as the user %s, and there is none", serviceName)
	}
	// The library refuses to install over an older installation; an upgrade is
	// what a person means by installing again.
	if s, err := l.state(); err == nil && s != notInstalled {
		if err := l.service.Uninstall(); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return nil, l.service.Install()
}

func (l library) uninstall() (found bool, notes []string, err error) {
	s, err := l.state()
	if err != nil || s == notInstalled {
		return false, nil, err
	}
	if s == running {
		if err := l.service.Stop(); err != nil {
			return true, nil, err
		}
	}
	return true, nil, l.service.Uninstall()
}

func (l library) control(action string) error { return service.Control(l.service, action) }

func (l library) state() (state, error) {
	if kindHere() == kindOpenRC {
		return openRCState(exec.Command("rc-service", serviceName, "status").Run())
	}
	status, err := l.service.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled), err != nil && l.name() == "unix-systemv" && !there("/etc/init.d/"+serviceName):
		return notInstalled, nil
	case err != nil:
		return unknown, err
	case status == service.StatusRunning:
		return running, nil
	case status == service.StatusStopped:
		return stopped, nil
	}
	return unknown, nil
}

// openRCState reads how rc-service ends, which says more than the library tells.
func openRCState(err error) (state, error) {
	if err == nil {
		return running, nil
	}
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return unknown, err
	}
	switch ended.ExitCode() {
	case 1:
		if there("/etc/init.d/" + serviceName) {
			return unknown, err
		}
		return notInstalled, nil
	case 2:
		return notInstalled, nil
	case 3, 16: // 16: inactive
		return stopped, nil
	case 4:
		return stopping, nil
	case 8:
		return starting, nil
	case 32:
		return failed, nil
	}
	return unknown, nil
}

// idle is a service that is controlled, not run, by this process.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }
