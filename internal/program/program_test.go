//go:build unix

package program

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func shell(script string) Program {
	return Program{Argv: []string{"/bin/sh", "-c", script}, Timeout: time.Minute, Env: Environment()}
}

func TestOutcomes(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	slow := shell("sleep 60")
	slow.Timeout = 50 * time.Millisecond
	missing := Program{Argv: []string{"no-such-program-here", "canary-argument"}, Timeout: time.Minute}
	for name, tt := range map[string]struct {
		ctx    context.Context
		p      Program
		reason string
		exit   int
		cause  error
	}{
		"success":    {t.Context(), shell("exit 0"), "", 0, nil},
		"code":       {t.Context(), shell("echo canary-output >&2; exit 3"), "sh ended with exit status 3", 3, nil},
		"signal":     {t.Context(), shell("kill -TERM $$"), "sh ended with signal: terminated", -1, nil},
		"missing":    {t.Context(), missing, "no-such-program-here cannot be started: executable file not found in $PATH", -1, ErrNotStarted},
		"too slow":   {t.Context(), slow, "sh was killed after 50ms", -1, ErrTimeout},
		"background": {t.Context(), shell("sleep 2 >/dev/null 2>&1 & exit 0"), "", 0, nil},
		"too late":   {stopped, shell("exit 0"), "sh cannot be started: context canceled", -1, ErrNotStarted},
	} {
		f := tt.p.Run(tt.ctx)
		switch {
		case tt.reason == "" && f != nil:
			t.Errorf("%s: %v", name, f)
		case tt.reason == "":
		case f == nil:
			t.Errorf("%s: it succeeded", name)
		case f.Error() != tt.reason || f.Exit != tt.exit || !errors.Is(f.Cause, tt.cause):
			t.Errorf("%s: %q, exit %d, %v; want %q, %d, %v", name, f.Reason, f.Exit, f.Cause, tt.reason, tt.exit, tt.cause)
		}
	}
}

// What a program started ends with it where it is stopped.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := shell("sh -c 'echo up; sleep 60' & wait")
	p.Stdout = writer(func([]byte) { stop() })
	if f := p.Run(ctx); f == nil || f.Reason != "sh was stopped" || f.Exit != -1 || !errors.Is(f, ErrStopped) {
		t.Errorf("%+v", f)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestEnvironment(t *testing.T) {
	t.Setenv("CANARY", "secret")
	t.Setenv("LANG", "C")
	var out bytes.Buffer
	p := shell(`cat; env`)
	p.Env, p.Stdin, p.Stdout = Environment([2]string{"ACCOUNT", "ma\x00in"}), strings.NewReader("read\n"), &out
	if f := p.Run(t.Context()); f != nil {
		t.Fatal(f)
	}
	lines := strings.Split(out.String(), "\n")
	for _, want := range []string{"read", "BILIKEEPER_ACCOUNT=main", "LANG=C"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in %q", want, lines)
		}
	}
	if strings.Contains(out.String(), "CANARY") {
		t.Errorf("%q", lines)
	}
}
