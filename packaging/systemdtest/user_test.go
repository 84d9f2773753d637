//go:build linux && systemd

package systemdtest_test

import (
	"os"
	"strings"
	"testing"
)

// TestUserService is the service of one user who is never logged in.
func TestUserService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyIn(built.program(t), program)
	w.must("useradd", "--create-home", "alice")
	w.must("useradd", "--create-home", "bob")
	uid := strings.TrimSpace(w.must("id", "--user", "alice"))
	const home = "/home/alice"
	// Nothing of a session is in the environment, as in a script of cron.
	alice := func(args ...string) []string { return bare("alice", args...) }
	manager := func(args ...string) []string {
		return bare("alice", append([]string{"env", "XDG_RUNTIME_DIR=/run/user/" + uid, "systemctl", "--user"}, args...)...)
	}
	active := func() bool { return w.run(manager("is-active", unit)...).code == 0 }

	t.Run("no bus", func(t *testing.T) {
		w := w.in(t)
		for _, command := range []string{"install", "start", "status"} {
			r := w.want(1, bare("bob", "bilikeeper", "service", "--user", command)...)
			if !strings.Contains(r.stderr, "loginctl enable-linger bob") {
				t.Errorf("%s names no mend: %s", command, r)
			}
		}
		w.want(0, bare("bob", "bilikeeper", "service", "--user", "uninstall")...)
	})

	w.must("loginctl", "enable-linger", "alice")
	w.until("the user's service manager is there", func() bool { return w.there("/run/user/" + uid + "/bus") })
	w.must(alice("mkdir", "--parents", home+"/.config/bilikeeper")...)
	w.write(home+"/.config/bilikeeper/config.toml", w.configuration(""), 0o644)
	w.wantOwnState("alice", "not installed", 15)
	w.must(alice("bilikeeper", "service", "--user", "install")...)
	w.wantOwnState("alice", "stopped", 10)
	w.must(alice("bilikeeper", "service", "--user", "start")...)
	w.wantOwnState("alice", "running", 0)
	w.logIn(account, alice("bilikeeper")...)
	w.wantAccount(alice("bilikeeper")...)
	w.wantOwner("/run/user/"+uid+"/bilikeeper/control.sock", "alice 600")
	w.wantOwner(home+"/.local/state/bilikeeper/vault.db", "alice 600")
	// The machine's keeper is another matter.
	w.wantState("not installed", 15)

	t.Run("reload", func(t *testing.T) {
		w := w.in(t)
		w.must(manager("reload", unit)...)
		w.write(home+"/.config/bilikeeper/config.toml", w.configuration("[nonsense]\n"), 0o644)
		if r := w.run(manager("reload", unit)...); r.code == 0 {
			t.Errorf("a wrong configuration was taken: %s", r)
		}
		w.write(home+"/.config/bilikeeper/config.toml", w.configuration(""), 0o644)
		w.must(manager("reload", unit)...)
	})
	t.Run("killed", func(t *testing.T) {
		w := w.in(t)
		w.must(manager("kill", "--signal=KILL", "--kill-whom=main", unit)...)
		w.until("the service is gone", func() bool { return !active() })
		w.until("the service comes back", active)
		w.wantAccount(alice("bilikeeper")...)
	})
	t.Run("boot", func(t *testing.T) {
		w := w.in(t)
		w.must("systemctl", "restart", "user@"+uid+".service")
		w.until("the service starts with the user's service manager", active)
		w.wantAccount(alice("bilikeeper")...)
	})
	t.Run("removal", func(t *testing.T) {
		w := w.in(t)
		r := w.want(0, alice("bilikeeper", "service", "--user", "uninstall")...)
		if !strings.Contains(r.stderr, home+"/.config/bilikeeper/config.toml") || !strings.Contains(r.stderr, home+"/.local/state/bilikeeper") {
			t.Errorf("it does not say what stays: %s", r)
		}
		w.wantOwnState("alice", "not installed", 15)
		if r := w.want(0, alice("bilikeeper", "service", "--user", "uninstall")...); !strings.Contains(r.stderr, "not installed") {
			t.Errorf("once more: %s", r)
		}
		if !w.there(home + "/.local/state/bilikeeper/vault.db") {
			t.Error("the vault is gone")
		}
		if left, err := os.ReadDir(w.path(home + "/.config/systemd/user")); err == nil {
			for _, e := range left {
				if strings.HasPrefix(e.Name(), "bilikeeper") {
					t.Errorf("%s is left", e.Name())
				}
			}
		}
	})
}

// bare is a command as a user, with the environment that cron gives.
func bare(user string, args ...string) []string {
	return append([]string{
		"runuser", "--user", user, "--", "env", "-i", "HOME=/home/" + user, "LOGNAME=" + user, "SHELL=/bin/sh", "PATH=/usr/local/bin:/usr/bin:/bin",
	}, args...)
}

func (w world) wantOwnState(user, word string, code int) {
	w.t.Helper()
	if r := w.want(code, bare(user, "bilikeeper", "service", "--user", "status")...); r.stdout != word+"\n" {
		w.t.Fatalf("service --user status says %s", r)
	}
}
