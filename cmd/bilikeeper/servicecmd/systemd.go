package servicecmd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

const unitName = serviceName + ".service"

// systemd is a manager. The library's own way to it loses the old unit where the
// new one cannot be written, and takes a unit that failed for none.
type systemd struct {
	env  *cli.Env
	user bool
}

func (s systemd) name() string { return cli.Systemd }

// packaged is the unit that a distribution's package brought, "" where there is
// none.
func (s systemd) packaged() string {
	dirs := []string{"/usr/lib/systemd/system", "/lib/systemd/system"}
	if s.user {
		dirs = []string{"/usr/lib/systemd/user", "/lib/systemd/user"}
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, unitName); there(path) {
			return path
		}
	}
	return ""
}

func (s systemd) install(p plan) (notes []string, err error) {
	path, text, err := p.file(kindSystemd)
	if err != nil {
		return nil, err
	}
	if !s.user && hiddenFromService(p.Path) {
		return nil, cli.FailWith(cli.ExitFailed, cli.Format("install %s /usr/local/bin/, and run that one", p.Path),
			"the service could not see %s: it is kept out of homes and of /tmp", p.Path)
	}
	if packaged := s.packaged(); packaged != "" && !there(path) {
		if len(p.Args()) > 0 {
			return nil, cli.FailWith(cli.ExitFailed, cli.Format("systemctl edit %s changes it", serviceName), "%s belongs to a package and takes no places from here", packaged)
		}
		return []string{packaged + " is used, which a package brought"}, s.systemctl("enable", unitName)
	} else if packaged != "" {
		notes = append(notes, path+" goes before "+packaged+", which a package brought; bilikeeper service uninstall takes it away")
	}
	// Where the manager is not reached nothing is written.
	err = s.systemctl("show", "--property=Version")
	if err == nil {
		err = durable.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = durable.WriteFile(path, []byte(text), 0o644)
	}
	if err == nil {
		err = s.systemctl("daemon-reload")
	}
	if err == nil {
		err = s.systemctl("enable", unitName)
	}
	return notes, err
}

func (s systemd) uninstall() (found bool, notes []string, err error) {
	path, _, err := plan{user: s.user}.file(kindSystemd)
	if err != nil {
		return false, nil, err
	}
	packaged := s.packaged()
	if !there(path) && packaged == "" {
		return false, nil, nil
	}
	// It is stopped before its unit goes.
	if err := s.systemctl("disable", "--now", unitName); err != nil {
		return true, nil, err
	}
	if packaged != "" {
		notes = append(notes, packaged+" stays, which a package brought; the service is stopped and not started with the system.")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, nil, err
	}
	if err := s.systemctl("daemon-reload"); err != nil {
		return true, nil, err
	}
	_ = s.systemctl("reset-failed", unitName) // refused where it did not fail
	return true, notes, nil
}

func (s systemd) control(action string) error { return s.systemctl(action, unitName) }

func (s systemd) state() (state, error) {
	out, err := s.ask("show", unitName, "--property=LoadState,ActiveState")
	if err != nil {
		return unknown, err
	}
	said := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[key] = value
	}
	if said["LoadState"] == "not-found" {
		return notInstalled, nil
	}
	words := map[string]state{
		"active": running, "inactive": stopped, "failed": failed, "activating": starting, "deactivating": stopping,
		"reloading": reloading, "refreshing": reloading,
	}
	return cmp.Or(words[said["ActiveState"]], unknown), nil
}

func (s systemd) systemctl(args ...string) error {
	_, err := s.ask(args...)
	return err
}

func (s systemd) ask(args ...string) (string, error) {
	if s.user {
		args = append([]string{"--user"}, args...)
	}
	cmd := exec.Command("systemctl", args...)
	if dir := fmt.Sprintf("/run/user/%d", os.Getuid()); s.user && s.env.Getenv("XDG_RUNTIME_DIR") == "" && there(dir) {
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil {
		return string(out), nil
	}
	text := strings.Join(strings.Fields(said.String()), " ")
	err = fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, cli.Dash(text))
	switch {
	case s.user && strings.Contains(text, "connect to"):
		return "", cli.Fail(cli.ExitFailed, fmt.Sprintf("as root: loginctl enable-linger %s; then, as the user: export XDG_RUNTIME_DIR=/run/user/%d; or log in as the user itself, not by su or sudo", cli.UserName(), os.Getuid()),
			"this user's service manager is not reached from here: %w", err)
	case strings.Contains(text, "ccess denied"), strings.Contains(text, "authentication required"), strings.Contains(text, "ermission denied"):
		return "", fmt.Errorf("%w: %w", os.ErrPermission, err)
	}
	return "", err
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
