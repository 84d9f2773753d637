package cli

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What takes its time is counted on one line, which is empty at the end and while a
// question is asked.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		wants := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := out.String(); got != want {
				t.Errorf("%s the terminal got %q, want %q", when, got, want)
			}
			out.Reset()
		}
		line := func(since time.Duration) string { return fmt.Sprintf("copying: %s", since) }
		w := begin(&out, line)
		time.Sleep(2500 * time.Millisecond)
		wants("after two seconds", clearLine+"copying: 1s"+clearLine+"copying: 2s")
		release := w.hide()
		wants("before a question", clearLine)
		time.Sleep(5 * time.Second)
		wants("while it is asked", "")
		release()
		time.Sleep(time.Second)
		wants("after the answer", clearLine+"copying: 8s")
		w.end()
		wants("at the end", clearLine)

		w = begin(&out, line)
		time.Sleep(500 * time.Millisecond)
		w.end()
		wants("of what was soon over", "")
	})
}

// Where stderr is no terminal nothing is shown, and a question needs no work.
func TestWorkWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	e := &Env{Stderr: &out, Getenv: func(string) string { return "" }}
	done := e.Working("The vault is copied")
	if e.work != nil {
		t.Error("work is shown")
	}
	e.work.hide()()
	done()
	if out.Len() > 0 {
		t.Errorf("it got %q", out.String())
	}
}
