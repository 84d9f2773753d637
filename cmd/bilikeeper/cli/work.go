package cli

import (
	"io"
	"sync"
	"time"
)

// workTick is how often a terminal is told that work goes on; what is over sooner
// shows nothing.
const workTick = time.Second

// clearLine goes back to the line's beginning and empties it.
const clearLine = "\r\x1b[K"

// work is something that takes its time, as a terminal shows it.
type work struct {
	out   io.Writer
	line  func(time.Duration) string
	begun time.Time
	over  chan struct{}
	ended sync.WaitGroup

	mu     sync.Mutex // guards what follows, and the terminal's line
	shown  bool
	hidden bool // while a question is asked
}

// Working shows on the terminal behind stderr that something is under way, and for how
// long, until done is called. A question that is asked meanwhile has the line for
// itself. Where stderr is no terminal nothing is shown.
func (e *Env) Working(format string, args ...any) (done func()) {
	screen := e.Screen(e.Stderr)
	if !screen.TTY || e.work != nil {
		return func() {}
	}
	what := screen.Text(format, args...)
	e.work = begin(e.Stderr, func(since time.Duration) string {
		return screen.Text("%s: %s …", what, since.Round(time.Second))
	})
	return func() {
		e.work.end()
		e.work = nil
	}
}

func begin(out io.Writer, line func(time.Duration) string) *work {
	w := &work{out: out, line: line, begun: time.Now(), over: make(chan struct{})}
	w.ended.Go(w.run)
	return w
}

func (w *work) end() {
	close(w.over)
	w.ended.Wait()
	w.hide()
}

func (w *work) run() {
	tick := time.NewTicker(workTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.show()
		case <-w.over:
			return
		}
	}
}

func (w *work) show() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.hidden {
		_, _ = io.WriteString(w.out, clearLine+w.line(time.Since(w.begun)))
		w.shown = true
	}
}

// hide empties the line and keeps it empty until release is called.
func (w *work) hide() (release func()) {
	if w == nil {
		return func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown {
		_, _ = io.WriteString(w.out, clearLine)
	}
	w.shown, w.hidden = false, true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hidden = false
	}
}
