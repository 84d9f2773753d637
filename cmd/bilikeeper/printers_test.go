package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/vault"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

var fixedNow = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := fixedNow.Add(d)
	return &t
}

func word(s string) *string { return &s }

func someAccounts() []client.Account {
	mid := int64(100200300)
	return []client.Account{
		{Name: "main", Site: "web", State: client.StateValid, Mid: &mid, Uname: "example", Refreshable: true, Generation: 3,
			PendingConfirm: true, RefreshedAt: at(-30 * 24 * time.Hour),
			ExpiresAt: at(150 * 24 * time.Hour), CheckedAt: at(-2 * time.Hour), LastCheck: word(client.CheckOK),
			Next: &client.Next{Action: "check", At: *at(6 * time.Hour)}},
		{Name: "doubted", Site: "web", State: client.StateValid, Mid: &mid, Uname: "valid", Generation: 1,
			CheckedAt: at(-20 * time.Second), LastCheck: word(client.CheckDead), Detail: "cookie/info: code -101 (not logged in)",
			Next: &client.Next{Action: "confirm_death", At: *at(40 * time.Second)}},
		{Name: "dead", Site: "web", State: client.StateNeedsLogin, Mid: &mid, Uname: "例子", Generation: 1,
			CheckedAt: at(-50 * time.Minute), LastCheck: word(client.CheckDead), Detail: "nav: code -101 (not logged in)",
			Next: &client.Next{Action: "login_code", At: *at(10 * time.Minute)}},
		{Name: "coming", Site: "web", State: client.StateLoggingIn, Mid: &mid, Uname: "example", Generation: 1,
			CheckedAt: at(-time.Minute), LastCheck: word(client.CheckDead), Next: &client.Next{Action: "login_poll", At: fixedNow}},
		{Name: "blocked", Site: "web", State: client.StateValid, Mid: &mid, Uname: "example", Generation: 1, Failures: 2,
			CheckedAt: at(-time.Minute), LastCheck: word(client.CheckBlocked), Detail: "cookie/info: HTTP 412",
			BlockedUntil: at(29 * time.Minute), Next: &client.Next{Action: "check", At: *at(29 * time.Minute)}},
		{Name: "warned", Site: "web", State: client.StateNeedsLogin, Mid: &mid, Uname: "example", Generation: 1,
			CheckedAt: at(-time.Hour), LastCheck: word(client.CheckDead), Attention: "the site says that this session belongs to another account; log in again"},
		{Name: "new", Site: "web", State: client.StateNew, LastCheck: word(client.CheckBlocked)},
	}
}

func TestStatusTable(t *testing.T) {
	plain := screen{}
	golden(t, "status.golden", statusTable(someAccounts(), plain, fixedNow))
	var each strings.Builder
	for _, acc := range someAccounts() {
		fmt.Fprintln(&each, accountTable(acc, plain, fixedNow))
	}
	golden(t, "account.golden", each.String())
}

