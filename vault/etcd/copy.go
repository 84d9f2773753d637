package etcd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// The buckets of the copy, and the keys of its meta bucket. They never change.
var (
	copyMeta = bolt.Bucket{Name: "meta"}
	copyEtcd = bolt.Bucket{Name: "etcd"} // name → held, version that it was sealed for, envelope
)

func localBucket(kind string) bolt.Bucket { return bolt.Bucket{Name: "local", Sub: kind} }

const (
	metaID       = "id"
	metaRevision = "revision"
	metaMarks    = "marks" // those of earlier openings that are to be removed
	metaNumber   = "number"
	metaBegun    = "begun" // a vault is being made from here
	metaWhole    = "whole" // when it had everything that there was
)

// writeBehind is how long changes wait to be written to the copy together.
const writeBehind = 500 * time.Millisecond

// copyFile is this host's own file.
type copyFile struct {
	file *bolt.File
	// damage is what was wrong with it when it was opened.
	damage []string
	wake   chan struct{}
}

// local are the records that stay on this host.
type local struct {
	kinds map[string]*kind // guarded by the vault's mu
	last  atomic.Uint64
	// lane is held from when changes of local records are made up until they are
	// written. It comes before mu.
	lane sync.Mutex
	// busy are those of a batch that waits for etcd; guarded by the vault's mu.
	busy map[place]bool
}

func (l *local) of(kind, key string) *record {
	if k := l.kinds[kind]; k != nil {
		return k.records[key]
	}
	return nil
}

func (l *local) number() uint64 { return l.last.Add(1) }

// openCopy opens the file, and makes it where there is none. One that is damaged is
// moved aside: all but the local records is in etcd.
func openCopy(o Options) (*copyFile, error) {
	c := &copyFile{wake: make(chan struct{}, 1)}
	info, err := os.Lstat(o.Copy)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeCopy(o.Copy); err == nil {
			info, err = os.Lstat(o.Copy)
		}
	}
	if err != nil {
		return nil, fault.Disk("open", o.Copy, err)
	}
	if err := keys.CheckPrivate("open", o.Keys.Dir, o.Copy, info); err != nil {
		return nil, err
	}
	c.file, err = bolt.Open(o.Copy, 0)
	if errors.Is(err, fault.ErrCorrupt) {
		aside := o.Copy + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
		if err := os.Rename(o.Copy, aside); err != nil {
			return nil, fault.Disk("open", o.Copy, err)
		}
		c.damage = append(c.damage, fmt.Sprintf("this host's copy was damaged and was begun anew (%v); as it was it is %s", err, aside))
		if err := makeCopy(o.Copy); err != nil {
			return nil, err
		}
		c.file, err = bolt.Open(o.Copy, 0)
	}
	return c, err
}

func makeCopy(path string) error {
	temp := durable.TempName(path)
	err := bolt.Build("create", temp, path, func(tx *bolt.Tx) error { return tx.Make("meta", "etcd", "local") })
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	// What root makes has to stay the keeper's, to whom the directory belongs.
	if err := bolt.GiveTo(temp, filepath.Dir(path)); err != nil {
		_ = os.Remove(temp)
		return fault.Disk("create", path, err)
	}
	return fault.Disk("create", path, durable.Publish(temp, path, durable.Exclusive()))
}

// meta reads a value of the meta bucket.
func (c *copyFile) meta(key string) (value []byte, err error) {
	err = c.file.View("read", func(tx *bolt.Tx) (err error) {
		value, err = tx.Get(copyMeta, []byte(key))
		return err
	})
	return value, err
}

func (c *copyFile) setMeta(key string, value []byte) error {
	return c.file.Update("write", func(tx *bolt.Tx) error {
		if value == nil {
			return tx.Delete(copyMeta, []byte(key))
		}
		return tx.Put(copyMeta, []byte(key), value)
	})
}

const copyHead = 4 * 8

func encodeCopied(h held, sealedFor int64, env []byte) []byte {
	b := make([]byte, 0, copyHead+len(env))
	for _, n := range []int64{h.mod, h.version, h.create, sealedFor} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, env...)
}

func decodeCopied(b []byte) (h held, sealedFor int64, env []byte, ok bool) {
	if len(b) < copyHead {
		return h, 0, nil, false
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[i*8:])) }
	return held{n(0), n(1), n(2)}, n(3), append([]byte{}, b[copyHead:]...), true
}

