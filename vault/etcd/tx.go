package etcd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// What a record may measure. Of its value the server says how much it takes in one
// request; this is what no vault takes.
const (
	maxKind  = 64
	maxKey   = 1024
	maxValue = 16 << 20
)

// tx is a transaction over the mirror, under the lock of which it runs.
type tx struct {
	v *shared
	m *mirror
	b *batch // nil where it only reads

	retire     func(vault.Entry) error
	journalMax int
	committed  []func()
	guards     []string
	// broken is set once a change failed half-way; over once the transaction has ended.
	broken error
	over   bool
}

var errOver = errors.New("the transaction has ended")

func recordText(kind, key string) string { return kind + "/" + key }

// OnCommit implements [vault.Tx].
func (t *tx) OnCommit(fn func()) { t.committed = append(t.committed, fn) }

// find returns what a record is now, which is to be the same at the commit.
func (t *tx) find(kind, key string) (p *pending, r *record, err error) {
	p, r, err = t.look(kind, key)
	if err == nil && t.b != nil && !t.v.o.Local(kind) {
		if r != nil {
			t.b.read(r.name, r.mod)
		} else {
			t.b.read(t.m.recordName(kind, key), 0)
		}
	}
	return p, r, err
}

// look returns what a record is now: as the batch has it, or else as the mirror has it.
func (t *tx) look(kind, key string) (p *pending, r *record, err error) {
	if t.over {
		return nil, nil, fault.New("get", recordText(kind, key), errOver)
	}
	at, local := place{kind, key}, t.v.o.Local(kind)
	if local {
		r = t.v.local.of(kind, key)
	} else {
		k := t.m.kinds[kind]
		if k != nil {
			r = k.records[key]
		}
		if r == nil && k != nil && len(k.byName) > len(k.records) {
			r = k.byName[t.m.recordName(kind, key)] // one that never opened
		}
	}
	if t.b == nil {
		return nil, r, nil
	}
	if local {
		if t.b.alone && t.v.local.busy[at] {
			return nil, nil, fault.New("get", recordText(kind, key), fault.ErrUnavailable)
		}
		return t.b.local[at], r, nil
	}
	return t.b.records[at], r, nil
}

// Get implements [vault.Tx].
func (t *tx) Get(kind, key string) (vault.Record, error) {
	p, r, err := t.find(kind, key)
	return t.valueOf(kind, key, p, r, err)
}

func (t *tx) valueOf(kind, key string, p *pending, r *record, err error) (vault.Record, error) {
	switch {
	case err != nil:
		return vault.Record{}, err
	case p != nil && !p.gone:
		return vault.Record{Value: slices.Clone(p.value), Revision: p.n}, nil
	case p != nil || r == nil:
		return vault.Record{}, fault.New("get", recordText(kind, key), fault.ErrNotFound)
	}
	return t.open(kind, r)
}

func (t *tx) open(kind string, r *record) (vault.Record, error) {
	if r.env == nil {
		return vault.Record{}, fault.Corrupt("get", shown(r.name), "%s", r.wrong())
	}
	if t.v.o.Local(kind) {
		n, value, err := t.m.Open(nil, r.env, localAt(kind, r.key))
		if err != nil {
			return vault.Record{}, fault.Corrupt("get", recordText(kind, r.key), "%v", err)
		}
		return vault.Record{Value: value, Revision: n}, nil
	}
	o, err := t.m.openRecord(kind, r.name, r.sealedFor, r.env)
	if err != nil {
		return vault.Record{}, fault.Corrupt("get", recordText(kind, r.key), "%v", err)
	}
	return vault.Record{Value: o.value, Revision: o.n}, nil
}

// change begins every step that writes.
func (t *tx) change(op, path string) error {
	switch {
	case t.over:
		return fault.New(op, path, errOver)
	case t.b == nil:
		return fault.New(op, path, fault.ErrReadOnly)
	}
	return t.broken
}

// take compares a record's revision before it is changed.
func (t *tx) take(op, kind, key string, was uint64) (*pending, *record, error) {
	path := recordText(kind, key)
	if err := t.change(op, path); err != nil {
		return nil, nil, err
	}
	p, r, err := t.find(kind, key)
	if err != nil {
		return nil, nil, err
	}
	now := uint64(0)
	switch {
	case p != nil && !p.gone:
		now = p.n
	case p == nil && r != nil && r.env == nil:
		return nil, nil, fault.Corrupt(op, path, "%s", r.wrong())
	case p == nil && r != nil:
		now = r.n
	}
	switch {
	case now != was:
		return nil, nil, fault.New(op, path, fault.ErrConflict)
	case now == 0 && op == "delete":
		return nil, nil, fault.New(op, path, fault.ErrNotFound)
	case op == "delete" && p == nil && r.mod == 0 && !t.v.o.Local(kind):
		return nil, nil, fault.Corrupt(op, path, "it was removed from outside; written again, it can be removed")
	}
	return p, r, t.guard(op, kind, key)
}