// Colours paint the state and nothing that happens to be called like it.
func TestStatusColours(t *testing.T) {
	table := statusTable(someAccounts(), screen{colour: true}, fixedNow)
	for _, want := range []string{
		"doubted  \x1b[32mvalid\x1b[0m        valid ",
		"dead     \x1b[31mneeds_login\x1b[0m  例子     dead",
		"coming   \x1b[33mlogging_in\x1b[0m   example",
		"new      new ",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
}

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                              "0s",
		-3 * time.Second:               "3s",
		89 * time.Second:               "89s",
		90 * time.Second:               "2m",
		89 * time.Minute:               "89m",
		90 * time.Minute:               "2h",
		35 * time.Hour:                 "35h",
		36 * time.Hour:                 "2d",
		180*24*time.Hour - time.Minute: "180d",
	} {
		if got := distance(d); got != want {
			t.Errorf("distance(%s) = %s, want %s", d, got, want)
		}
	}
	if got := until(at(100*time.Millisecond), fixedNow); got != "now" {
		t.Errorf("a moment ahead is %q", got)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"  ok one two", 8, "  ok one\n  two"},
		{"\n1. one", 40, "\n1. one"},
		{"\x1b[1m1.\x1b[0m one", 6, "\x1b[1m1.\x1b[0m one"},
		{"a-word-that-is-too-long yes", 5, "a-word-that-is-too-long\nyes"},
		{"", 10, ""},
	}
	for _, tt := range tests {
		if got := wrap(tt.text, tt.width); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestRows(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  int
	}{
		{"", 80, 0},
		{"a\n", 80, 1},
		{"12345\n", 5, 1},
		{"123456\n", 5, 2},
		{"\x1b[2m12345\x1b[0m\n", 5, 1},
		{"12345678901\nb\n", 5, 4},
		{"12345678901\n", 0, 1},
		{"例子例子\n", 7, 2},
	}
	for _, tt := range tests {
		if got := rows(tt.text, tt.width); got != tt.want {
			t.Errorf("rows(%q, %d) = %d, want %d", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestPairs(t *testing.T) {
	for data, want := range map[string]string{
		`{}`:                            "",
		`{"b":1,"a":"x"}`:               "a=x b=1",
		`{"a":"two words","n":null}`:    `a="two words"`,
		`{"empty":"","list":["a"]}`:     `list=["a"]`,
		`not json`:                      "",
		`{"big":123456789012}`:          "big=123456789012",
		`{"quote":"a\"b","on":true}`:    `on=true quote="a\"b"`,
		`{"at":"2026-11-20T01:02:03Z"}`: `at="11-20 01:02:03"`,
	} {
		if got := pairs([]byte(data)); got != want {
			t.Errorf("pairs(%s) = %s, want %s", data, got, want)
		}
	}
}

func TestParseSince(t *testing.T) {
	for s, want := range map[string]time.Time{
		"":                     {},
		"24h":                  fixedNow.Add(-24 * time.Hour),
		"2026-11-19T00:00:00Z": time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(s, fixedNow); err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-1h", "yesterday", "2026-11-19"} {
		if _, err := parseSince(s, fixedNow); err == nil {
			t.Errorf("parseSince(%q) took it", s)
		}
	}
}

// Every kind of error has its exit code, wrapped or not.
func TestExitCodes(t *testing.T) {
	problem := func(kind string) error { return &client.Problem{Type: kind, Title: "t", Hint: "do this"} }
	tests := []struct {
		err  error
		code int
		hint string
	}{
		{problem(client.ProblemNoAccount), 4, "do this"},
		{problem(client.ProblemNeedsLogin), 5, "do this"},
		{problem(client.ProblemSiteAway), 6, "do this"},
		{problem(client.ProblemNotPermitted), 7, "do this"},
		{problem(client.ProblemBadRequest), 2, "do this"},
		{problem(client.ProblemNoChannel), 2, "do this"},
		{problem(client.ProblemStorage), 1, "do this"},
		{problem("a type of tomorrow"), 1, "do this"},
		{client.ErrNoKeeper, 3, "bilikeeper daemon"},
		{client.ErrNoPermission, 7, "[[control.allow]]"},
		{client.ErrBroken, 1, ""},
		{context.Canceled, 1, ""},
		{&config.Error{File: "f", Problems: []config.Problem{{What: "w"}}}, 2, ""},
		{fail(2, "so", "x"), 2, "so"},
		{errors.New("anything"), 1, ""},
		{daemonError(&vault.Error{Op: "open", Path: "p", PID: 7, Err: vault.ErrInUse}), 1, "another keeper runs already"},
		{daemonError(fmt.Errorf("x: %w", vault.ErrCorrupt)), 1, "restore the vault"},
		{daemonError(&os.PathError{Op: "mkdir", Path: "p", Err: os.ErrPermission}), 7, "--state-dir"},
	}
	for _, tt := range tests {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			var said bytes.Buffer
			a := &app{stderr: &said, ran: true}
			if code := a.report(err); code != tt.code {
				t.Errorf("%v: exit code %d, want %d", err, code, tt.code)
			}
			if tt.hint == "" && strings.Contains(said.String(), "hint:") || !strings.Contains(said.String(), tt.hint) {
				t.Errorf("%v: said %q, want the hint %q", err, said.String(), tt.hint)
			}
		}
	}
}

// The system's service sees neither homes nor /tmp, where people build things.
func TestHiddenFromService(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/local/bin/bilikeeper": false,
		"/opt/bilikeeper":           false,
		"/homes/bilikeeper":         false,
		"/home/me/bilikeeper":       true,
		"/root/go/bin/bilikeeper":   true,
		"/tmp/bilikeeper":           true,
		"/run/user/1000/bilikeeper": true,
	} {
		if got := hiddenFromService(path); got != want {
			t.Errorf("hiddenFromService(%s) = %v", path, got)
		}
	}
}

func TestWorse(t *testing.T) {
	away, dead := &failure{code: exitSiteAway}, &failure{code: exitNeedsLogin}
	for _, tt := range []struct{ a, b, want error }{
		{nil, nil, nil}, {nil, away, away}, {dead, nil, dead}, {away, dead, dead}, {dead, away, dead},
	} {
		if got := worse(tt.a, tt.b); got != tt.want {
			t.Errorf("worse(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