// copied is a name as the copy has it, nil where it has none.
func (m *mirror) copied(name string) []byte {
	kind, _ := kindOf(name)
	switch {
	case strings.HasPrefix(name, dirRec):
		if r := m.kind(kind).byName[name]; r != nil && r.env != nil {
			return encodeCopied(r.held, r.sealedFor, r.env)
		}
	case strings.HasPrefix(name, dirKinds):
		if s := m.kind(kind).members; s.env != nil {
			return encodeCopied(s.held, s.sealedFor, s.env)
		}
	case strings.HasPrefix(name, dirEntry):
		if id, ok := idOf(name); ok {
			if e := m.journal[id]; e != nil && e.env != nil {
				return encodeCopied(e.held, 0, e.env)
			}
		}
	case strings.HasPrefix(name, dirSlots):
		if s, ok := m.slots[strings.TrimPrefix(name, dirSlots)]; ok {
			return encodeCopied(s.held, 0, s.raw)
		}
	case name == keyHead && m.headEnv != nil:
		return encodeCopied(m.headAt, m.headFor, m.headEnv)
	}
	return nil
}

// restore takes a name over from the copy. What does not open is left out; etcd has it.
func (m *mirror) restore(name string, value []byte) {
	h, sealedFor, env, ok := decodeCopied(value)
	kind, known := kindOf(name)
	switch {
	case !ok:
	case strings.HasPrefix(name, dirRec) && known:
		if o, err := m.openRecord(kind, name, sealedFor, env); err == nil {
			clear(o.value)
			m.set(kind, nil, &record{name: name, key: o.key, env: env, sealedFor: sealedFor, n: o.n, created: o.created, held: h})
		}
	case strings.HasPrefix(name, dirKinds) && known:
		if n, sum, err := m.openMembers(kind, sealedFor, env); err == nil {
			m.kind(kind).members = members{n, sum, env, sealedFor, h}
		}
	case strings.HasPrefix(name, dirEntry):
		if id, ok := idOf(name); ok {
			if _, plain, err := m.Open(nil, env, entryAt(id)); err == nil {
				clear(plain)
				m.journal[id] = &entry{env, h}
			}
		}
	case strings.HasPrefix(name, dirSlots):
		m.slots[strings.TrimPrefix(name, dirSlots)] = slotHeld{env, h}
	case name == keyHead:
		if n, at, err := m.openHead(sealedFor, env); err == nil {
			m.head, m.headN, m.headEnv, m.headFor, m.headAt = at, n, env, sealedFor, h
		}
	}
}

// slots are the slots that the copy has.
func (c *copyFile) slots() (map[string]slotHeld, error) {
	m := newMirror(sealed{})
	err := c.file.View("open", func(tx *bolt.Tx) error {
		return tx.Each(copyEtcd, []byte(dirSlots), 0, func(name, value []byte) error {
			if strings.HasPrefix(string(name), dirSlots) {
				m.restore(string(name), value)
			}
			return nil
		})
	})
	return m.slots, err
}

// load reads the copy.
func (c *copyFile) load(s sealed) (*mirror, map[string]*kind, uint64, error) {
	m, kinds, number := newMirror(s), map[string]*kind{}, uint64(0)
	err := c.file.View("open", func(tx *bolt.Tx) error {
		rev, err := tx.Get(copyMeta, []byte(metaRevision))
		if err == nil && len(rev) == 8 {
			m.rev = int64(binary.BigEndian.Uint64(rev))
			err = tx.Each(copyEtcd, nil, 0, func(name, value []byte) error {
				m.restore(string(name), value)
				return nil
			})
			m.checkSums()
			m.checkJournal()
		}
		if err != nil {
			return err
		}
		number, err = c.loadLocal(tx, s, kinds)
		return err
	})
	clear(m.dirty)
	return m, kinds, number, err
}

