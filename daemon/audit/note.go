package audit

import (
	"errors"
	"fmt"
	"time"
)

const (
	// patience is how long a note is waited for: longer than a disk takes that
	// works, and less than a tool notices.
	patience = 250 * time.Millisecond
	// mostUnderWay bounds the notes that wait for the disk.
	mostUnderWay = 256
)

// ErrLate says that the disk did not answer in time. The note is written when it
// does, or counted.
var ErrLate = errors.New("the disk does not answer, so the journal has no note of it yet")

// notice is a note on its way to the disk.
type notice struct {
	of         *readings
	generation uint64
	more       uint64
	late       bool // guarded by Audit.mu: somebody gave up waiting for it
	done       chan struct{}
	err        error // set before done is closed
}

// note counts a reading, or passes it to write with the number of those that
// were only counted. It waits for the disk, and not at all while that has an
// earlier note unanswered. Others of the same reader wait as well: nobody passes
// a note that is not on disk.
func (a *Audit) note(who reader, generation uint64, write func(more uint64) error) (wrote bool, err error) {
	var late *time.Timer
	for {
		n, mine, err := a.begin(who, generation)
		if n == nil {
			return false, err
		}
		if mine {
			go a.carryOut(n, write)
		}
		if late == nil {
			late = time.NewTimer(a.patience())
			defer late.Stop()
		}
		select {
		case <-n.done:
			if mine {
				return true, n.err
			}
		case <-late.C:
			a.giveUp(n, mine)
			return false, ErrLate
		}
	}
}

// begin counts a reading, or returns the note of the same reader that is under
// way, or begins one, which is the caller's to carry out.
func (a *Audit) begin(who reader, generation uint64) (n *notice, mine bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if who.Refused != "" && a.seen[who] == nil && a.refusals(who.UID, now) >= mostRefused {
		who.Account, who.Tag = "", ""
	}
	if who.Refused == "" && a.seen[who] == nil && a.programs(who, now) >= mostPrograms {
		who.Program, who.Format, who.Tag = "", "", ""
	}
	a.counted = true
	last := a.seen[who]
	switch {
	case last == nil:
		last = &readings{}
		a.add(who, last, now)
	case last.underWay != nil:
		return last.underWay, false, nil
	case last.Generation == generation && last.recent(now):
		last.More++
		return nil, false, nil
	}
	if a.underWay >= mostUnderWay {
		last.More++
		return nil, false, ErrLate
	}
	a.underWay++
	last.underWay = &notice{of: last, generation: generation, more: last.More, done: make(chan struct{})}
	last.More = 0
	return last.underWay, true, nil
}

// carryOut writes a note. One that cannot be written is counted.
func (a *Audit) carryOut(n *notice, write func(more uint64) error) {
	defer close(n.done)
	n.err = guarded(write, n.more)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay--
	if n.late {
		a.late--
	}
	n.of.underWay = nil
	if n.err != nil {
		n.of.More += n.more + 1
	} else {
		n.of.Generation, n.of.Noted = n.generation, time.Now()
	}
}

// guarded makes an error of a panic: nobody above would catch one here.
func guarded(write func(more uint64) error, more uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return write(more)
}

// giveUp is for a caller who waited long enough. What was not to be its own note
// is counted.
func (a *Audit) giveUp(n *notice, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !mine {
		n.of.More++
	}
	if n.of.underWay == n && !n.late {
		n.late = true
		a.late++
	}
}

func (a *Audit) patience() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.late > 0 {
		return 0
	}
	return patience
}
