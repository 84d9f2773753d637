//go:build unix

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
)

// patience is far above what anything takes, on a machine with other work too.
const patience = 30 * time.Second

func shell(t *testing.T, timeout time.Duration, script string, args ...string) *Channel {
	t.Helper()
	c, err := New(Config{Command: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came: %s", what)
		}
	}
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{Away: func(t *testing.T) notify.Channel {
		c, err := New(Config{Command: []string{filepath.Join(t.TempDir(), "gone")}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}})
}

// What a program is given, byte for byte.
func TestWhatTheProgramGets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BILIKEEPER_CONFIG", "/nowhere")
	t.Setenv("CANARY", "canary")
	m := notifytest.CodeMessage()
	script := `cat > "$1/body"; env > "$1/env"; echo "$2|$#" > "$1/args"; cp "$BILIKEEPER_QR_PNG" "$1/png"; ls -l "$BILIKEEPER_QR_PNG" > "$1/mode"`
	receipt, err := shell(t, patience, script, dir, "two words; $HOME").Send(t.Context(), m)
	if err != nil || receipt.Answer == "" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if got := read(t, dir+"/body"); got != string(webhook.Body(m)) || !json.Valid([]byte(got)) {
		t.Errorf("the body is %s", got)
	}
	if got := read(t, dir+"/args"); got != "two words; $HOME|2\n" {
		t.Errorf("the arguments are %s", got)
	}
	if got := read(t, dir+"/png"); got != string(m.Login.PNG) {
		t.Errorf("the picture is %q", got)
	}
	if got := read(t, dir+"/mode"); !strings.HasPrefix(got, "-rw------- ") {
		t.Errorf("the picture is a file %s", got)
	}
	env := strings.Split(strings.TrimSpace(read(t, dir+"/env")), "\n")
	for _, want := range []string{
		"BILIKEEPER_TYPE=login.code", "BILIKEEPER_ACCOUNT=main", "BILIKEEPER_URL=" + m.Login.URL.Reveal(), "BILIKEEPER_PAGE_URL=" + m.Login.PageURL,
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %v", want, env)
		}
	}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		// The shell adds the last four itself.
		if !strings.HasPrefix(name, "BILIKEEPER_") && !slices.Contains([]string{"PATH", "HOME", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}, name) || name == "BILIKEEPER_CONFIG" {
			t.Errorf("it sees %s", pair)
		}
		if name == "BILIKEEPER_QR_PNG" {
			if _, err := os.Lstat(value); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the picture is still there: %v", err)
			}
		}
	}
}

func TestMessageWithoutACode(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	m := notifytest.CodeMessage()
	m.Login, m.Type = nil, "login.required"
	script := `echo "$BILIKEEPER_TYPE|${BILIKEEPER_URL-unset}|${BILIKEEPER_PAGE_URL-unset}|${BILIKEEPER_QR_PNG-unset}" > "$1"`
	if _, err := shell(t, patience, script, out).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := read(t, out); got != "login.required|||\n" {
		t.Errorf("got %s", got)
	}
}

