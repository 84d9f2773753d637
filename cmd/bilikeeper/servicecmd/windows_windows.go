package servicecmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// windowsServices is the service manager of Windows. The library installs and
// controls; what it leaves out is added here: the directory that is closed to other
// users, an update of what is installed already, and pauses between restarts.
type windowsServices struct{ library }

func systemManager(l library) manager { return windowsServices{l} }

// private lets in the system and the administrators, with all that is in a directory,
// and nothing from above.
const private = "O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

func (w windowsServices) install(p plan) (notes []string, err error) {
	if p.user {
		return nil, cli.Fail(cli.ExitUsage, "leave --user out", "%s has no services of users", kindWindows)
	}
	dir := p.StateDir
	if dir == "" {
		dir = filepath.Join(os.Getenv("ProgramData"), "bilikeeper")
	}
	if err := closeDirectory(dir); err != nil {
		return nil, &os.PathError{Op: "close to other users", Path: dir, Err: err}
	}
	m, err := mgr.Connect()
	if err != nil {
		return nil, err
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		if notes, err = w.library.install(p); err != nil {
			return notes, err
		}
		if s, err = m.OpenService(serviceName); err != nil {
			return notes, err
		}
	case err != nil:
		return nil, err
	default:
		if err := update(s, p); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if status, err := s.Query(); err == nil && status.State != svc.Stopped {
			notes = append(notes, "the service goes on as it was until bilikeeper service restart")
		}
	}
	return notes, errors.Join(complete(s), s.Close())
}

// update brings a service that is installed up to date, running or not.
func update(s *mgr.Service, p plan) error {
	c, err := s.Config()
	if err != nil {
		return err
	}
	words := append([]string{p.Path, "daemon", "--service"}, p.Args()...)
	for i, word := range words {
		words[i] = windows.EscapeArg(word)
	}
	c.BinaryPathName, c.StartType, c.DelayedAutoStart = strings.Join(words, " "), mgr.StartAutomatic, true
	return s.UpdateConfig(c)
}

// complete sets what the library does not.
func complete(s *mgr.Service) error {
	var actions []mgr.RecoveryAction
	for _, pause := range packaging.WindowsRestarts() {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: pause})
	}
	if err := s.SetRecoveryActions(actions, uint32((24 * time.Hour).Seconds())); err != nil {
		return os.NewSyscallError("SetRecoveryActions", err)
	}
	// How long the system waits for the end before it shuts down.
	milliseconds := uint32(packaging.WindowsShutdown.Milliseconds())
	if err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&milliseconds))); err != nil {
		return os.NewSyscallError("ChangeServiceConfig2", err)
	}
	err := eventlog.InstallAsEventCreate(serviceName, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && !strings.Contains(err.Error(), "exists") {
		return os.NewSyscallError("InstallAsEventCreate", err)
	}
	return nil
}

// closeDirectory makes a directory that other users cannot look into. What lies in
// the one of all programs is readable by everybody, keys and sockets included.
func closeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	rule, err := windows.SecurityDescriptorFromString(private)
	if err != nil {
		return err
	}
	list, _, err := rule.DACL()
	if err != nil {
		return err
	}
	owner, _, err := rule.Owner()
	if err != nil {
		return err
	}
	const what = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, what, owner, nil, list, nil)
}

func (w windowsServices) uninstall() (found bool, notes []string, err error) {
	s, err := w.state()
	if err != nil || s == notInstalled {
		return false, nil, err
	}
	if s != stopped && s != failed {
		if err := w.control("stop"); err != nil {
			return true, nil, err
		}
	}
	return true, nil, remove()
}

// remove takes the service and its source of events away, where there is one.
func remove() error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Delete(), s.Close()); err != nil {
		return err
	}
	if err := eventlog.Remove(serviceName); err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return err
	}
	return nil
}

func (w windowsServices) state() (state, error) {
	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return unknown, err
	}
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return unknown, err
	}
	defer windows.CloseServiceHandle(manager)
	handle, err := windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return notInstalled, nil
	}
	if err != nil {
		return unknown, err
	}
	s := mgr.Service{Name: serviceName, Handle: handle}
	status, err := s.Query()
	if err := errors.Join(err, s.Close()); err != nil {
		return unknown, err
	}
	return stateOf(status), nil
}

func stateOf(status svc.Status) state {
	switch status.State {
	case svc.Running:
		return running
	case svc.StartPending, svc.ContinuePending:
		return starting
	case svc.StopPending:
		return stopping
	case svc.Stopped:
		if code := syscall.Errno(status.Win32ExitCode); code != windows.NO_ERROR && code != windows.ERROR_SERVICE_NEVER_STARTED {
			return failed
		}
		return stopped
	}
	return unknown
}
