package health

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWritesAreTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		w := &writes{probe: func() error { tries++; return nil }}
		for range 60 {
			if err := w.check(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if tries != 2 {
			t.Errorf("tried %d times in a minute", tries)
		}
		// A commit of the keeper's own says as much.
		for range 60 {
			w.arrived(time.Now())
			time.Sleep(time.Second)
			if err := w.check(t.Context()); err != nil || tries != 2 {
				t.Fatalf("%v after %d tries", err, tries)
			}
		}
	})
}

// A disk that hangs is told of in time, to each who asks, and tried once.
func TestWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		free := make(chan struct{})
		w := &writes{probe: func() error { tries.Add(1); <-free; return nil }}
		begun := time.Now()
		var asked sync.WaitGroup
		for range 5 {
			asked.Go(func() {
				if err := w.check(t.Context()); err == nil || !strings.Contains(err.Error(), "10s") {
					t.Errorf("a write that hangs: %v", err)
				}
			})
		}
		asked.Wait()
		if took := time.Since(begun); took != longestWrite || tries.Load() != 1 {
			t.Errorf("%d tries, %s", tries.Load(), took)
		}
		time.Sleep(time.Minute)
		begun = time.Now()
		if err := w.check(t.Context()); err == nil || !strings.Contains(err.Error(), "1m10s") || time.Since(begun) != 0 {
			t.Errorf("a minute later: %v after %s", err, time.Since(begun))
		}
		close(free)
		synctest.Wait()
		if err := w.check(t.Context()); err != nil || tries.Load() != 1 {
			t.Errorf("once the disk answers: %v after %d tries", err, tries.Load())
		}
	})
}

func TestWriteThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on the disk")
		w := &writes{probe: func() error { return full }}
		for range 2 {
			if err := w.check(t.Context()); !errors.Is(err, full) {
				t.Errorf("a full disk: %v", err)
			}
		}
		w.probe = func() error { return nil }
		if err := w.check(t.Context()); err != nil {
			t.Errorf("with room again: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(time.Minute)
		hang := make(chan struct{})
		w.probe = func() error { <-hang; return nil }
		if err := w.check(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("of one who left: %v", err)
		}
		close(hang)
	})
}
