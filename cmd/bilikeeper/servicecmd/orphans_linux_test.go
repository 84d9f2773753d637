package servicecmd

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOrphansAreReaped makes this process one that orphans are given to, as
// process 1 is, and leaves it one.
func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("SKIPPED: orphans cannot be taken in: %v", err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
	var said bytes.Buffer
	// The second shell is the orphan: it waits for the end of its input, which
	// comes when this test closes it.
	cmd := exec.Command("/bin/sh", "-c", `exec 3<&0; sh -c 'echo $$; read line' <&3 >&2 & sleep 0.01`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	said.Write(line[:n])
	orphan, err := strconv.Atoi(strings.TrimSpace(said.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	find := func() (e ended, ok bool) {
		for _, e := range endedChildren() {
			if e.pid == orphan {
				return e, true
			}
		}
		return ended{}, false
	}
	over := time.After(30 * time.Second)
	for {
		if _, ok := find(); ok {
			break
		}
		select {
		case <-over:
			t.Fatal("the orphan did not come here")
		case <-time.After(5 * time.Millisecond):
		}
	}
	e, _ := find()
	seen := reap(nil)
	if _, ok := find(); !ok || !seen[e] {
		t.Error("it was taken at the first look, as a child of our own would have been")
	}
	reap(seen)
	if _, ok := find(); ok {
		t.Error("it is still there")
	}
}
