package keeper

import (
	"sync/atomic"
)

// tags are the accounts by their tags, found when somebody first asks after a change.
type tags struct {
	// changes counts what may have changed an account's tags.
	changes atomic.Uint64
	known   atomic.Pointer[bearers]
}

// bearers are the accounts' names by tag, in their order.
type bearers struct {
	at    uint64
	names map[string][]string
}

// changed is called after a change.
func (t *tags) changed() { t.changes.Add(1) }

// Tagged returns the names of the accounts that bear a tag, in their order. Nobody
// changes the list.
func (a Accounts) Tagged(tag string) []string {
	t := &a.keeper.tags
	at := t.changes.Load()
	known := t.known.Load()
	if known == nil || known.at != at {
		known = &bearers{at, map[string][]string{}}
		s := a.keeper.Settings()
		for _, w := range a.keeper.all() {
			for _, tag := range s.of(w.Shown()).Tags {
				known.names[tag] = append(known.names[tag], w.Name())
			}
		}
		t.known.Store(known)
	}
	return known.names[tag]
}
