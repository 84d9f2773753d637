package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// What people and scripts get from the commands that work with accounts.
func TestAccountCommands(t *testing.T) {
	b := newBench(t, "")
	b.steps([]step{
		{args: "status", stderr: `^The keeper \(pid \d+, test\) has no account yet\. Add one: bilikeeper login main\n$`},
		{args: "status --json", stdout: `^{\n  "accounts": \[\],\n`, json: true},
		{args: "check --json", stdout: `^{\n  "checks": \[\]\n}\n$`, json: true},
		{args: "refresh main", code: 4, stderr: `^bilikeeper: error: there is no account "main"\nbilikeeper: hint: .*bilikeeper login main`},
		{args: "logout main", code: 4, stderr: `there is no account "main"`},
		{args: "status main", code: 4, stderr: `there is no account "main"`},
		{args: "refresh", code: 2, stderr: `^bilikeeper: error: bilikeeper refresh needs an account's name\nbilikeeper: hint: usage: bilikeeper refresh ACCOUNT\n$`},
		{args: "login main --site moon", code: 2, stderr: `error: .*moon`},
	})
	b.login("main", mid)
	b.steps([]step{
		{args: "refresh main", stdout: `^main: not due; --force rotates all the same\n$`},
		{args: "refresh main --json", stdout: `"outcome": "not_due"`, json: true},
		{args: "refresh main", stdout: `^main: refreshed, generation 2\n$`, before: func() { b.site.Refresh.SetDue(mid, true) }},
		{args: "refresh main --force --json", stdout: `"outcome": "refreshed"`, json: true},
		{args: "check main other", stdout: `^main: ok\n$`, code: 4, stderr: `^bilikeeper: error: other: there is no account "other"\n$`},
		{args: "check main other --json", stdout: `^{\n  "checks": \[\n    {\n`, code: 4, stderr: `there is no account "other"`, json: true},
		{args: "import -", stdin: "SESSDATA", code: 2, stderr: `error: `},
		{args: "import -", code: 2, stderr: `error: read the login: nothing came\nbilikeeper: hint: name a file, or pipe the login in`},
		{args: "import -", stdin: strings.Repeat("x", 1<<20+1), code: 2, stderr: `error: read the login: more than 1 MiB; this is no login`},
		{args: "get main --format env -o DIR/nowhere/file", code: 1, stderr: `^bilikeeper: error: write .*/nowhere/file: `},
	})
	_, cookie, _ := b.run("", "get", "main")
	_, full, _ := b.run("", "get", "main", "--format", "json", "--with-refresh-token")
	b.steps([]step{
		{args: "import - --account copy --json", stdin: cookie, stdout: `"refreshable": false`, json: true},
		{args: "refresh copy", code: 5, stderr: `^bilikeeper: error: account copy needs a login: its session works but cannot be refreshed\nbilikeeper: hint: run: bilikeeper login copy\n$`},
		{args: "refresh copy --json", code: 5, stderr: `hint: run: bilikeeper login copy`},
		{args: "import - --account copy --format json --replace", stdin: full, stderr: `^ok copy is example \(mid 100200300\), read as json\nIt can be refreshed\.\n`},
		{args: "import - --account copy --format papyrus", stdin: full, code: 2, stderr: `papyrus`},
		{args: "forget copy --json", stdout: `^{\n  "account": "copy",\n  "forgotten": true\n}\n$`, json: true},
	})
	away := func() { b.site.SetTrouble(passporttest.Any, passporttest.HTTP412) }
	back := func() { b.site.SetTrouble(passporttest.Any, passporttest.None) }
	b.steps([]step{
		{args: "refresh main --force", code: 6, stdout: `^main: not refreshed: .*412.*\n$`, stderr: `^bilikeeper: hint: nothing is lost; the credential in use goes on working\n$`, before: away},
		{args: "logout main", code: 6, stderr: `hint: nothing was changed; bilikeeper forget main removes it here without asking the site\n$`},
		{args: "logout main --json", code: 6, stderr: `error: `},
		{args: "check main --force --json", code: 6, stdout: `"outcome": "blocked"`, json: true},
		{args: "check main --force", stdout: `^main: ok\n$`, before: back},
		{args: "check main --json", code: 5, stdout: `"outcome": "dead"`, stderr: `^bilikeeper: hint: log in again: bilikeeper login main\n$`, json: true, before: func() { b.site.Kill(mid) }},
		{args: "wait main --for needs_login --timeout 60s --json", stdout: `"name": "main"`, json: true},
		{args: "wait main --for logging_in --timeout 60s --json", stdout: `"name": "main"`, json: true},
		{args: "wait main --timeout 1s", code: 1, stderr: `^bilikeeper: error: main is logging_in, not valid\n$`},
	})
	b.login("second", 300200100)
	b.login("third", 300200100)
	b.steps([]step{
		{args: "logout second", stderr: `^second is logged out at the site and forgotten here\.\n$`},
		{args: "logout third --yes --json", stdout: `"ended": true`, json: true},
		{args: "forget main", stderr: `^main is forgotten here\. Its session at the site lives on until it expires\.\n$`},
	})
}

