package etcd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

const (
	// mostOps bounds what a transaction compares, writes and removes, each. Servers take
	// 128 where nobody told them otherwise.
	mostOps = 100
	// mostBytes bounds what changes that share a transaction write. Servers take one and
	// a half MiB.
	mostBytes = 1 << 20
	// mostScanned is how many records of a kind that were read one after the other are
	// compared one by one.
	mostScanned = 40
	// numbersEach is how many numbers there are for each revision of etcd.
	numbersEach = 1 << 16
)

// place is where a record is for its users.
type place struct{ kind, key string }

// pending is what a batch makes of a record.
type pending struct {
	was        *record // nil where there was none
	value      []byte
	n, created uint64
	gone       bool
}

// appendedEntry is an entry that a batch appends.
type appendedEntry struct {
	at    int64
	value []byte
}

// batch is what changes that share a transaction have read and written. They run one
// after the other on the mirror as of one revision, each on what those before it did.
type batch struct {
	v    *shared
	m    *mirror
	base int64
	puts uint64

	// reads is what was read, by name, with the revision it had; scanned is what was read
	// one after the other, by kind.
	reads   map[string]int64
	scanned map[string]map[string]int64
	records map[place]*pending
	local   map[place]*pending
	order   []place // of those that were changed, some of them in vain
	entries map[uint64]appendedEntry
	drops   map[uint64]bool
	slots   map[string][]byte
	head    head
	headSet bool
	guards  map[string]int64
	probe   bool
	// alone is set where the batch is to do without etcd.
	alone bool
	bytes int
	// undo takes back, last first, what the change that runs did.
	undo []func()
	// request is what etcd is asked for.
	request request
}

func newBatch(v *shared) *batch {
	return &batch{
		v: v, m: v.mirror, base: v.mirror.rev, head: v.mirror.head,
		reads: map[string]int64{}, scanned: map[string]map[string]int64{},
		records: map[place]*pending{}, local: map[place]*pending{}, entries: map[uint64]appendedEntry{},
		drops: map[uint64]bool{}, slots: map[string][]byte{}, guards: map[string]int64{},
	}
}

// number is the next one that nothing under any key has or had: numbers grow with etcd's
// revision, on which the batch runs and which each commit moves on.
func (b *batch) number() uint64 {
	b.puts++
	return uint64(b.base+1)*numbersEach + b.puts
}

// read notes that something under a name was read, and is to be the same at the commit.
func (b *batch) read(name string, mod int64) { b.reads[name] = mod }

func (b *batch) readMembers(kind string) { b.read(membersOf(kind), b.m.kind(kind).members.mod) }

func (b *batch) readHead() { b.read(keyHead, b.m.headAt.mod) }

func (b *batch) scan(kind, name string, mod int64) {
	if b.scanned[kind] == nil {
		b.scanned[kind] = map[string]int64{}
		b.readMembers(kind)
	}
	if name != "" {
		b.scanned[kind][name] = mod
	}
}

func set[K comparable, V any](b *batch, m map[K]V, key K, value V) {
	was, there := m[key]
	b.undo = append(b.undo, func() {
		if there {
			m[key] = was
		} else {
			delete(m, key)
		}
	})
	m[key] = value
}

func unset[K comparable, V any](b *batch, m map[K]V, key K) {
	if was, there := m[key]; there {
		b.undo = append(b.undo, func() { m[key] = was })
		delete(m, key)
	}
}

func (b *batch) setHead(h head) {
	was, were := b.head, b.headSet
	b.undo = append(b.undo, func() { b.head, b.headSet = was, were })
	b.head, b.headSet = h, true
}

func (b *batch) grow(n int) {
	b.undo = append(b.undo, func() { b.bytes -= n })
	b.bytes += n
}

// takeBack undoes what the change that ran last did. What it read still counts: others
// may have been told of it.
func (b *batch) takeBack() {
	for _, step := range slices.Backward(b.undo) {
		step()
	}
	b.undo = nil
}

// remote reports whether anything is to be written to etcd.
func (b *batch) remote() bool {
	if b.headSet || b.probe || len(b.slots) > 0 {
		return true
	}
	for _, p := range b.records {
		if p.changed() {
			return true
		}
	}
	return false
}

// changed is false for a record that was made and removed again.
func (p *pending) changed() bool { return p.was != nil || !p.gone }

