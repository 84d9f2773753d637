package etcd

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// figures are how the vault is doing.
type figures struct {
	commits, conflicts, refused atomic.Uint64
	lag                         lag
}

// lag is how far the mirror is behind. Each commit of any host writes that host's mark, so
// the newest of all marks is the newest commit; it is asked for each second, and compared
// with how far the mirror has come. So nothing is said about clocks of other hosts.
type lag struct {
	mu sync.Mutex // guards what follows
	// whole is when the mirror had everything, for the last time that this is known.
	whole time.Time
	// open are the questions whose answer told of a commit that the mirror has not yet,
	// oldest first.
	open []question
}

// question is when etcd was asked, when it answered, and the newest commit that there was.
type question struct {
	sent, answered time.Time
	newest         int64
}

const (
	// mostOpen bounds the questions that are kept. Those that are not are newer, which
	// makes the lag no smaller.
	mostOpen = 100
	// silence is how long no answer is none that is missing.
	silence = 3 * lookEvery
)

// begin says when a mirror that was read from the copy had everything.
func (l *lag) begin(whole time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = whole
}

// heard takes up an answer, by a mirror that has come to rev.
func (l *lag) heard(q question, rev int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.come(rev)
	switch {
	case q.newest <= rev:
		l.whole = later(l.whole, q.sent)
	case len(l.open) < mostOpen:
		l.open = append(l.open, q)
	}
}

// come closes the questions that a mirror has come up to.
func (l *lag) come(rev int64) {
	for len(l.open) > 0 && l.open[0].newest <= rev {
		l.whole = later(l.whole, l.open[0].sent)
		l.open = l.open[1:]
	}
}

// since returns when the mirror last had everything, and for how long it is behind.
func (l *lag) since(now time.Time, rev int64, away bool) (whole time.Time, behind time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.come(rev)
	switch quiet := now.Sub(l.whole); {
	case len(l.open) > 0 && !away:
		behind = now.Sub(l.open[0].answered)
	case away, quiet > silence:
		behind = quiet
	}
	return l.whole, max(behind, 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// beginLag reads until when the copy had everything. Of one that does not say it, it is
// not known, and what counts is when it was opened.
func (v *Vault) beginLag() error {
	whole := time.Now()
	raw, err := v.copy.meta(metaWhole)
	if err == nil && len(raw) == 8 {
		whole = time.Unix(0, int64(binary.BigEndian.Uint64(raw)))
	}
	v.figures.lag.begin(whole)
	return err
}

// Figures tell how the vault is doing; see [vault.FiguresOf].
func (v *Vault) Figures() vault.Figures {
	f := vault.Figures{
		Commits: v.figures.commits.Load(), Conflicts: v.figures.conflicts.Load(), Refused: v.figures.refused.Load(),
	}
	f.Away, _ = v.reach.state()
	v.mu.RLock()
	rev, changed := v.mirror.rev, v.unwritten
	v.mu.RUnlock()
	now := time.Now()
	_, f.Lag = v.figures.lag.since(now, rev, !f.Away.IsZero())
	if !changed.IsZero() {
		f.CopyLag = max(now.Sub(changed), 0)
	}
	return f
}
