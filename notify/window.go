package notify

import (
	"context"
	"slices"
	"time"
)

const (
	// readAtOnce is how many messages are asked for in one go, windowSize how
	// many are held. What overtakes a code is looked for in the window only; a
	// code that is further behind than this has expired by the time it is due.
	readAtOnce = 64
	windowSize = 256
)

// window holds the messages that were read and not yet dealt with.
type window struct {
	msgs []Message
	// upto is the position up to which the source was read.
	upto uint64
	// began is when the first of them were read.
	began time.Time
	// sent is true when something was sent since then, changed when the source
	// may yield other messages by now.
	sent, changed bool
}

// reset forgets what was read, so that it is read anew from a position on.
func (w *window) reset(position uint64) { *w = window{upto: position} }

// full reports that there may be messages that the window has no room for.
func (w *window) full() bool { return len(w.msgs) >= windowSize }

// fill reads on, as far as the window holds, without what was dealt with ahead.
func (w *window) fill(ctx context.Context, src Source, ahead []uint64) error {
	if w.began.IsZero() {
		w.began = time.Now()
	}
	for len(w.msgs) < windowSize {
		msgs, upto, err := src.Pending(ctx, w.upto, readAtOnce)
		if err != nil {
			return err
		}
		before := w.upto
		// A message that was dealt with must not come back, whatever the source
		// thinks of positions.
		msgs = slices.DeleteFunc(slices.Clone(msgs), func(m Message) bool { return m.Position <= before })
		w.upto = max(w.upto, upto)
		if len(msgs) > 0 {
			w.upto = max(w.upto, msgs[len(msgs)-1].Position)
		}
		w.msgs = append(w.msgs, slices.DeleteFunc(msgs, func(m Message) bool { return slices.Contains(ahead, m.Position) })...)
		if w.upto == before {
			return nil
		}
	}
	return nil
}

// remove takes a message out.
func (w *window) remove(position uint64) {
	w.msgs = slices.DeleteFunc(w.msgs, func(m Message) bool { return m.Position == position })
}
