//go:build linux && systemd

package systemdtest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// ownAccount is the account of the keeper that is a user's own.
const ownAccount = "own"

// TestCallers calls the keeper from wherever programs are started: each finds the
// one that it may use, or is told in one sentence what would let it in.
func TestCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyIn(built.deb(t), newDeb)
	w.apt("install", newDeb)
	w.must("groupadd", "media")
	for _, name := range []string{"recorder", "guest", "alice"} {
		w.must("useradd", "--create-home", name)
	}
	w.must("useradd", "--create-home", "--groups", "media", "member")
	w.write("/etc/sudoers.d/alice", "alice ALL=(ALL) NOPASSWD: ALL\n", 0o440)
	w.write(configFile, w.configuration(`[[control.allow]]
user = "recorder"
accounts = ["*"]
may = ["get"]
[[control.allow]]
group = "media"
accounts = ["main"]
may = ["status", "get"]
`), 0o644)
	w.must("systemctl", "restart", unit)
	w.logIn(account, "bilikeeper")
	w.ownKeeper("alice")

	people := map[string]func(world, result){
		"root": world.wantMachines, "recorder": world.wantMachines, "member": world.wantMachines,
		"guest": world.wantRefusal, "alice": world.wantOwn,
	}
	cron := w.startCron(people)
	for _, way := range ways() {
		for name, want := range people {
			if name == "root" && way.notRoot {
				continue
			}
			t.Run(way.name+" "+name, func(t *testing.T) {
				w := w.in(t)
				want(w, w.run(way.as(name, "bilikeeper", "get", wanted(name))...))
			})
		}
	}
	t.Run("sudo", func(t *testing.T) {
		w := w.in(t)
		w.wantMachines(w.run("runuser", "--user", "alice", "--", "sudo", "bilikeeper", "get", account))
	})
	t.Run("a service's own user", func(t *testing.T) {
		w := w.in(t)
		r := w.run("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--property=DynamicUser=yes", "--unit=reader", "bilikeeper", "get", account)
		// It has no entry in /etc/passwd, so that only its number is known.
		if r.code != 7 || !regexp.MustCompile(`\[\[control\.allow\]\] with user = "[0-9]+"`).MatchString(r.stderr) {
			t.Error(r)
		}
	})
	t.Run("cron", func(t *testing.T) { w.in(t).wantFromCron(cron) })
	t.Run("no keeper", func(t *testing.T) { testNoKeeper(w.in(t)) })
}

// wanted is the account that a user asks for.
func wanted(user string) string {
	if user == "alice" {
		return ownAccount
	}
	return account
}

type way struct {
	name string
	as   func(user string, command ...string) []string
	// notRoot is set where it makes no difference for root, who calls.
	notRoot bool
}

func ways() []way {
	after := func(words ...string) func(string, ...string) []string {
		return func(user string, command ...string) []string {
			var all []string
			for _, word := range words {
				all = append(all, strings.ReplaceAll(word, "USER", user))
			}
			return append(all, command...)
		}
	}
	shell := func(words ...string) func(string, ...string) []string {
		return func(user string, command ...string) []string {
			return append(after(words...)(user), strings.Join(command, " "))
		}
	}
	return []way{
		{name: "env -i", as: after("runuser", "--user", "USER", "--", "env", "-i", "/usr/bin/env", "PATH=/usr/bin:/bin")},
		{name: "sudo -u", as: after("sudo", "-u", "USER")},
		{name: "sudo -u with a session's variables", as: after("env", "XDG_RUNTIME_DIR=/run/user/0", "sudo", "--preserve-env", "-u", "USER"), notRoot: true},
		{name: "su", as: shell("env", "XDG_RUNTIME_DIR=/run/user/0", "su", "USER", "-c"), notRoot: true},
		{name: "su -", as: shell("su", "-", "USER", "-c")},
		{name: "a service", as: after("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=USER", "--")},
	}
}

// ownKeeper gives a user a keeper of that user's own.
func (w world) ownKeeper(user string) {
	w.t.Helper()
	w.must("loginctl", "enable-linger", user)
	uid := strings.TrimSpace(w.must("id", "--user", user))
	w.until("the user's service manager is there", func() bool { return w.there("/run/user/" + uid + "/bus") })
	w.must(bare(user, "mkdir", "--parents", "/home/"+user+"/.config/bilikeeper")...)
	w.write("/home/"+user+"/.config/bilikeeper/config.toml", w.configuration(""), 0o644)
	w.must(bare(user, "bilikeeper", "service", "--user", "install")...)
	w.must(bare(user, "bilikeeper", "service", "--user", "start")...)
	w.logIn(ownAccount, bare(user, "bilikeeper")...)
}

// wantMachines wants the credential of the machine's keeper.
func (w world) wantMachines(r result) {
	w.t.Helper()
	if r.code != 0 || r.stdout != w.must("bilikeeper", "get", account) || r.stderr != "" {
		w.t.Errorf("not the machine's credential: %s", r)
	}
}

// wantOwn wants the credential of the user's own keeper, though the machine's is
// there.
func (w world) wantOwn(r result) {
	w.t.Helper()
	if r.code != 0 || !w.hasSession(r.stdout) || r.stdout == w.must("bilikeeper", "get", account) || r.stderr != "" {
		w.t.Errorf("not the own credential: %s", r)
	}
}

// wantRefusal wants the one sentence that helps.
func (w world) wantRefusal(r result) {
	w.t.Helper()
	if r.code != 7 || r.stdout != "" || !strings.Contains(r.stderr, "/run/bilikeeper/control.sock") || strings.Count(r.stderr, "\n") != 2 || strings.Contains(r.stderr, "bilikeeper daemon") ||
		!strings.Contains(r.stderr, `hint: its owner can let you in: add to the keeper's configuration [[control.allow]] with user = "guest"`) {
		w.t.Errorf("not the refusal: %s", r)
	}
}

// job is what cron runs for somebody, and where that leaves what came of it.
type job struct {
	place string
	want  func(world, result)
}

func (w world) startCron(people map[string]func(world, result)) []job {
	w.t.Helper()
	var jobs []job
	var table strings.Builder
	for name, want := range people {
		place := "/tmp/cron-" + name
		fmt.Fprintf(&table, "* * * * * %s bilikeeper get %s >%[3]s.out 2>%[3]s.err; echo $? >%[3]s.new; mv %[3]s.new %[3]s.code\n", name, wanted(name), place)
		jobs = append(jobs, job{place, want})
	}
	w.write("/etc/cron.d/reader", table.String(), 0o644)
	return jobs
}

func (w world) wantFromCron(jobs []job) {
	w.t.Helper()
	for _, j := range jobs {
		w.until("cron has run "+j.place, func() bool { return w.there(j.place + ".code") })
		r := result{stdout: w.read(j.place + ".out"), stderr: w.read(j.place + ".err")}
		if _, err := fmt.Sscan(w.read(j.place+".code"), &r.code); err != nil {
			w.t.Fatal(err)
		}
		j.want(w, r)
	}
}

// testNoKeeper stops the machine's keeper. Whoever has none is told what was tried.
func testNoKeeper(w world) {
	w.must("systemctl", "stop", unit)
	for _, user := range []string{"recorder", "guest"} {
		r := w.want(3, bare(user, "bilikeeper", "get", account)...)
		if !strings.Contains(r.stderr, "/run/bilikeeper/control.sock") {
			w.t.Errorf("it does not say where it looked: %s", r)
		}
	}
	w.want(3, "bilikeeper", "get", account)
	w.want(0, bare("alice", "bilikeeper", "get", ownAccount)...)
	w.must("systemctl", "start", unit)
}
