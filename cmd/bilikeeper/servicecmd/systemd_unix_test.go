//go:build unix

package servicecmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// fakeSystemctl puts a systemctl first on PATH that notes what it is asked, and
// whether the unit was there then. body is what else it does.
func fakeSystemctl(t *testing.T, body string) (unit string, asked func() []string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", home+":"+os.Getenv("PATH"))
	unit = filepath.Join(home, ".config", "systemd", "user", unitName)
	log := filepath.Join(home, "asked")
	script := "#!/bin/sh\nthere=no\n[ -e '" + unit + "' ] && there=yes\necho \"$* ($there)\" >>'" + log + "'\n" + body + "\n"
	if err := os.WriteFile(filepath.Join(home, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return unit, func() []string {
		text, _ := os.ReadFile(log)
		_ = os.Remove(log)
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

func wantAsked(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("systemctl was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func usersSystemd() systemd { return systemd{env: &cli.Env{Getenv: os.Getenv}, user: true} }

// TestSystemd installs, installs again with other places, and uninstalls twice.
func TestSystemd(t *testing.T) {
	unit, asked := fakeSystemctl(t, "")
	s, was := usersSystemd(), "no"
	for _, p := range []packaging.Program{{Path: "/opt/b"}, {Path: "/opt/b", Config: "/c.toml", StateDir: "/s"}} {
		if _, err := s.install(plan{p, true}); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(unit); err != nil || string(text) != packaging.UserUnit(p) {
			t.Errorf("%v: the unit is\n%s", err, text)
		}
		wantAsked(t, asked(), "--user show --property=Version ("+was+")", "--user daemon-reload (yes)", "--user enable bilikeeper.service (yes)")
		was = "yes"
	}
	if found, _, err := s.uninstall(); !found || err != nil {
		t.Errorf("uninstall: %v, %v", found, err)
	}
	wantAsked(t, asked(), "--user disable --now bilikeeper.service (yes)", "--user daemon-reload (no)", "--user reset-failed bilikeeper.service (no)")
	if found, _, err := s.uninstall(); found || err != nil {
		t.Errorf("uninstalled again: %v, %v", found, err)
	}
	wantAsked(t, asked(), "")
}

func TestSystemdStates(t *testing.T) {
	codes := map[int]string{}
	for active, want := range map[string]state{
		"active": running, "inactive": stopped, "failed": failed, "activating": starting, "deactivating": stopping,
		"reloading": reloading, "maintenance": unknown,
	} {
		fakeSystemctl(t, "echo LoadState=loaded; echo ActiveState="+active)
		s, err := usersSystemd().state()
		if s != want || err != nil {
			t.Errorf("%s: %s, %v", active, s, err)
		}
		if other, taken := codes[s.code()]; taken {
			t.Errorf("%s and %s end with the same code", active, other)
		}
		codes[s.code()] = active
	}
	fakeSystemctl(t, "echo LoadState=not-found; echo ActiveState=inactive")
	if s, err := usersSystemd().state(); s != notInstalled || err != nil || codes[s.code()] != "" {
		t.Errorf("not there: %s, %v", s, err)
	}
}

// What systemctl refuses is said with its mend.
func TestSystemdRefuses(t *testing.T) {
	unit, _ := fakeSystemctl(t, "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
	if _, err := usersSystemd().install(plan{packaging.Program{Path: "/opt/b"}, true}); err == nil || there(unit) {
		t.Errorf("without a bus something was installed: %v, %v", err, there(unit))
	}
	err := serviceError("start", usersSystemd().control("start"))
	f, ok := errors.AsType[*cli.Failure](err)
	if !ok || f.Code != cli.ExitFailed || !strings.Contains(f.Hint.String(), "loginctl enable-linger") || !strings.Contains(f.Hint.String(), "XDG_RUNTIME_DIR=/run/user/") {
		t.Errorf("without a bus: %#v", err)
	}
	fakeSystemctl(t, "echo 'Failed to start bilikeeper.service: Interactive authentication required.' >&2; exit 1")
	err = serviceError("start", usersSystemd().control("start"))
	if f, ok := errors.AsType[*cli.Failure](err); !ok || f.Code != cli.ExitNotPermitted {
		t.Errorf("without the right: %#v", err)
	}
}
