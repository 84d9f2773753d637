package daemon

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// worker is a part that takes a while to end.
type worker struct {
	running *atomic.Int32
	err     error
}

func (w *worker) Run(ctx context.Context) error {
	w.running.Add(1)
	defer w.running.Add(-1)
	<-ctx.Done()
	time.Sleep(3 * time.Second)
	return w.err
}

// A part has ended before the next one begins, and asking for the current one
// does not wait for that.
func TestRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var running atomic.Int32
		first, second := &worker{running: &running, err: errors.New("made by the test")}, &worker{running: &running}
		r := newRunner(zerolog.New(&log), "workers", first)
		if r.current() != first {
			t.Error("the first is not the current one")
		}
		ctx, cancel := context.WithCancel(context.Background())
		r.start(ctx)
		synctest.Wait()
		begun := time.Now()
		go r.put(ctx, second)
		synctest.Wait()
		if r.current() != first || time.Since(begun) != 0 {
			t.Error("the second is there before the first has ended")
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := running.Load(); r.current() != second || n != 1 {
			t.Errorf("%d run", n)
		}
		cancel()
		r.wait()
		if n := running.Load(); n != 0 || !strings.Contains(log.String(), "the workers stopped") {
			t.Errorf("%d still run, the log says %s", n, log.String())
		}
	})
}
