package daemon

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// part is something of the daemon that works until it is stopped. It runs once.
type part interface {
	Run(ctx context.Context) error
}

// runner runs a part, and puts another in its place on a reload. What the part
// keeps is in the vault, so the next one goes on from there.
type runner[P part] struct {
	log  zerolog.Logger
	name string

	mu      sync.Mutex // guards what follows, and is held while a part stops
	stop    context.CancelFunc
	stopped chan struct{}

	// shown is the part that runs, or did last. Whoever asks how it does need not
	// wait for the end of the one before.
	shown atomic.Pointer[P]
}

func newRunner[P part](log zerolog.Logger, name string, p P) *runner[P] {
	r := &runner[P]{log: log, name: name}
	r.shown.Store(&p)
	return r
}

// start runs the part until the context ends or it is replaced.
func (r *runner[P]) start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startLocked(ctx)
}

func (r *runner[P]) startLocked(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	done, p := make(chan struct{}), r.current()
	r.stopped = done
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			r.log.Error().Err(err).Msgf("the %s stopped", r.name)
		}
	}()
}

// put stops the part and runs another in its place.
func (r *runner[P]) put(ctx context.Context, next P) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
	<-r.stopped
	r.shown.Store(&next)
	r.startLocked(ctx)
}

// wait returns when the part has stopped.
func (r *runner[P]) wait() {
	r.mu.Lock()
	stopped := r.stopped
	r.mu.Unlock()
	<-stopped
}

func (r *runner[P]) current() P { return *r.shown.Load() }
