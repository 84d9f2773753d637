package keeper

import (
	"maps"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// plans remembers when accounts were given another schedule by a reload. An account
// that is left alone otherwise writes nothing for that: a start works out anew, as of
// that time, when it is due.
type plans struct {
	mu sync.Mutex // guards since
	// since is when a plan took the place of another, by the new one and the old.
	since map[string]map[string]time.Time
}

// mostReplaced bounds the plans that are remembered as replaced by one.
const mostReplaced = 64

const plansRecord = "replaced"

func (p *plans) load(s *store.Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := s.Get(store.KindPlan, plansRecord, &p.since)
	return err
}

// took is when a plan took the place of another, zero where that is not known. Where
// there were others between the two, it is when the last of them was replaced.
func (p *plans) took(place, of string) (at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	replaced := p.since[place]
	if at, ok := replaced[of]; ok {
		return at
	}
	for _, other := range replaced {
		if other.After(at) {
			at = other
		}
	}
	return at
}

// replacement is a change of plans at a time: which are in force then, and of which
// others they took the place.
type replacement struct {
	now     time.Time
	inForce map[string]bool
	of      map[string]map[string]bool
}

// add notes the plan of an account, and reports whether it is another than before.
func (r replacement) add(plan, before string) bool {
	r.inForce[plan] = true
	if plan == before {
		return false
	}
	if r.of[plan] == nil {
		r.of[plan] = map[string]bool{}
	}
	r.of[plan][before] = true
	return true
}

// replace keeps a change of plans, and forgets those that are not in force any more.
func (p *plans) replace(s *store.Store, r replacement, log zerolog.Logger) {
	if len(r.of) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.since, func(plan string, _ map[string]time.Time) bool { return !r.inForce[plan] })
	if p.since == nil {
		p.since = map[string]map[string]time.Time{}
	}
	for plan, others := range r.of {
		if p.since[plan] == nil || len(p.since[plan])+len(others) > mostReplaced {
			p.since[plan] = map[string]time.Time{}
		}
		for other := range others {
			p.since[plan][other] = r.now
		}
	}
	if err := s.Put(store.KindPlan, plansRecord, p.since, nil); err != nil {
		log.Warn().Err(err).Msg("the new schedules are in force; a restart would begin them anew")
	}
}