// kinds are those of which there are other records afterwards, each with its new sum.
func (b *batch) kinds() map[string]seal.Sum {
	sums := map[string]seal.Sum{}
	for at, p := range b.records {
		// One that was removed or put back by hand comes anew with its next change, which
		// is to be proven as its making was.
		kept := p.was != nil && !p.gone && p.was.created == p.created && p.was.mod != 0 && !b.m.kind(at.kind).late(p.was.held)
		if !p.changed() || kept {
			continue
		}
		sum, ok := sums[at.kind]
		if !ok {
			sum = b.m.kind(at.kind).members.sum
			b.readMembers(at.kind)
		}
		if p.was != nil {
			sum.Sub(b.m.digest(at.kind, at.key, p.was.created))
		}
		if !p.gone {
			sum.Add(b.m.digest(at.kind, at.key, p.created))
		}
		sums[at.kind] = sum
	}
	return sums
}

// large reports whether the batch is more than one transaction may be.
func (b *batch) large() bool {
	kinds := len(b.kinds())
	compares := 1 + len(b.reads) + len(b.guards)
	for _, names := range b.scanned {
		if len(names) > mostScanned {
			compares++
			continue
		}
		for name := range names {
			if _, ok := b.reads[name]; !ok {
				compares++
			}
		}
	}
	ops := 2 + kinds + len(b.records) + len(b.entries) + len(b.drops) + len(b.slots)
	return compares > mostOps || ops > mostOps || b.bytes > mostBytes
}

// inOrder are the records of a map, in the order in which they were changed first.
func (b *batch) inOrder(m map[place]*pending) (list []place) {
	done := map[place]bool{}
	for _, at := range b.order {
		if m[at] != nil && !done[at] {
			done[at], list = true, append(list, at)
		}
	}
	return list
}

// localTouched is what was changed of what stays on this host.
func (b *batch) localTouched() (list []touched) {
	for _, at := range b.inOrder(b.local) {
		if p := b.local[at]; p.changed() {
			list = append(list, touched{at, p.n})
		}
	}
	return list
}

// request is a batch as etcd is asked for it.
type request struct {
	compares []clientv3.Cmp
	ops      []clientv3.Op
}

// prepare seals what is written, and says what is compared. That is done while the mirror
// is the one that the batch ran on.
func (b *batch) prepare() {
	if !b.remote() {
		return
	}
	var r request
	key := b.v.key
	put := func(name string, value []byte) { r.ops = append(r.ops, clientv3.OpPut(key(name), string(value))) }
	for kind, sum := range b.kinds() {
		old := b.m.kind(kind).members
		put(membersOf(kind), b.m.sealMembers(b.number(), kind, old.version+1, sum))
	}
	for _, at := range b.inOrder(b.records) {
		p := b.records[at]
		switch {
		case !p.changed():
		case p.gone:
			r.ops = append(r.ops, clientv3.OpDelete(key(p.was.name)))
		default:
			name, version := b.m.recordName(at.kind, at.key), int64(0)
			if p.was != nil {
				name, version = p.was.name, p.was.version
			}
			put(name, b.m.sealRecord(p.n, at.kind, name, at.key, version+1, p.created, p.value))
		}
	}
	for id, e := range b.entries {
		put(entryName(id), b.m.Seal(uint64(e.at), e.value, entryAt(id)))
	}
	for id := range b.drops {
		r.ops = append(r.ops, clientv3.OpDelete(key(entryName(id))))
	}
	if b.headSet {
		put(keyHead, b.m.sealHead(b.number(), b.m.headAt.version+1, b.head))
	}
	for id, raw := range b.slots {
		if raw == nil {
			r.ops = append(r.ops, clientv3.OpDelete(key(dirSlots+id)))
		} else {
			put(dirSlots+id, raw)
		}
	}
	for kind, names := range b.scanned {
		if len(names) <= mostScanned {
			maps.Copy(b.reads, names)
			continue
		}
		dir := key(dirOf(kind))
		r.compares = append(r.compares, clientv3.Compare(clientv3.ModRevision(dir), "<", b.base+1).WithRange(clientv3.GetPrefixRangeEnd(dir)))
	}
	for name, mod := range b.reads {
		r.compares = append(r.compares, clientv3.Compare(clientv3.ModRevision(key(name)), "=", mod))
	}
	for owner, revision := range b.guards {
		r.compares = append(r.compares, clientv3.Compare(clientv3.CreateRevision(owner), "=", revision))
	}
	b.request = r
}

// jitter is between half of a duration and all of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// tooLarge is the end of a change that is more than one transaction may be.
func tooLarge(place string) error {
	return fault.New("write", place, fmt.Errorf("%w: it reads or changes more at once than etcd takes", fault.ErrTooLarge))
}
