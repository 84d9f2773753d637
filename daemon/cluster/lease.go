package cluster

import (
	"math"
	"time"
)

// margin is the share of a lease that is not used: clocks of two machines run apart by
// far less.
const margin = 100

// Lease is for how long a host may act as the owner of what it owns. It counts from
// when the renewal was sent, not from when it was answered: etcd counts from some moment
// between the two, so that the host is always out before its keys are gone. Times are of
// [Uptime]. The zero Lease has run out.
type Lease struct {
	until time.Duration
	over  bool
}

// NewLease is a lease that etcd granted for ttl, asked for at sent.
func NewLease(sent, ttl time.Duration) Lease { return Lease{until: deadline(sent, ttl)} }

func deadline(sent, ttl time.Duration) time.Duration { return sent + ttl - ttl/margin }

// Left is what is left of it, never less than 0.
func (l *Lease) Left(now time.Duration) time.Duration {
	if l.over {
		return 0
	}
	return max(l.until-now, 0)
}

// Renew takes up that etcd renewed the lease for ttl, asked for at sent. It reports
// false where the lease has run out before the answer was looked at: whoever was told
// so has stopped, and the answer that comes late does not make it untrue.
func (l *Lease) Renew(now, sent, ttl time.Duration) bool {
	if l.Left(now) == 0 {
		l.over = true
		return false
	}
	l.until = max(l.until, deadline(sent, ttl))
	if l.Left(now) == 0 {
		l.over = true
	}
	return !l.over
}

// End ends the lease, whatever was left of it.
func (l *Lease) End() { l.over = true }

// Never is a time that does not come.
const Never = time.Duration(math.MaxInt64)
