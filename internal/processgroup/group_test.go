//go:build unix

package processgroup

import (
	"bufio"
	"io"
	"os/exec"
	"testing"
)

// What a killed program had started is killed with it.
func TestKillReachesTheWholeGroup(t *testing.T) {
	cmd := exec.Command("sh", "-c", "trap '' TERM; sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' & wait; while :; do sleep 1; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g := New(cmd)
	defer g.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.Started()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatal(line, err)
	}
	if err := g.Terminate(); err != nil || g.Empty() {
		t.Errorf("a deaf group ended at the first signal: %v", err)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	// The pipe ends when nobody holds it any more.
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a killed program succeeded")
	}
}