// loadLocal reads the records that stay on this host. One that does not open is told of.
func (c *copyFile) loadLocal(tx *bolt.Tx, s sealed, kinds map[string]*kind) (number uint64, err error) {
	raw, err := tx.Get(copyMeta, []byte(metaNumber))
	if err == nil && len(raw) == 8 {
		number = binary.BigEndian.Uint64(raw)
	}
	var names []string
	if err == nil {
		names, err = tx.Subs("local")
	}
	m := mirror{sealed: s, kinds: kinds, wrong: map[string]string{}, dirty: map[string]bool{}}
	for _, kind := range names {
		err = errors.Join(err, tx.Each(localBucket(kind), nil, 0, func(key, env []byte) error {
			env = append([]byte{}, env...)
			n, plain, err := s.Open(nil, env, localAt(kind, string(key)))
			if err != nil {
				c.damage = append(c.damage, fmt.Sprintf("a record of this host's own is lost: %s", shown(recordText(kind, string(key)))))
				return nil
			}
			clear(plain)
			number = max(number, n)
			m.set(kind, nil, localRecord(string(key), env, n))
			return nil
		}))
	}
	return number, err
}

func localRecord(key string, env []byte, n uint64) *record {
	return &record{name: key, key: key, env: env, n: n, held: held{mod: 1}}
}

// soon has changes written to the copy.
func (c *copyFile) soon() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// keepCopy writes behind what changes, until the vault is closed. A copy that cannot be
// written ends the use of the vault: it is what the next start without etcd relies on.
func (v *shared) keepCopy() {
	for {
		select {
		case <-v.copy.wake:
		case <-v.ctx.Done():
			return
		}
		select {
		case <-time.After(writeBehind):
		case <-v.ctx.Done():
			return
		}
		if err := v.copy.flush(v, false); err != nil {
			if v.copy.file.Err() != nil {
				v.kill("write", err)
				return
			}
			v.copy.soon() // a full disk may have room again
		}
	}
}

// flush writes what the copy has not yet, and for the last time until when it had everything.
func (c *copyFile) flush(v *shared, last bool) error {
	v.mu.Lock()
	m := v.mirror
	dirty, rev := m.dirty, m.rev
	values := make(map[string][]byte, len(dirty))
	for name := range dirty {
		values[name] = m.copied(name)
	}
	m.dirty = map[string]bool{}
	since := v.unwritten
	v.unwritten = time.Time{}
	v.mu.Unlock()
	if len(values) == 0 && !last {
		return nil
	}
	err := c.file.Update("write", func(tx *bolt.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(values)) { // in order, which is quicker
			value, err := values[name], error(nil)
			if value == nil {
				err = tx.Delete(copyEtcd, []byte(name))
			} else {
				err = tx.Put(copyEtcd, []byte(name), value)
			}
			if err != nil {
				return err
			}
		}
		if whole, _ := v.figures.lag.since(time.Now(), rev, false); !whole.IsZero() {
			if err := tx.Put(copyMeta, []byte(metaWhole), seal.Uint64(uint64(whole.UnixNano()))); err != nil {
				return err
			}
		}
		return tx.Put(copyMeta, []byte(metaRevision), seal.Uint64(uint64(rev)))
	})
	if err != nil {
		v.mu.Lock()
		maps.Copy(m.dirty, dirty)
		v.unwritten = since
		v.mu.Unlock()
	}
	return err
}

// commitLocal writes what a batch did to the records of this host alone. The caller
// holds the lane.
func (v *shared) commitLocal(b *batch) error {
	if len(b.local) == 0 {
		return nil
	}
	made := map[place]*record{}
	for at, p := range b.local {
		if !p.gone {
			made[at] = localRecord(at.key, v.sealed.Seal(p.n, p.value, localAt(at.kind, at.key)), p.n)
		}
	}
	err := v.copy.file.Update("write", func(tx *bolt.Tx) error {
		for at := range b.local {
			var err error
			if r := made[at]; r != nil {
				err = tx.Put(localBucket(at.kind), []byte(at.key), r.env)
			} else {
				err = tx.Delete(localBucket(at.kind), []byte(at.key))
			}
			if err != nil {
				return err
			}
		}
		return tx.Put(copyMeta, []byte(metaNumber), seal.Uint64(v.local.last.Load()))
	})
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m := mirror{sealed: v.sealed, kinds: v.local.kinds, wrong: map[string]string{}, dirty: map[string]bool{}}
	for at := range b.local {
		if old := v.local.of(at.kind, at.key); old != nil || made[at] != nil {
			m.set(at.kind, old, made[at])
		}
	}
	return nil
}
