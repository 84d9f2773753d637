package keeper

import (
	"context"
	"errors"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// following are the accounts whose records were changed, maybe by another host, and have
// yet to be shown here. What this host's own workers write is shown by them.
type following struct {
	mu sync.Mutex // guards changed
	// changed has the revision that was told last, 0 of an account that was removed.
	changed map[string]uint64
	wake    chan struct{} // holds one
	stop    func()
}

// begin notes what is changed from now on.
func (f *following) begin(o store.Others) {
	f.changed, f.wake = map[string]uint64{}, make(chan struct{}, 1)
	f.stop = o.Follow(store.KindAccount, func(name string, revision uint64) {
		f.mu.Lock()
		f.changed[name] = revision
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
	})
}

// take returns what was noted.
func (f *following) take() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := f.changed
	f.changed = map[string]uint64{}
	return changed
}

// follow shows what other hosts commit, until ctx ends, and wakes those who wait for a
// change or for the journal once it is shown.
func (s Shared) follow(ctx context.Context) {
	k := s.keeper
	defer k.following.stop()
	for {
		journal := k.store.Vault().Changed()
		for name, revision := range k.following.take() {
			s.followOne(name, revision)
		}
		store.Others{Store: k.store}.Wake()
		select {
		case <-k.following.wake:
		case <-journal:
		case <-k.store.Vault().Failed():
			return
		case <-ctx.Done():
			return
		}
	}
}

// followOne shows an account as it is now.
func (s Shared) followOne(name string, revision uint64) {
	k := s.keeper
	w := k.roster.get(name)
	if w != nil && revision != 0 && k.read(w) && w.Shown().Revision >= revision {
		return // its own worker wrote it, or it was read since
	}
	var err error
	if w == nil {
		w = ownership(account.Unread(k.parts, name)).Elsewhere()
		if err = k.store.Texts(w.Read, name); err == nil {
			s.enter(w)
		}
	} else if err = k.store.Texts(ownership(w).Follow, name); err == nil {
		k.tags.changed()
	} else if errors.Is(err, vault.ErrNotFound) {
		ownership(w).Vanish()
	}
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		k.problems.Set("account "+name, err)
		k.log.Error().Err(err).Str("account", name).Msg("what another host wrote is not shown; the record before is, if there was one")
	}
}
