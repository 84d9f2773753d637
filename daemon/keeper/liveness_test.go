package keeper

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
)

// well is the health of a keeper that is well.
func well(p *account.Problems) *Liveness {
	done := make(chan struct{})
	close(done)
	return &Liveness{
		problems: p, log: zerolog.Nop(), ask: func() {}, committing: func() time.Duration { return 0 },
		write: func() error { return nil }, look: func() <-chan struct{} { return done }, locks: func() {},
	}
}

// A disk that hangs is told of within ten seconds, and that it answers again.
func TestDiskThatHangs(t *testing.T) {
	for name, hang := range map[string]func(h *Liveness, hanging *atomic.Bool){
		"a question": func(h *Liveness, hanging *atomic.Bool) {
			h.ask = func() {
				for hanging.Load() {
					time.Sleep(time.Millisecond)
				}
			}
		},
		"a commit": func(h *Liveness, hanging *atomic.Bool) {
			h.committing = func() time.Duration {
				if hanging.Load() {
					return time.Minute
				}
				return 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p account.Problems
				var hanging atomic.Bool
				h := well(&p)
				hang(h, &hanging)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go h.Watch(ctx)
				time.Sleep(time.Minute)
				if got := p.Sentences(); len(got) > 0 {
					t.Fatalf("while all is well: %v", got)
				}
				hanging.Store(true)
				time.Sleep(10 * time.Second)
				if got := p.Sentences(); len(got) != 1 || !strings.HasPrefix(got[0], "disk: ") {
					t.Errorf("after ten seconds: %v", got)
				}
				hanging.Store(false)
				time.Sleep(10 * time.Second)
				if got := p.Sentences(); len(got) > 0 {
					t.Errorf("when it answers again: %v", got)
				}
			})
		})
	}
}

func TestWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := well(nil)
		prove := func() error {
			ctx, done := context.WithTimeout(t.Context(), time.Minute)
			defer done()
			return h.Works(ctx)
		}
		if err := prove(); err != nil {
			t.Errorf("all is well: %v", err)
		}
		still := well(nil)
		still.look = func() <-chan struct{} { return nil }
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		if still.Works(ctx) == nil {
			t.Error("the schedule stands still")
		}
		free := make(chan struct{})
		h.write = func() error { <-free; return nil }
		for range 3 {
			if prove() == nil {
				t.Error("the disk hangs")
			}
		}
		close(free)
		synctest.Wait()
		if err := prove(); err != nil {
			t.Errorf("the disk answers again: %v", err)
		}
	})
}
