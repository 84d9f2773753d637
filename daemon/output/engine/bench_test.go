//go:build unix

package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// notified is a ledger that tells when the commands have succeeded.
type notified struct {
	mu   sync.Mutex
	path string
	done chan uint64
}

func (n *notified) Load(string) (Progress, bool, error) { return Progress{}, false, nil }

// Save costs what a small transaction costs.
func (n *notified) Save(_ string, p Progress, _ []Result) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := durable.WriteFile(n.path, fmt.Append(nil, p), 0o600)
	if p.HookDigest == p.Digest {
		n.done <- p.HookGeneration
	}
	return err
}

// BenchmarkRotation is from the change of a credential to the file written, the
// command finished and both recorded.
func BenchmarkRotation(b *testing.B) {
	dir := b.TempDir()
	src, led := newSource("main"), &notified{path: filepath.Join(dir, "ledger"), done: make(chan uint64, 1)}
	o := headerFile(dir, "a")
	o.OnChange = []Command{{"true"}}
	e, err := New(src, led, zerolog.Nop(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = e.Run(ctx)
	}()
	<-led.done
	generation := uint64(1)
	for b.Loop() {
		generation++
		c := credential("main", generation%50+1)
		c.Generation = generation
		src.change(func() { src.current["main"] = c })
		if got := <-led.done; got != generation {
			b.Fatalf("generation %d came, not %d", got, generation)
		}
	}
	cancel()
	<-stopped
}

// BenchmarkFloor is what the disk and the kernel take for the same: one file,
// two records, one program.
func BenchmarkFloor(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		for _, name := range []string{"a.txt", "ledger", "ledger"} {
			if err := durable.WriteFile(filepath.Join(dir, name), []byte(headerOf(1)), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		cmd := exec.Command("true")
		cmd.Env = os.Environ()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
