package etcd

import (
	"strings"

	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// event is a change of a key in etcd, or what a read of all found. value is nil where
// the key is gone.
type event struct {
	name  string
	value []byte
	held
}

// change of which records a kind has, as an event says it and before it is proven.
type change struct {
	old, next *record
}

// apply takes over what came with one revision. Whoever has the data key and changes
// which records a kind has writes the kind's sum in the same transaction, so each
// revision can be proven by itself. What cannot be is not taken over: the last good
// state stays, and it is told. anew is set where the events are what was found by a read
// of everything after a gap.
func (m *mirror) apply(rev int64, events []event, anew bool) {
	m.before = map[place]uint64{}
	defer m.compare()
	changes, deltas := map[string][]change{}, map[string]seal.Sum{}
	for _, e := range events { // what others are proven by comes first
		kind, ok := kindOf(e.name)
		switch {
		case e.name == keyHead:
			m.applyHead(e)
		case strings.HasPrefix(e.name, dirKinds) && ok:
			deltas[kind] = m.applyMembers(kind, e)
		}
	}
	for _, e := range events {
		kind, ok := kindOf(e.name)
		switch {
		case strings.HasPrefix(e.name, dirRec) && ok:
			if c, member := m.applyRecord(kind, e); member {
				changes[kind] = append(changes[kind], c)
			}
		case strings.HasPrefix(e.name, dirEntry):
			m.applyEntry(e)
		case strings.HasPrefix(e.name, dirSlots):
			m.applySlot(e)
		case e.name == keyMeta && !anew:
			m.blame(keyMeta, "it was changed from outside")
		}
	}
	for kind, list := range changes {
		m.prove(kind, list, deltas[kind], anew)
	}
	if anew {
		m.checkSums()
		m.checkJournal()
	}
	m.rev = max(m.rev, rev)
}

// applyRecord takes a record over where it opens and is newer than what is known. It
// reports a change of which records there are, which is yet to be proven.
func (m *mirror) applyRecord(kind string, e event) (c change, member bool) {
	c.old = m.kind(kind).byName[e.name]
	if c.old == nil && e.value == nil || c.old != nil && c.old.held == e.held {
		return c, false
	}
	if e.value == nil {
		if c.old.env == nil {
			m.set(kind, c.old, nil)
			return c, false
		}
		m.set(kind, c.old, nil)
		return c, true
	}
	o, err := m.openRecord(kind, e.name, e.version, e.value)
	clear(o.value)
	known := c.old != nil && c.old.env != nil
	if err != nil || known && (o.n <= c.old.n || o.key != c.old.key) || m.kind(kind).late(e.held) {
		r := refusedRecord(c.old, e)
		if m.set(kind, c.old, r); r.wrong() == "" {
			m.blame(e.name, "it was put back from outside")
		}
		return c, false
	}
	c.next = &record{name: e.name, key: o.key, env: e.value, sealedFor: e.version, n: o.n, created: o.created, held: e.held}
	if twin := m.kind(kind).records[o.key]; twin != nil && twin != c.old {
		m.set(kind, c.old, refusedRecord(c.old, e)) // the same key under another name
		return c, false
	}
	m.set(kind, c.old, c.next)
	return c, !known || o.created != c.old.created
}

// refusedRecord is the last good state of a record in whose place etcd has something else.
func refusedRecord(old *record, e event) *record {
	r := record{name: e.name, held: e.held}
	if old != nil {
		r = *old
		r.held = e.held
	}
	return &r
}

// applyMembers takes over what a kind's sum says, and returns by how much it changed.
func (m *mirror) applyMembers(kind string, e event) (delta seal.Sum) {
	k := m.kind(kind)
	if k.members.held == e.held {
		return delta
	}
	m.dirty[e.name] = true
	n, sum, err := m.openMembers(kind, e.version, e.value)
	if e.value == nil || err != nil || n <= k.members.n {
		k.members.held = e.held
		m.blame(e.name, "what tells which records there are was changed from outside")
		return delta
	}
	delta = sum
	delta.Sub(k.members.sum)
	k.members = members{n, sum, e.value, e.version, e.held}
	m.blame(e.name, "")
	return delta
}

// prove compares the changes of which records a kind has with those of its sum.
func (m *mirror) prove(kind string, list []change, wanted seal.Sum, anew bool) {
	k := m.kind(kind)
	proven := func() bool {
		var got seal.Sum
		for _, c := range list {
			if c.old != nil && c.old.env != nil {
				got.Sub(m.digest(kind, c.old.key, c.old.created))
			}
			if c.next != nil {
				got.Add(m.digest(kind, c.next.key, c.next.created))
			}
		}
		return got == wanted || k.sum == k.members.sum
	}
	if proven() {
		return
	}
	// What was removed by hand is kept. Nobody removes what was not there, so all that
	// is made by hand goes, unless all of it was read anew: then it is not known which.
	var left []change
	for _, c := range list {
		if c.next == nil {
			m.set(kind, nil, refusedRecord(c.old, event{name: c.old.name}))
		} else {
			left = append(left, c)
		}
	}
	if list = left; proven() || anew {
		return
	}
	for _, c := range list {
		back := refusedRecord(c.old, event{name: c.next.name, held: c.next.held})
		m.set(kind, c.next, back)
	}
}

func (m *mirror) applyHead(e event) {
	if m.headAt == e.held {
		return
	}
	m.dirty[keyHead] = true
	m.headAt = e.held
	n, h, err := m.openHead(e.version, e.value)
	if e.value == nil || err != nil || n <= m.headN || h.first < m.head.first || h.newest < m.head.newest {
		m.blame(keyHead, "it was changed or removed from outside")
		return
	}
	for id := m.head.first; id < h.first; id++ {
		if m.journal[id] != nil {
			delete(m.journal, id)
			m.dirty[entryName(id)] = true
			m.blame(entryName(id), "")
		}
	}
	m.head, m.headN, m.headEnv, m.headFor = h, n, e.value, e.version
	m.blame(keyHead, "")
}

func (m *mirror) applyEntry(e event) {
	id, ok := idOf(e.name)
	if !ok || id < m.head.first || id > m.head.newest {
		if e.value != nil {
			m.blame(e.name, "it was put there from outside")
		} else {
			m.blame(e.name, "")
		}
		return
	}
	old := m.journal[id]
	if old != nil && old.held == e.held {
		return
	}
	m.dirty[e.name] = true
	next := &entry{held: e.held}
	if e.value != nil {
		if _, plain, err := m.Open(nil, e.value, entryAt(id)); err == nil {
			clear(plain)
			next.env = e.value
			m.journal[id] = next
			m.blame(e.name, "")
			return
		}
	}
	if old != nil {
		next.env = old.env
	}
	m.journal[id] = next
	m.blame(e.name, "it was changed or removed from outside")
}

func (m *mirror) applySlot(e event) {
	id := strings.TrimPrefix(e.name, dirSlots)
	m.dirty[e.name] = true
	if e.value == nil {
		delete(m.slots, id)
		return
	}
	m.slots[id] = slotHeld{e.value, e.held}
}
