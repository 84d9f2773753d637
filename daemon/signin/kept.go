package signin

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// kept is a session as it lies in the vault. The names are on disk.
type kept struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Seen    time.Time `json:"seen"`
	Method  string    `json:"method"`
	Address string    `json:"address"`
	Browser string    `json:"browser"`
}

// saved is the record of all sessions, by the hash of what their browsers hold, the links
// that work on several hosts, by their hash, and the hash of the password that there was.
type saved struct {
	Sessions map[string]*kept     `json:"sessions"`
	Links    map[string]time.Time `json:"links,omitempty"`
	Salt     []byte               `json:"salt,omitempty"`
	Hash     []byte               `json:"hash,omitempty"`
}

// Open loads the sessions that have not ended. Those that a password began end with
// it: whoever changes it does not trust all who knew it.
func Open(st *store.Store, o Options) (*SignIn, error) {
	s := &SignIn{store: st, address: o.Address, shared: o.Shared, links: map[sum]time.Time{}, sessions: map[sum]*kept{}, ended: map[sum]bool{}}
	// It is told as long as there is a vault.
	_ = store.Others{Store: st}.Follow(store.KindSecret, func(key string, _ uint64) {
		if key == record {
			s.stale.Store(true)
		}
	})
	for again := true; again; {
		var all saved
		if _, err := st.Get(store.KindSecret, record, &all); err != nil {
			return nil, fmt.Errorf("the sessions of the page: %w", err)
		}
		s.password = newPassword(o.Password, o.Memory, all.Salt)
		s.take(all)
		if !s.changed(all) {
			return s, nil
		}
		again = false
		err := s.change(func(now *saved) bool {
			if again = !bytes.Equal(now.Salt, all.Salt); again || !s.changed(*now) {
				return false // another host was quicker
			}
			maps.DeleteFunc(now.Sessions, func(_ string, k *kept) bool { return k.Method == client.SignedInByPassword })
			now.Salt, now.Hash = nil, nil
			if s.password != nil {
				now.Salt, now.Hash = s.password.salt, s.password.hash
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("the sessions of the page: %w", err)
		}
	}
	return s, nil
}

// changed reports whether the password is another than there was.
func (s *SignIn) changed(all saved) bool {
	return s.password == nil && all.Hash != nil || s.password != nil && !bytes.Equal(s.password.hash, all.Hash)
}

// renew takes up what other hosts have written. Where it cannot be read, what is known
// goes on. The caller holds the lock.
func (s *SignIn) renew() {
	if !s.stale.Swap(false) {
		return
	}
	var all saved
	if _, err := s.store.Get(store.KindSecret, record, &all); err != nil {
		s.stale.Store(true)
		return
	}
	s.take(all)
}

// take goes on with the sessions of the vault that have not ended. The caller holds the
// lock, if anybody else can.
func (s *SignIn) take(all saved) {
	before := s.sessions
	s.sessions = map[sum]*kept{}
	for name, session := range all.Sessions {
		var key sum
		if n, err := hex.Decode(key[:], []byte(name)); err != nil || n != len(key) || s.ended[key] || !time.Now().Before(session.Expires) {
			continue
		}
		if was := before[key]; was != nil && was.Seen.After(session.Seen) {
			session.Seen = was.Seen
		}
		s.sessions[key] = session
	}
}

// change changes the record and goes on with it. fn may run again; it reports whether
// there is something to write. The caller holds the lock, if anybody else can.
func (s *SignIn) change(fn func(all *saved) bool) error {
	all, err := store.Change(s.store, store.KindSecret, record, func(all *saved) bool {
		now := time.Now()
		if all.Sessions == nil {
			all.Sessions = map[string]*kept{}
		}
		if all.Links == nil {
			all.Links = map[string]time.Time{}
		}
		for key := range s.ended {
			delete(all.Sessions, key.text())
		}
		for key, session := range s.sessions {
			if k := all.Sessions[key.text()]; k != nil && session.Seen.After(k.Seen) {
				k.Seen = session.Seen
			}
		}
		maps.DeleteFunc(all.Sessions, func(_ string, k *kept) bool { return !now.Before(k.Expires) })
		return fn(all)
	})
	if err != nil {
		return err
	}
	clear(s.ended)
	s.take(all)
	return nil
}
