package cli

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// Nobody is told to start a keeper while one runs.
func TestNoSecondKeeperIsStarted(t *testing.T) {
	dir, err := os.MkdirTemp("", "bk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "its.sock")
	var said bytes.Buffer
	env := &Env{
		Stderr: &said, ran: true, Flags: config.Flags{Socket: filepath.Join(dir, "none.sock")},
		Getenv: func(name string) string {
			return map[string]string{"HOME": dir, "BILIKEEPER_STATE_DIR": dir, "BILIKEEPER_CONFIG": os.DevNull}[name]
		},
	}
	_ = env.Client()
	hint := func() string {
		said.Reset()
		if code := env.Report(fmt.Errorf("x: %w", client.ErrNoKeeper)); code != ExitNoKeeper {
			t.Errorf("exit code %d", code)
		}
		return said.String()
	}
	if got := hint(); !strings.Contains(got, "start one: bilikeeper daemon") {
		t.Errorf("none runs: %s", got)
	}
	holder := fmt.Sprintf(`{"pid":%d,"started_at":"2026-11-20T01:02:03Z","socket":%q}`, os.Getpid(), socket)
	if err := os.WriteFile(filepath.Join(dir, "keeper.pid"), []byte(holder), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := hint(); strings.Contains(got, "start one") || !strings.Contains(got, "a keeper runs on "+socket) {
		t.Errorf("one answers elsewhere: %s", got)
	}
	_ = l.Close()
	if got := hint(); strings.Contains(got, "start one") || !strings.Contains(got, fmt.Sprintf("process %d holds the vault", os.Getpid())) {
		t.Errorf("one runs and does not answer: %s", got)
	}
}

// Accounts are asked about side by side, and all of them over one connection.
func TestClientIsMadeOnce(t *testing.T) {
	env := &Env{Stderr: io.Discard, Getenv: func(name string) string {
		return map[string]string{"HOME": t.TempDir(), "BILIKEEPER_CONFIG": os.DevNull}[name]
	}}
	var asking sync.WaitGroup
	made := make([]*client.Client, 16)
	for i := range made {
		asking.Go(func() { made[i] = env.Client() })
	}
	asking.Wait()
	for _, one := range made {
		if one == nil || one != made[0] {
			t.Fatalf("several clients were made: %v", made)
		}
	}
}

// Root, who has none, learns of a person's.
func TestSomeonesKeeper(t *testing.T) {
	runtimes, err := os.MkdirTemp("", "bk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtimes) })
	if hint, ok := someonesKeeper(runtimes); ok {
		t.Errorf("where there is none it says %s", hint)
	}
	dir := filepath.Join(runtimes, "4242", "bilikeeper")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if hint, ok := someonesKeeper(runtimes); !ok || !strings.HasSuffix(hint.String(), "--socket "+socket) || !strings.Contains(hint.String(), "keeper of 4242 runs") {
		t.Errorf("it says %s", hint)
	}
	_ = l.Close()
	if hint, ok := someonesKeeper(runtimes); ok {
		t.Errorf("of one that has ended it says %s", hint)
	}
}
