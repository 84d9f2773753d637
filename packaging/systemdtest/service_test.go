//go:build linux && systemd

package systemdtest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestService is a service that the program installs by itself, from its
// installation to its removal.
func TestService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("useradd", "--create-home", "recorder")
	w.must("useradd", "--create-home", "guest")
	w.copyIn(built.program(t), program)
	w.write(configFile, w.configuration(""), 0o644)
	w.wantState("not installed", 15)
	w.must("bilikeeper", "service", "install")
	w.wantState("stopped", 10)
	w.must("bilikeeper", "service", "start")
	w.wantState("running", 0)
	for _, part := range []struct {
		name string
		test func(world)
	}{
		{"user", testUserOfItsOwn}, {"others", testOthers}, {"reload", testReload}, {"words", testWords},
		{"slot", testSlot}, {"wrong configuration", testWrongConfiguration}, {"removal", testRemoval}, {"places", testPlaces},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(w.in(t)) })
	}
}

// wantState wants service status to say a word and to end with its code.
func (w world) wantState(word string, code int, args ...string) {
	w.t.Helper()
	if r := w.want(code, append([]string{"bilikeeper", "service", "status"}, args...)...); r.stdout != word+"\n" {
		w.t.Fatalf("service status says %s", r)
	}
}

// testUserOfItsOwn: the keeper is nobody that the system knows, and its files are
// its own.
func testUserOfItsOwn(w world) {
	if text := w.property("StatusText"); text != "0 accounts" {
		w.t.Errorf("the service says of itself %q", text)
	}
	w.logIn(account, "bilikeeper")
	w.wantAccount()
	w.until("the service says how many accounts there are", func() bool { return w.property("StatusText") == "1 account" })
	who := strings.TrimSpace(w.must("stat", "--format=%U %a", "/proc/"+w.mainPID()))
	if who != "bilikeeper 555" {
		w.t.Errorf("the process is of %s", who)
	}
	if strings.Contains(w.read("/etc/passwd"), "bilikeeper") {
		w.t.Error("there is a user of that name")
	}
	for path, want := range map[string]string{
		"/var/lib/private/bilikeeper": "bilikeeper 700", vaultFile: "bilikeeper 600", "/var/lib/private/bilikeeper/vault.key": "bilikeeper 600",
		"/run/bilikeeper/": "bilikeeper 750", "/run/bilikeeper/control.sock": "bilikeeper 600",
	} {
		w.wantOwner(path, want)
	}
	if limits := w.read("/proc/" + w.mainPID() + "/limits"); !regexp.MustCompile(`Max core file size +0 +0 `).MatchString(limits) {
		w.t.Errorf("a core is written: %s", limits)
	}
}

func (w world) wantOwner(path, want string) {
	w.t.Helper()
	if got := strings.TrimSpace(w.must("stat", "--format=%U %a", path)); got != want {
		w.t.Errorf("%s: %s, want %s", path, got, want)
	}
}

// testOthers lets another user of the system in, and nobody else.
func testOthers(w world) {
	as := func(user string, args ...string) []string {
		return append([]string{"runuser", "--user", user, "--", "bilikeeper"}, args...)
	}
	w.want(7, as("recorder", "get", account)...)
	w.write(configFile, w.configuration("[[control.allow]]\nuser = \"recorder\"\naccounts = [\"*\"]\nmay = [\"status\", \"get\"]\n"), 0o644)
	w.must("systemctl", "reload", unit)
	w.wantAccount(as("recorder")...)
	w.want(7, as("recorder", "check", account)...)
	r := w.want(7, as("guest", "get", account)...)
	if !strings.Contains(r.stderr, "[[control.allow]]") || !strings.Contains(r.stderr, `user = "guest"`) {
		w.t.Errorf("the refusal names no entry: %s", r)
	}

	// A start grants it as the reload did.
	w.must("bilikeeper", "service", "restart")
	w.wantAccount(as("recorder")...)
	w.want(7, as("guest", "get", account)...)

	// What was granted is taken away again.
	w.write(configFile, w.configuration(""), 0o644)
	w.must("systemctl", "reload", unit)
	w.want(7, as("recorder", "get", account)...)
	if acl := w.must("getfacl", "--absolute-names", "/run/bilikeeper"); strings.Contains(acl, "user:recorder") {
		w.t.Errorf("the way stays open: %s", acl)
	}
}

