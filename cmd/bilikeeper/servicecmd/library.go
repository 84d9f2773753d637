package servicecmd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/internal/durable"
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
		"StartType": "automatic", "DelayedAutoStart": true, // Windows
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
	switch kind := kindHere(); kind {
	case kindOpenRC, kindLaunchd:
		return nil, l.put(p, kind)
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

// put writes the file of a service over an older one. OpenRC's keeper goes on as it
// was until it is restarted; launchd reads the file when it starts one.
func (l library) put(p plan, kind string) error {
	path, text, err := p.file(kind)
	if err != nil {
		return err
	}
	before, err := l.state()
	if err != nil {
		return err
	}
	if kind == kindLaunchd && before != notInstalled {
		if err := l.service.Stop(); err != nil && before == running {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if kind == kindOpenRC {
		mode = 0o755
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	switch {
	case kind == kindOpenRC:
		return said(exec.Command("rc-update", "add", serviceName, "default").CombinedOutput())
	case before == running:
		return l.service.Start()
	}
	return nil
}

// said is the error of a program, with what the program said.
func said(out []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(string(out)), " "))
}

func (l library) uninstall() (found bool, notes []string, err error) {
	s, err := l.state()
	if err != nil || s == notInstalled {
		return false, nil, err
	}
	if s != stopped && s != failed {
		if err := l.service.Stop(); err != nil {
			return true, nil, err
		}
	}
	if kindHere() == kindOpenRC {
		// The library takes the script away first, and rc-update then knows of none.
		// It fails where one of the runlevels does not have it.
		_ = exec.Command("rc-update", "--all", "delete", serviceName).Run()
		return true, nil, os.Remove("/etc/init.d/" + serviceName)
	}
	return true, nil, l.service.Uninstall()
}

func (l library) control(action string) error {
	if kindHere() == kindOpenRC {
		// The library's restart is a stop and a start, and not what the script
		// knows as one.
		return said(exec.Command("rc-service", serviceName, action).CombinedOutput())
	}
	if action == "start" && kindHere() == kindLaunchd {
		// One that launchd knows of and that has ended is not loaded again.
		if _, err := launchctlList(); err == nil {
			return said(exec.Command("launchctl", "start", serviceName).CombinedOutput())
		}
	}
	return service.Control(l.service, action)
}

// launchctlList is what launchd says of a service that it knows.
func launchctlList() (string, error) {
	out, err := exec.Command("launchctl", "list", serviceName).Output()
	return string(out), err
}

// launchdState reads how a service ended that does not run. What ended with a signal
// has its number there, what ended with a code the code in the second byte.
func launchdState(listed string) state {
	_, rest, found := strings.Cut(listed, `"LastExitStatus" = `)
	if code, _, _ := strings.Cut(rest, ";"); found && code != "0" && code != "15" {
		return failed
	}
	return stopped
}

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
	case status == service.StatusStopped && kindHere() == kindLaunchd:
		listed, _ := launchctlList() // one that is not loaded is not known
		return launchdState(listed), nil
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