// guard has the commit compare who looks after what the record is of.
func (t *tx) guard(op, kind, key string) error {
	if t.v.o.Local(kind) {
		return nil
	}
	owner, revision, guarded := t.v.o.Fence(kind, key)
	if !guarded {
		return nil
	}
	if other, ok := t.b.guards[owner]; revision == 0 || ok && other != revision {
		return fault.New(op, recordText(kind, key), fault.ErrNotOwner)
	}
	set(t.b, t.b.guards, owner, revision)
	t.guards = append(t.guards, owner)
	return nil
}

// Put implements [vault.Tx].
func (t *tx) Put(kind, key string, value []byte, was uint64) (uint64, error) {
	if kind == "" || key == "" || len(kind) > maxKind || len(key) > maxKey {
		return 0, fault.New("put", fmt.Sprintf("%.64q", recordText(kind, key)), errors.New("impossible name of a record"))
	}
	if len(value) > maxValue {
		return 0, fault.New("put", recordText(kind, key), fault.ErrTooLarge)
	}
	p, r, err := t.take("put", kind, key, was)
	if err != nil {
		return 0, err
	}
	next := &pending{was: r, value: slices.Clone(value)}
	if t.v.o.Local(kind) {
		next.n = t.v.local.number()
		t.b.order = append(t.b.order, place{kind, key})
		set(t.b, t.b.local, place{kind, key}, next)
		return next.n, nil
	}
	next.n = t.b.number()
	switch {
	case p != nil && !p.gone:
		next.created = p.created
	case p == nil && r != nil:
		next.created = r.created
	default:
		next.created = next.n
		t.b.readMembers(kind)
	}
	t.b.order = append(t.b.order, place{kind, key})
	set(t.b, t.b.records, place{kind, key}, next)
	t.b.grow(len(value) + len(key))
	return next.n, nil
}

// Delete implements [vault.Tx].
func (t *tx) Delete(kind, key string, was uint64) error {
	_, r, err := t.take("delete", kind, key, was)
	if err != nil {
		return err
	}
	in := t.b.records
	if t.v.o.Local(kind) {
		in = t.b.local
	} else {
		t.b.readMembers(kind)
	}
	t.b.order = append(t.b.order, place{kind, key})
	set(t.b, in, place{kind, key}, &pending{was: r, gone: true})
	return nil
}

// Each implements [vault.Tx].
func (t *tx) Each(kind string, fn func(key string, r vault.Record) error) error {
	return t.EachAfter(kind, "", fn)
}

// EachAfter implements [vault.Tx].
func (t *tx) EachAfter(kind, after string, fn func(key string, r vault.Record) error) error {
	for {
		key, ok := t.next(kind, after)
		if !ok {
			return nil
		}
		after = key
		p, there, err := t.look(kind, key) // what was read in a row is compared as that
		r, err := t.valueOf(kind, key, p, there, err)
		if err != nil {
			return err
		}
		if err := fn(key, r); err != nil {
			return err
		}
	}
}

// Keys implements [vault.Tx].
func (t *tx) Keys(kind string) (keys []string, err error) {
	if t.over {
		return nil, fault.New("read", kind, errOver)
	}
	for key, ok := t.next(kind, ""); ok; key, ok = t.next(kind, key) {
		keys = append(keys, key)
	}
	return keys, nil
}

// next returns the first key of a kind after one.
func (t *tx) next(kind, after string) (next string, ok bool) {
	if t.over {
		return "", false
	}
	k, local := t.m.kinds[kind], t.v.o.Local(kind)
	if local {
		k = t.v.local.kinds[kind]
	}
	var overlay map[place]*pending
	if t.b != nil {
		if overlay = t.b.records; local {
			overlay = t.b.local
		} else {
			t.b.scan(kind, "", 0)
		}
	}
	if k != nil {
		i, found := slices.BinarySearch(k.keys, after)
		if found {
			i++
		}
		for ; i < len(k.keys) && !ok; i++ {
			r := k.records[k.keys[i]]
			p := overlay[place{kind, r.key}]
			if ok = p == nil || !p.gone; ok {
				next = r.key
			}
			if t.b != nil && !local {
				t.b.scan(kind, r.name, r.mod)
			}
		}
	}
	for at, p := range overlay {
		if at.kind == kind && !p.gone && at.key > after && (!ok || at.key < next) {
			next, ok = at.key, true
		}
	}
	return next, ok
}
