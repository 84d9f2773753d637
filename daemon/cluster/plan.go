package cluster

import (
	"iter"
	"slices"
	"time"
)

// Timing is how patient the decisions are.
type Timing struct {
	// Settle is how long a host that has come waits before it takes anything: hosts
	// that start together share at once, instead of the first one taking all.
	Settle time.Duration
	// Steady is how long the hosts must have been the same before an owner lets go
	// of what belongs to another: one that comes and goes moves nothing.
	Steady time.Duration
	// Stuck is how long an account is left to the host that it belongs to; after each
	// further one it may be taken by the next in the account's order.
	Stuck time.Duration
	// Spare is how long a host keeps what it took because a better placed one did not.
	Spare time.Duration
	// Busy is when an account is looked at again that was not at rest.
	Busy time.Duration
}

// Usual is the timing of a keeper.
func Usual() Timing {
	return Timing{
		Settle: 2 * time.Second, Steady: 10 * time.Second, Stuck: 5 * time.Second,
		Spare: 5 * time.Minute, Busy: time.Second,
	}
}

// View is what a host sees of the hosts. Times are of [Uptime].
type View struct {
	// Me is the host that decides, Hosts are those that live.
	Me    string
	Hosts []string
	// Arrived is when this host came to be among them, Changed when they were last
	// others than now.
	Arrived, Changed time.Duration
}

// Account is what a host sees of an account.
type Account struct {
	Name string
	// Owner is the host that owns it, "" while nobody does, and Since when that was
	// first seen to be so.
	Owner string
	Since time.Duration
	// Spare is true where this host took it in place of one that is better placed.
	Spare bool
	// Removed is true where the account does not exist any more.
	Removed bool
	// Fixed stays with its owner while that lives.
	Fixed bool
	// Busy is until when it is not asked again whether it is at rest, because it was
	// not; 0 is none.
	Busy time.Duration
}

// Taking is an account to take.
type Taking struct {
	Name string
	// Spare is true where another host is better placed and did not take it.
	Spare bool
}

// Decision is what a host does next.
type Decision struct {
	Take []Taking
	// Yield are those to let go of, where they are at rest.
	Yield []string
	// Next is when to decide again though nothing was seen to change, [Never] where
	// only a change can bring something.
	Next time.Duration
}

// Decide says what a host does about the accounts. It takes what is free, first where
// it is best placed, then also where those better placed let it lie; and it lets go of
// what belongs to another.
func (t Timing) Decide(now time.Duration, v View, accounts iter.Seq[Account]) Decision {
	d := Decision{Next: Never}
	if !slices.Contains(v.Hosts, v.Me) {
		return d
	}
	for a := range accounts {
		switch a.Owner {
		case "":
			rank := Rank(v.Hosts, a.Name, v.Me)
			from := max(v.Arrived+t.Settle, a.Since+time.Duration(rank)*t.Stuck)
			if d.due(now, from) {
				d.Take = append(d.Take, Taking{a.Name, rank > 0})
			}
		case v.Me:
			from := a.Busy
			switch {
			case a.Removed:
			case a.Fixed || Best(v.Hosts, a.Name) == v.Me:
				continue
			case a.Spare:
				from = max(from, v.Changed+t.Steady, a.Since+t.Spare)
			default:
				from = max(from, v.Changed+t.Steady)
			}
			if d.due(now, from) {
				d.Yield = append(d.Yield, a.Name)
			}
		}
	}
	return d
}

// due reports whether a time has come, and notes the one that comes first of those
// that have not.
func (d *Decision) due(now, from time.Duration) bool {
	if now >= from {
		return true
	}
	d.Next = min(d.Next, from)
	return false
}
