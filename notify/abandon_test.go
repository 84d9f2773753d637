package notify

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// stand begins a run that can be abandoned.
func stand(t *testing.T, p *Pipeline) (abandon func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
	return func() { cancel(ErrAbandoned); <-done }
}

// TestAbandoned: a send under way is cut at once and nothing is saved; whoever goes on
// sends it under the same id, and the first goes on from there when its turn comes again.
func TestAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var first, second *Pipeline
		begun := make(chan struct{}, 1)
		slow := sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			_ = w.deliver("phone", m) // it arrives, and its answer does not
			begun <- struct{}{}
			<-ctx.Done()
			return Receipt{}, ctx.Err()
		})
		for p, channel := range map[**Pipeline]Channel{&first: slow, &second: w.accepting("phone")} {
			var err error
			if *p, err = NewPipeline(w, w, zerolog.Nop(), w.config("phone", channel)); err != nil {
				t.Fatal(err)
			}
		}
		abandon := stand(t, first)
		w.add(message("one", "login.done", "main"))
		<-begun
		before, at := w.saves, time.Now()
		abandon()
		if took := time.Since(at); took != 0 || w.saves != before {
			t.Errorf("it went on for %v, and saved %d times", took, w.saves-before)
		}
		abandon = stand(t, second)
		w.add(message("two", "login.done", "main"))
		synctest.Wait()
		abandon()
		equal(t, "delivered", w.gotIDs("phone"), []string{"one", "one", "two"})
		abandon = stand(t, first)
		w.add(message("three", "login.done", "main"))
		<-begun
		abandon()
		equal(t, "delivered in the end", w.gotIDs("phone"), []string{"one", "one", "two", "three"})
	})
}

// TestMayNot: what may not be called waits, and is called once it may.
func TestMayNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var may atomic.Bool
		w := newWorld()
		c := w.config("phone", w.accepting("phone"))
		c.May = may.Load
		p := w.start(t, c)
		defer p.stop()
		w.add(message("one", "login.done", "main"))
		after(time.Minute)
		equal(t, "delivered", len(w.delivered["phone"]), 0)
		may.Store(true)
		after(2 * time.Second)
		equal(t, "delivered", len(w.delivered["phone"]), 1)
		if !slices.ContainsFunc(w.results["phone"], func(r Result) bool { return r.Outcome == OutcomeDelivered && r.Attempts == 1 }) {
			t.Errorf("results %+v", w.results["phone"])
		}
	})
}