// A program that does not read what it is given, or that leaves something behind,
// has succeeded all the same.
func TestProgramsOfTheirOwnMind(t *testing.T) {
	for name, script := range map[string]string{"reads nothing": "exit 0", "closes": "exec <&-; exit 0", "background": "sleep 600 & exit 0"} {
		m := notifytest.CodeMessage()
		m.Text = strings.Repeat("long ", 100_000) // more than a pipe holds
		if _, err := shell(t, patience, script).Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFailures(t *testing.T) {
	m := notifytest.CodeMessage()
	for _, tt := range []struct{ name, script, want string }{
		{"code", "exit 3", "sh ended with exit status 3"},
		{"first line", `echo >&2; printf 'no\tway\033[0m\nsecond\n' >&2; exit 1`, "sh ended with exit status 1: no way[0m"},
		{"signal", "kill -9 $$", "sh ended with signal: killed"},
		{"the address", `echo "cannot open $BILIKEEPER_URL and $BILIKEEPER_PAGE_URL" >&2; exit 1`, "sh ended with exit status 1: cannot open [redacted] and [redacted]"},
		{"parts of it", `echo "${BILIKEEPER_URL##*=} ${BILIKEEPER_PAGE_URL##*/}" >&2; exit 1`, "sh ended with exit status 1: [redacted] [redacted]"},
		{"without an end", `while :; do printf '%s' "$BILIKEEPER_URL"; done 2>/dev/null | head -c 100000 >&2; exit 1`, "sh ended with exit status 1"},
	} {
		_, err := shell(t, patience, tt.script).Send(t.Context(), m)
		sendErr, ok := errors.AsType[*notify.SendError](err)
		if !ok || !sendErr.Retry || !strings.HasPrefix(err.Error(), tt.want) || len(err.Error()) > 400 {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.ContainsAny(err.Error(), "\x1b\n")) {
			t.Errorf("%s: it tells %s", tt.name, err)
		}
	}
}

// Its time over, a program ends with all that it started, and its picture is gone.
func TestTimeLimit(t *testing.T) {
	dir := t.TempDir()
	script := `trap '' TERM; echo "$BILIKEEPER_QR_PNG" > "$1/png"; (sleep 600 & echo $! > "$1/pid"; wait) & wait`
	_, err := shell(t, 300*time.Millisecond, script, dir).Send(t.Context(), notifytest.CodeMessage())
	if err == nil || err.Error() != "sh was killed after 300ms" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(strings.TrimSpace(read(t, dir+"/png"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the picture is still there: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, dir+"/pid")))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the grandchild's end", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && strings.Contains(string(stat), ") Z ") || err != nil && syscall.Kill(pid, 0) != nil
	})
}

// One program at a time: the second begins when the first has ended, and whoever
// leaves meanwhile has started nothing.
func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	script := `mkdir "$1/lock" || exit 9; echo begun >> "$1/log"; while ! test -e "$1/go"; do sleep 0.01; done; rmdir "$1/lock"`
	c := shell(t, patience, script, dir)
	failed := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := c.Send(t.Context(), notifytest.CodeMessage())
			failed <- err
		}()
	}
	until(t, "the first program", func() bool { _, err := os.Stat(dir + "/log"); return err == nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Send(ctx, notifytest.CodeMessage()); !errors.Is(err, context.Canceled) {
		t.Errorf("of one who left: %v", err)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if got := read(t, dir+"/log"); got != "begun\nbegun\nbegun\n" {
		t.Errorf("got %q", got)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := shell(t, patience, `touch "$1/begun"; exec sleep 600`, dir).Send(ctx, notifytest.CodeMessage())
		failed <- err
	}()
	until(t, "the program", func() bool { _, err := os.Stat(dir + "/begun"); return err == nil })
	cancel()
	select {
	case err := <-failed:
		if err == nil || err.Error() != "sh was stopped" {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Send did not end with its context")
	}
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		keys Keys
		want string
	}{
		{Keys{Command: []string{"/bin/true", ""}}, ""},
		{Keys{Command: []string{"notify-me"}, Timeout: "30s"}, ""},
		{Keys{Command: []string{""}}, "command[0] is empty"},
		{Keys{Command: []string{"bin/true"}}, `command[0] "bin/true" is no whole path`},
		{Keys{Command: []string{"/bin/true", "a\x00"}}, "command[1] holds a zero byte"},
		{Keys{Command: []string{"/bin/true"}, Timeout: "soon"}, `timeout "soon" is no duration`},
		{Keys{Command: []string{"/bin/true"}, Timeout: "31s"}, "timeout 31s is out of range: more than 0s, at most 30s"},
		{Keys{Command: []string{"/bin/true"}, Timeout: "0s"}, "timeout 0s is out of range: more than 0s, at most 30s"},
	} {
		var f setting.Faults
		tt.keys.Check(&f)
		got := ""
		for _, found := range f.Found() {
			got += found.Key + " " + found.What
		}
		if got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.keys, got, tt.want)
		}
	}
}
