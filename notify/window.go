package notify

import (
	"context"
	"slices"
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
	// aged is true when something was sent since the messages were read.
	aged bool
}

// reset forgets what was read, so that it is read anew from a position on.
func (w *window) reset(position uint64) { *w = window{upto: position} }

// fill reads on, as far as the window holds.
func (w *window) fill(ctx context.Context, src Source) error {
	for len(w.msgs) < windowSize {
		msgs, upto, err := src.Pending(ctx, w.upto, readAtOnce)
		if err != nil {
			return err
		}
		before := w.upto
		// A message that was dealt with must not come back, whatever the source
		// thinks of positions.
		msgs = slices.DeleteFunc(slices.Clone(msgs), func(m Message) bool { return m.Position <= before })
		w.msgs = append(w.msgs, msgs...)
		w.upto = max(w.upto, upto)
		if len(msgs) > 0 {
			w.upto = max(w.upto, msgs[len(msgs)-1].Position)
		}
		if w.upto == before {
			return nil
		}
	}
	return nil
}

// pop removes the head.
func (w *window) pop() { w.msgs = slices.Delete(w.msgs, 0, 1) }

// position is how far a channel is that has dealt with all before the head.
func (w *window) position(current uint64) uint64 {
	if len(w.msgs) == 0 {
		return max(current, w.upto)
	}
	return current
}