// testReload: a configuration that is wrong fails the reload and changes nothing.
func testReload(w world) {
	pid, since := w.mainPID(), w.moment()
	w.write(configFile, w.configuration("[login\n"), 0o644)
	r := w.run("systemctl", "reload", unit)
	if r.code == 0 {
		w.t.Errorf("systemctl reload succeeded: %s", r)
	}
	if r := w.want(2, "bilikeeper", "reload"); !strings.Contains(r.stderr, configFile+":") {
		w.t.Errorf("the fault has no place: %s", r)
	}
	w.wantState("running", 0)
	w.wantAccount()
	if s := w.status(); len(s.Daemon.Problems) != 1 || !strings.Contains(s.Daemon.Problems[0], configFile) {
		w.t.Errorf("the status does not tell: %q", s.Daemon.Problems)
	}
	if said := w.journal(since, "err"); !strings.Contains(said, configFile) {
		w.t.Errorf("the journal has no error of it: %s", said)
	}
	w.write(configFile, w.configuration(""), 0o644)
	w.must("systemctl", "reload", unit)
	if s := w.status(); len(s.Daemon.Problems) != 0 {
		w.t.Errorf("after a reload that went well: %q", s.Daemon.Problems)
	}
	// A signal that somebody sends by hand is obeyed as well.
	w.must("systemctl", "kill", "--signal=HUP", unit)
	w.until("the service is not reloading any more", func() bool { return w.property("ActiveState") == "active" })
	if now := w.mainPID(); now != pid {
		w.t.Errorf("the process was %s, and is %s", pid, now)
	}
}

// testWords brings the service into each state that has a word.
func testWords(w world) {
	w.dropIn("slow", "ExecReload=/bin/sleep 1000\nExecStop=/bin/sleep 1000\nTimeoutStopSec=4")
	w.must("systemctl", "reload", "--no-block", unit)
	w.until("the service is reloading", func() bool { return w.property("ActiveState") == "reloading" })
	w.wantState("reloading", 14)
	w.must("systemctl", "kill", "--kill-whom=control", "--signal=KILL", unit)
	w.until("the reload is over", func() bool { return w.property("ActiveState") == "active" })
	w.must("systemctl", "stop", "--no-block", unit)
	w.until("the service is stopping", func() bool { return w.property("ActiveState") == "deactivating" })
	w.wantState("stopping", 13)
	w.must("systemctl", "kill", "--kill-whom=control", "--signal=KILL", unit)
	w.until("the service is stopped", func() bool { return w.property("ActiveState") != "deactivating" })
	w.dropOut("slow")
	w.must("systemctl", "reset-failed", unit)
	w.wantState("stopped", 10)
	w.must("bilikeeper", "service", "start")

	w.must("systemctl", "kill", "--signal=KILL", unit)
	w.until("the service is about to start", func() bool { return w.property("ActiveState") == "activating" })
	r := w.want(12, "bilikeeper", "service", "status", "--json")
	var said struct {
		Service, Status, Manager string
		User                     bool
	}
	if err := json.Unmarshal([]byte(r.stdout), &said); err != nil || said.Service != "bilikeeper" || said.Status != "starting" || said.Manager != "systemd" || said.User {
		w.t.Errorf("%v in %s", err, r)
	}
	w.until("the service is back", func() bool { return w.property("ActiveState") == "active" })
	w.wantAccount()

	// A user may ask, and may not change anything.
	ask := []string{"runuser", "--user", "guest", "--", "bilikeeper", "service"}
	w.want(0, append(ask, "status")...)
	if r := w.want(7, append(ask, "stop")...); !strings.Contains(r.stderr, "run it as root, or with --user") {
		w.t.Error(r)
	}

	w.site.Kill(mid)
	w.want(5, "bilikeeper", "check", account)
	w.until("the service says that a login is needed", func() bool { return w.property("StatusText") == "1 account, 1 needs a login" })
	w.logIn(account, "bilikeeper")
	w.until("the service says that it is well", func() bool { return w.property("StatusText") == "1 account" })
}

