package socket

import (
	"os/user"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Directory answers who is who on this system. Answers are kept for a moment:
// a request would otherwise read the user database several times, and with a
// network directory behind it that can be slow.
type Directory struct {
	users   memo[string, uint32]   // user name → uid
	groups  memo[string, uint32]   // group name → gid
	members memo[uint32, []uint32] // uid → gids
	primary memo[uint32, uint32]   // uid → gid
	names   memo[uint32, string]   // uid → user name
}

func NewDirectory() *Directory {
	return &Directory{
		users: memo[string, uint32]{find: func(name string) (uint32, bool) {
			if u, err := user.Lookup(name); err == nil {
				return number(u.Uid)
			}
			return number(name)
		}},
		groups: memo[string, uint32]{find: func(name string) (uint32, bool) {
			if g, err := user.LookupGroup(name); err == nil {
				return number(g.Gid)
			}
			return number(name)
		}},
		members: memo[uint32, []uint32]{find: memberships},
		primary: memo[uint32, uint32]{find: func(uid uint32) (uint32, bool) {
			u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
			if err != nil {
				return 0, false
			}
			return number(u.Gid)
		}},
		names: memo[uint32, string]{find: func(uid uint32) (string, bool) {
			u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
			if err != nil {
				return "", false
			}
			return u.Username, true
		}},
	}
}

func memberships(uid uint32) ([]uint32, bool) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil, false
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, false
	}
	var gids []uint32
	for _, id := range ids {
		if gid, ok := number(id); ok {
			gids = append(gids, gid)
		}
	}
	return gids, true
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// fits reports whether a rule is about a peer.
func (d *Directory) fits(r Rule, p Peer) bool {
	if r.User == "" && r.Group == "" {
		return false
	}
	if r.User != "" {
		if uid, ok := d.users.get(r.User); !ok || uid != p.UID {
			return false
		}
	}
	if r.Group == "" {
		return true
	}
	gid, ok := d.groups.get(r.Group)
	if !ok {
		return false
	}
	if gid == p.GID {
		return true
	}
	gids := p.Groups
	if !p.GroupsKnown {
		gids, _ = d.members.get(p.UID)
	}
	return slices.Contains(gids, gid)
}

// UserName is a uid as people and the configuration write it.
func (d *Directory) UserName(uid uint32) string {
	if name, ok := d.names.get(uid); ok {
		return name
	}
	return strconv.FormatUint(uint64(uid), 10)
}

const (
	memoAge  = 10 * time.Second
	memoSize = 1024
)

// memo keeps a lookup's answers for a moment, failures too.
type memo[K comparable, V any] struct {
	find func(K) (V, bool)

	mu   sync.Mutex // guards kept; not held during a lookup
	kept map[K]answer[V]
}

type answer[V any] struct {
	value V
	ok    bool
	at    time.Time
}

func (m *memo[K, V]) get(key K) (V, bool) {
	now := time.Now()
	m.mu.Lock()
	a, ok := m.kept[key]
	m.mu.Unlock()
	if ok && now.Sub(a.at) < memoAge {
		return a.value, a.ok
	}
	a.value, a.ok = m.find(key)
	a.at = now
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil || len(m.kept) >= memoSize {
		m.kept = make(map[K]answer[V])
	}
	m.kept[key] = a
	return a.value, a.ok
}
