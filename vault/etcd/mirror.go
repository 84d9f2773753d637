package etcd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// held is what etcd has under a key: the revision of its last change, how often it was
// written, and the revision with which it came. All are 0 where there is none.
type held struct{ mod, version, create int64 }

// record is a record as the mirror has it. It never changes; another takes its place.
type record struct {
	name, key string
	// env is the last envelope that opened, nil where none ever did, and sealedFor the
	// version of it. Where somebody changed the key in etcd by hand, held is another.
	env        []byte
	sealedFor  int64
	n, created uint64
	held
}

// wrong says what is wrong with a record, "" where nothing is.
func (r *record) wrong() string {
	switch {
	case r.env == nil:
		return "it does not open, or was put there from outside"
	case r.mod == 0:
		return "it was removed from outside"
	case r.sealedFor != r.version:
		return "it was changed or put back from outside"
	}
	return ""
}

// kind is all records of a kind.
type kind struct {
	records map[string]*record // by key; those that never opened have none
	byName  map[string]*record
	keys    []string // in order
	// sum is over the records that are here, members what etcd says of them.
	sum     seal.Sum
	members members
}

// members is what a kind's sealed sum says.
type members struct {
	n   uint64
	sum seal.Sum
	env []byte
	// sealedFor is the version that env was sealed for.
	sealedFor int64
	held
}

// entry is an entry of the journal. env is nil where none opened.
type entry struct {
	env []byte
	held
}

// mirror is what etcd has below the prefix, as of one revision, as far as it was proven.
type mirror struct {
	sealed
	rev     int64
	kinds   map[string]*kind
	head    head
	headN   uint64
	headEnv []byte
	headFor int64
	headAt  held
	journal map[uint64]*entry
	slots   map[string]slotHeld
	// wrong is what is wrong by name, fresh what is to be told of it, dirty what the copy
	// has not yet.
	wrong map[string]string
	fresh []string
	dirty map[string]bool
	// before is, while a revision is taken over, what records were that it changes, in
	// the order of seen; touched is what came of that.
	before  map[place]uint64
	seen    []place
	touched []touched
}

type slotHeld struct {
	raw []byte
	held
}

func newMirror(s sealed) *mirror {
	return &mirror{
		sealed: s, kinds: map[string]*kind{}, head: head{first: 1}, journal: map[uint64]*entry{},
		slots: map[string]slotHeld{}, wrong: map[string]string{}, dirty: map[string]bool{},
	}
}

func (m *mirror) kind(name string) *kind {
	k := m.kinds[name]
	if k == nil {
		k = &kind{records: map[string]*record{}, byName: map[string]*record{}}
		m.kinds[name] = k
	}
	return k
}

// blame notes what is wrong with a key, "" for nothing any more.
func (m *mirror) blame(name, what string) {
	if what == "" {
		delete(m.wrong, name)
		return
	}
	text := fmt.Sprintf("%s: %s", shown(name), what)
	if m.wrong[name] != text {
		m.wrong[name] = text
		m.fresh = append(m.fresh, text)
	}
}

// shown is a name that can be shown: what somebody put there by hand may be anything.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) {
		return fmt.Sprintf("%+q", name)
	}
	return name
}

// set puts a record in the place of another; either may be nil.
func (m *mirror) set(kindName string, old, next *record) {
	k := m.kind(kindName)
	m.note(kindName, old)
	m.note(kindName, next)
	if old != nil && old.env != nil {
		d := m.digest(kindName, old.key, old.created)
		k.sum.Sub(d)
		if next == nil || next.env == nil || next.key != old.key {
			delete(k.records, old.key)
			if i, ok := slices.BinarySearch(k.keys, old.key); ok {
				k.keys = slices.Delete(k.keys, i, i+1)
			}
		}
	}
	name := ""
	if next == nil {
		name = old.name
		delete(k.byName, name)
		m.blame(name, "")
	} else {
		name = next.name
		k.byName[name] = next
		m.blame(name, next.wrong())
		if next.env != nil {
			k.sum.Add(m.digest(kindName, next.key, next.created))
			if k.records[next.key] == nil {
				i, _ := slices.BinarySearch(k.keys, next.key)
				k.keys = slices.Insert(k.keys, i, next.key)
			}
			k.records[next.key] = next
		}
	}
	m.dirty[name] = true
}

// note remembers what a record was before a revision changes it.
func (m *mirror) note(kind string, r *record) {
	if m.before == nil || r == nil || r.env == nil {
		return
	}
	at := place{kind, r.key}
	if _, ok := m.before[at]; ok {
		return
	}
	m.before[at] = 0
	if was := m.kind(kind).records[r.key]; was != nil {
		m.before[at] = was.n
	}
	m.seen = append(m.seen, at)
}

// compare finds what a revision has changed.
func (m *mirror) compare() {
	for _, at := range m.seen {
		now := uint64(0)
		if r := m.kind(at.kind).records[at.key]; r != nil {
			now = r.n
		}
		if now != m.before[at] {
			m.touched = append(m.touched, touched{at, now})
		}
	}
	m.before, m.seen = nil, nil
}

// damage is what is wrong, in sentences.
func (m *mirror) damage() []string {
	const most = 20
	list := make([]string, 0, len(m.wrong))
	for _, text := range m.wrong {
		list = append(list, text)
	}
	slices.Sort(list)
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", more))
	}
	return list
}

// late reports whether a key came after the last change of which records of its kind
// there are. Whoever has the data key makes none without changing that.
func (k *kind) late(h held) bool { return h.create > k.members.mod && k.members.env != nil }

// checkSums compares what there is of each kind with what there should be.
func (m *mirror) checkSums() {
	for name, k := range m.kinds {
		for _, r := range k.byName {
			if k.late(r.held) {
				m.blame(r.name, "it was removed and put back from outside")
			}
		}
		what := ""
		switch {
		case k.members.env == nil && len(k.byName) > 0, k.members.env != nil && k.members.mod == 0:
			what = "what tells which records there are was removed from outside"
		case k.members.env != nil && k.members.sealedFor != k.members.version:
			what = "what tells which records there are was changed from outside"
		case k.sum != k.members.sum:
			what = "a record was removed or put back from outside"
		}
		m.blame(membersOf(name), what)
	}
}

// checkJournal looks whether every entry is there.
func (m *mirror) checkJournal() {
	if m.headEnv == nil || m.headAt.mod == 0 || m.headFor != m.headAt.version {
		m.blame(keyHead, "it was changed or removed from outside")
	} else {
		m.blame(keyHead, "")
	}
	for id := m.head.first; id <= m.head.newest; id++ {
		if m.journal[id] == nil {
			m.journal[id] = &entry{}
			m.blame(entryName(id), "it was removed from outside")
		}
	}
}
