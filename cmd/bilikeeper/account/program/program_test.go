//go:build unix

package program

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

func prepare(t *testing.T, dir, script string) *Program {
	t.Helper()
	p, err := Prepare(Options{Argv: []string{"sh", "-c", script, CookiesArgument}, Cookies: []byte("secret"), Dir: dir, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func left(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func code(err error) int {
	if f, ok := errors.AsType[*cli.Failure](err); ok {
		return f.Code
	}
	return 0
}

// The file is the user's alone, is there for the program, and gone after it.
func TestPrivateFile(t *testing.T) {
	dir := t.TempDir()
	p := prepare(t, dir, `test "$(cat "$0")" = secret && exit 7`)
	if info, err := os.Stat(p.private.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got := code(p.Run()); got != 7 || left(t, dir) != 0 {
		t.Errorf("it ended with %d and left %d", got, left(t, dir))
	}
}

// What nobody holds is removed; what is in use, not locked yet or somebody
// else's is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	used, dead := prepare(t, dir, ""), prepare(t, dir, "")
	if err := dead.private.lock.Close(); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"bilikeeper-exec-begun": 0o700, "bilikeeper-exec-open": 0o755, "another": 0o700} {
		if err := os.Mkdir(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bilikeeper-exec-open", "another"} {
		if err := os.WriteFile(filepath.Join(dir, name, lockName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "another"), filepath.Join(dir, "bilikeeper-exec-link")); err != nil {
		t.Fatal(err)
	}
	Sweep(dir)
	if _, err := os.Stat(dead.private.dir); err == nil {
		t.Error("a dead one was left")
	}
	if _, err := os.Stat(used.private.path); err != nil {
		t.Error("one in use was removed")
	}
	if n := left(t, dir); n != 5 {
		t.Errorf("%d are left", n)
	}
	used.Discard()
}

// Several that come while a program ends are one start, with the newest.
func TestRestartTakesTheNewest(t *testing.T) {
	dir := t.TempDir()
	mark := func(name string) string { return filepath.Join(dir, name) }
	next := make(chan *Program)
	told := 0
	r := Restarting{Next: next, Grace: time.Minute, Told: func() { told++ }}
	go func() {
		for !exists(mark("up")) {
			time.Sleep(time.Millisecond)
		}
		next <- prepare(t, dir, "touch "+mark("second"))
		next <- prepare(t, dir, "exit 5")
		_ = os.WriteFile(mark("go"), nil, 0o600)
	}()
	err := r.Run(prepare(t, dir, "trap 'until [ -e "+mark("go")+" ]; do sleep 0.01; done; exit 0' TERM; touch "+mark("up")+"; while :; do sleep 0.01; done"))
	if code(err) != 5 || told != 1 || exists(mark("second")) {
		t.Errorf("%v, told %d times, the one between ran: %v", err, told, exists(mark("second")))
	}
	if n := left(t, dir); n != 2 {
		t.Errorf("%d are left", n)
	}
}

// A signal that ends the program during a restart ends everything.
func TestNoRestartAfterASignal(t *testing.T) {
	dir := t.TempDir()
	up := filepath.Join(dir, "up")
	next := make(chan *Program, 1)
	r := Restarting{Next: next, Grace: time.Minute}
	r.Told = func() { r.signals <- os.Interrupt }
	go func() {
		for !exists(up) {
			time.Sleep(time.Millisecond)
		}
		next <- prepare(t, dir, "exit 5")
	}()
	if err := r.Run(prepare(t, dir, "trap 'exit 9' INT TERM; touch "+up+"; while :; do sleep 0.01; done")); code(err) != 9 {
		t.Errorf("got %v", err)
	}
}

func TestFailureToStart(t *testing.T) {
	p, err := Prepare(Options{Argv: []string{"no-such-program", CookiesArgument}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	err = (&Restarting{}).Run(p)
	if code(err) != 127 || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