// testSlot opens the vault by a credential of the service manager alone.
func testSlot(w world) {
	const key, store = "/var/lib/private/bilikeeper/vault.key", "/etc/credstore/bilikeeper.key"
	w.must("install", "-d", "-m", "700", "/etc/credstore")
	w.must("sh", "-c", "umask 077; head --bytes=32 /dev/urandom >"+store)
	w.must("bilikeeper", "vault", "slots", "add", "file", store, "--credential", "vaultkey")
	w.must("bilikeeper", "service", "stop")
	w.must("mv", key, "/root/vault.key")

	// The vault stays shut, and is not begun anew.
	since := w.moment()
	if r := w.run("systemctl", "start", unit); r.code == 0 {
		w.t.Errorf("without its key it started: %s", r)
	}
	w.must("systemctl", "stop", unit)
	if said := w.journal(since, "err"); !strings.Contains(said, "vault.key") {
		w.t.Errorf("the journal does not tell: %s", said)
	}
	w.dropIn("key", "LoadCredential=vaultkey:"+store)
	w.must("bilikeeper", "service", "start")
	w.wantAccount()
	if w.there(key) {
		w.t.Error("a key file was made")
	}

	// Another key than the one that was added opens nothing.
	w.must("cp", "-p", store, "/root/slot.key")
	w.must("sh", "-c", "head --bytes=32 /dev/urandom >"+store)
	if r := w.run("systemctl", "restart", unit); r.code == 0 {
		w.t.Errorf("another key opened it: %s", r)
	}
	w.must("systemctl", "stop", unit)
	w.must("cp", "-p", "/root/slot.key", store)
	w.must("bilikeeper", "service", "start")
	w.wantAccount()
}

// testWrongConfiguration: trying again mends nothing, so nothing is tried.
func testWrongConfiguration(w world) {
	since := w.moment()
	w.write(configFile, w.configuration("[nonsense]\n"), 0o644)
	if r := w.run("systemctl", "restart", unit); r.code == 0 {
		w.t.Errorf("it started: %s", r)
	}
	w.wantState("failed", 11)
	if ended, again := w.property("ExecMainStatus"), w.property("NRestarts"); ended != "78" || again != "0" {
		w.t.Errorf("it ended with %s and was started again %s times", ended, again)
	}
	if said := w.journal(since, "err"); !strings.Contains(said, configFile) || !strings.Contains(said, "nonsense") {
		w.t.Errorf("the journal does not tell: %s", said)
	}
	w.write(configFile, w.configuration(""), 0o644)
	w.must("bilikeeper", "service", "start")
	w.wantAccount()
}

// testRemoval takes the service away while it runs, and keeps what it kept.
func testRemoval(w world) {
	const mine = "/etc/systemd/system/" + unit
	r := w.want(0, "bilikeeper", "service", "uninstall")
	if !strings.Contains(r.stderr, configFile) || !strings.Contains(r.stderr, "/var/lib/bilikeeper") {
		w.t.Errorf("it does not say what stays: %s", r)
	}
	w.wantState("not installed", 15)
	if w.mainPID() != "0" || w.there(mine) || w.there("/etc/systemd/system/multi-user.target.wants/"+unit) {
		w.t.Error("something of the service is left")
	}
	if !w.there(vaultFile) || !w.there(configFile) {
		w.t.Error("the vault or the configuration is gone")
	}
	if r := w.want(0, "bilikeeper", "service", "uninstall"); !strings.Contains(r.stderr, "not installed") {
		w.t.Errorf("once more: %s", r)
	}
	w.must("bilikeeper", "service", "install")
	w.must("bilikeeper", "service", "start")
	w.wantAccount()
}

// testPlaces installs it with places of its own, by a link that an update moves on.
func testPlaces(w world) {
	const link, config, socket, state = "/usr/local/sbin/bilikeeper", "/etc/bilikeeper/other.toml", "/run/bilikeeper/other.sock", "/var/lib/bilikeeper/other"
	w.must("ln", "--symbolic", program, link)
	w.write(config, w.configuration(""), 0o644)
	r := w.want(2, link, "service", "install", "--state-dir", "/srv/bilikeeper")
	if !strings.Contains(r.stderr, "/var/lib/bilikeeper") {
		w.t.Errorf("it does not say where it may be: %s", r)
	}
	w.must(link, "--config", config, "--socket", socket, "service", "install", "--state-dir", state)
	if text := w.read("/etc/systemd/system/" + unit); !strings.Contains(text, "ExecStart="+link+" daemon --config "+config+" --socket "+socket+" --state-dir "+state+"\n") {
		w.t.Errorf("the unit is\n%s", text)
	}
	w.must("bilikeeper", "service", "restart")
	if s := w.status("bilikeeper", "--socket", socket); len(s.Accounts) != 0 {
		w.t.Errorf("it has the accounts %+v", s.Accounts)
	}
	w.must("systemctl", "reload", unit)
	w.wantOwner("/var/lib/private/bilikeeper/other/vault.db", "bilikeeper 600")
}