// Each format of get goes out as it is asked for, or not at all.
func TestGetFormats(t *testing.T) {
	b := newBench(t, "")
	b.login("main", mid)
	for format, pattern := range map[string]string{
		"header": `^SESSDATA=[^ ]+; `, "json": `^{\n`, "netscape": `^# Netscape HTTP Cookie File\n`, "env": `(?m)^BILIBILI_SESSDATA='`,
		"bilibili-api": `"sessdata"`, "biliup": `"cookie_info"`, "bbdown": `SESSDATA=`, "yutto": `(?m)^sessdata = `, "rsshub": `SESSDATA=`,
		"blrec": `SESSDATA=`, "bililive-recorder": `SESSDATA=`, "playwright": `"cookies"`,
	} {
		b.steps([]step{{args: "get main --format " + format, stdout: pattern}})
	}
	b.steps([]step{
		{args: "get main --format papyrus", code: 2, stderr: `^bilikeeper: error: unknown format "papyrus"`},
		{args: "get main --format papyrus --json", code: 2, stderr: `unknown format "papyrus"`},
		{args: "get main --json", stdout: `"account": "main"`, json: true},
		{args: "get main --with-refresh-token", code: 2, stderr: `refresh token`},
		{args: "get nobody", code: 4, stderr: `there is no account "nobody"`},
		{args: "__complete get m", stdout: "^main\texample, valid\n", stderr: `Completion ended`},
		{args: "__complete status --wa", stdout: `^--watch`, stderr: `Completion ended`},
		{args: "__complete forget main", stdout: `^:4\n|^main`, stderr: `Completion ended`},
		{args: "__complete forget main x", stdout: `^:4\n`, stderr: `Completion ended`},
	})
}

// A watched status is written anew at each change, and ends when it is stopped.
func TestWatchedStatus(t *testing.T) {
	b := newBench(t, "")
	ctx, stop := context.WithCancel(b.Context())
	text := b.begin(ctx, nil, "status", "--watch")
	lines := b.begin(ctx, nil, "status", "--watch", "--json")
	text.sees(&text.stdout, "ACCOUNT  STATE")
	lines.sees(&lines.stdout, `"accounts":[]`)
	b.login("main", mid)
	text.sees(&text.stdout, "main     valid")
	lines.sees(&lines.stdout, `"state":"valid"`)
	one := b.begin(ctx, nil, "status", "main", "--watch")
	one.sees(&one.stdout, "state        valid")
	stop()
	for _, r := range []*running{text, lines, one} {
		r.ends(0)
		if got := r.stderr.String(); got != "" {
			t.Errorf("stderr has %q", got)
		}
	}
	if !isJSON(lines.stdout.String()) {
		t.Errorf("this is no JSON: %s", lines.stdout.String())
	}
	b.steps([]step{{args: "status nobody --watch", code: 4, stderr: `there is no account "nobody"`}})
}

// Followed events come until the command is stopped.
func TestFollowedEvents(t *testing.T) {
	b := newBench(t, "")
	ctx, stop := context.WithCancel(b.Context())
	text := b.begin(ctx, nil, "events", "--follow", "--since", "1h")
	lines := b.begin(ctx, nil, "events", "--follow", "--since", "1h", "--json", "--account", "main")
	b.login("main", mid)
	text.sees(&text.stdout, "login.succeeded")
	lines.sees(&lines.stdout, `"type":"login.succeeded"`)
	stop()
	text.ends(0)
	lines.ends(0)
	if !isJSON(lines.stdout.String()) {
		t.Errorf("this is no JSON: %s", lines.stdout.String())
	}
	b.steps([]step{
		{args: "events --type check.dead"},
		{args: "events --type login.succeeded --json", stdout: `^{"id":\d+,"time":"[^"]+","type":"login\.succeeded","account":"main",`, json: true},
		{args: "events --type no.such", code: 2, stderr: `^bilikeeper: error: --type "no.such" is no type of event\nbilikeeper: hint: there are account\.added, `},
		{args: "events --since soon", code: 2, stderr: `hint: write a duration such as 24h`},
		{args: "events now", code: 2, stderr: `bilikeeper events does not know what to do with "now"`},
	})
}

