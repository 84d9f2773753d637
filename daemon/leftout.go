package daemon

import (
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/internal/periodic"
)

// A part of the configuration that cannot be built, because a secret's file is
// missing for example, is left out: it is told of and tried again, and the rest
// works without it.

// leftOutAgain is how long a part that was left out waits for the next try.
const leftOutAgain = time.Minute

// tellLeftOut says what is left out now, and takes back what was.
func (d *daemon) tellLeftOut(left parts.LeftOut) {
	left.Tell(d.left, d.keeper.Problems(), d.Log, leftOutAgain)
	d.left = left
}

// retryLeftOut tries from time to time what is left out.
func (d *daemon) retryLeftOut(ctx context.Context) {
	for range periodic.Each(ctx, leftOutAgain) {
		d.tryAgain()
	}
}

// tryAgain builds everything anew where something is left out, and puts it into
// force where more of it works than before.
func (d *daemon) tryAgain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.left) == 0 {
		return
	}
	s, err := d.prepare(d.Config)
	if err == nil && len(s.left) < len(d.left) {
		d.use(s)
		return
	}
	if s.channels != nil {
		s.channels.Discard()
	}
	if err == nil {
		d.tellLeftOut(s.left)
	}
}