func TestDeliveryCommands(t *testing.T) {
	b := newBench(t, `
[[notify]]
name = "gone"
type = "webhook"
url = "http://127.0.0.1:1/push"

[[output]]
name = "jar"
account = "main"
format = "netscape"
path = "DIR/jar.txt"

[[output]]
name = "closed"
account = "main"
format = "header"
path = "DIR/nowhere/cookie"
`)
	b.login("main", mid)
	b.steps([]step{
		{args: "notify list", stdout: `^CHANNEL +TYPE +LAST DELIVERED +LAST FAILED +EVENTS\nphone +webhook .*\ngone +webhook `},
		{args: "notify list --json", stdout: `^{\n  "channels": \[\n`, json: true},
		{args: "notify test phone", stdout: `^phone: delivered 204.*\n$`},
		{args: "notify test", code: 1, stdout: `^phone: delivered 204.*\ngone: not delivered: .+\n$`},
		{args: "notify test --json", code: 1, stdout: `"delivered":true.*\n.*"delivered":false`, json: true},
		{args: "notify test pager", code: 2, stderr: `error: there is no notification channel pager\nbilikeeper: hint: configured are: `},
		{args: "notify test phone gone", code: 2, stderr: `bilikeeper notify test does not know what to do with "gone"`},
		{args: "notify tset", code: 2, stderr: `hint: did you mean bilikeeper notify test\?`},
		{args: "output list", stdout: `^OUTPUT +ACCOUNT +KIND +FORMAT +STATE .*\njar +main +file +netscape `},
		{args: "output list --json", stdout: `^{\n  "outputs": \[\n`, json: true},
		{args: "output run jar", stdout: `^jar: ok, generation 1\n$`},
		{args: "output run jar --json", stdout: `"name":"jar"`, json: true},
		{args: "output run closed", code: 1, stderr: `^bilikeeper: error: .*nowhere`},
		{args: "output run", code: 1, stdout: `^jar: ok, generation 1\n$`, stderr: `^bilikeeper: error: .*nowhere.*\n$`},
		{args: "output run nobodys", code: 1, stderr: `^bilikeeper: error: there is no output nobodys\nbilikeeper: hint: configured are: jar, closed\n$`},
		{args: "output run jar closed", code: 2, stderr: `accepts at most 1 arg`},
	})
	if text, err := os.ReadFile(filepath.Join(b.dir, "jar.txt")); err != nil || !strings.Contains(string(text), "SESSDATA") {
		t.Errorf("the output's file: %v, %d bytes", err, len(text))
	}
}

func TestNothingConfigured(t *testing.T) {
	empty := newBench(t, "")
	empty.write("config.toml", "")
	empty.steps([]step{{args: "reload", stderr: `In force now: .*notify`}})
	empty.steps([]step{
		{args: "notify list", stderr: `^No channel is configured\. Add a \[\[notify\]\] entry`},
		{args: "notify test", stderr: `^No channel is configured\.`},
		{args: "notify list --json", stdout: `^{\n  "channels": \[\]\n}\n$`, json: true},
		{args: "output list", stderr: `^No output is configured\. Add an \[\[output\]\] entry`},
		{args: "output run", stderr: `^No output is configured\.`},
		{args: "output list --json", stdout: `^{\n  "outputs": \[\]\n}\n$`, json: true},
	})
}

// A reload says what is in force and what waits.
func TestReloadCommand(t *testing.T) {
	b := newBench(t, "")
	path := filepath.Join(b.dir, "config.toml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := func(more string) func() {
		return func() { b.write("config.toml", string(good)+more) }
	}
	b.steps([]step{
		{args: "reload", stderr: `^Nothing changed\.\n$`},
		{args: "reload --json", stdout: `^{\n`, json: true},
		{args: "reload", stderr: `^In force now: .*quiet_hours|^In force now: `, before: with("\n[refresh]\nauto = false\n")},
		{args: "reload", stderr: `^(In force now: .*\n)?Waits for a restart of the keeper: `, before: with("\n[page]\nlisten = \"127.0.0.1:0\"\n")},
		{args: "reload", code: 2, stderr: `^bilikeeper: error: .*shedule`, before: with("\n[refresh]\nshedule = 1\n")},
		{args: "reload --json", code: 2, stderr: `shedule`},
	})
}

// Without a keeper every command that needs one ends with 3.
func TestNoKeeper(t *testing.T) {
	t.Parallel()
	b := &bench{T: t, env: map[string]string{"BILIKEEPER_SOCKET": filepath.Join(t.TempDir(), "none.sock"), "HOME": t.TempDir()}}
	for _, args := range []string{
		"login main", "status", "status --watch", "check", "check main", "refresh main", "get main", "exec main -- true", "import -", "logout main",
		"forget main", "wait main --timeout 1s", "events", "notify list", "notify test", "notify test phone", "output list", "output run", "output run jar", "reload",
	} {
		for _, form := range []string{"", "--json "} {
			b.steps([]step{{args: form + args, stdin: "SESSDATA=x", code: 3, stderr: `(?s)^bilikeeper: error: no keeper answers on the socket.*\nbilikeeper: hint: start one: bilikeeper daemon, `}})
		}
	}
	b.steps([]step{
		{args: "version", stdout: `^bilikeeper test \(go.*/.*\)\n$`},
		{args: "version --json", stdout: `"version": "test"`, json: true},
		{args: "--version", stdout: `^bilikeeper test\n$`},
		{args: "completion powershell", stdout: `bilikeeper`},
		{args: "wait main --for joy", code: 2, stderr: `--for "joy" is not a state: there are new, valid, needs_login, logging_in`},
	})
}
