package vault

import (
	"sync"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
)

// File is an open vault that lies in one file.
type File struct {
	contents
	followers
	o    Options
	file *bolt.File

	id        string
	schema    int
	opened    string // the slot that opened it
	leftovers []string
	damage    []string

	newest atomic.Uint64

	// mu guards what follows. It is never held while the file is used.
	mu      sync.Mutex
	slots   []SlotInfo
	counts  map[string]int
	first   uint64
	changed chan struct{}
	closed  bool
}

// Identity implements [Vault].
func (v *File) Identity() (path string, schema int) { return v.path, v.schema }

// Info asks the disk only for the file's size.
func (v *File) Info() Info {
	info := Info{
		Path: v.path, Schema: v.schema, ID: v.id, Size: v.file.Size(),
		Leftovers: append([]string(nil), v.leftovers...), Damage: append([]string(nil), v.damage...),
		Records: map[string]int{},
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	info.Slots = append([]SlotInfo(nil), v.slots...)
	for kind, n := range v.counts {
		if n > 0 {
			info.Records[kind] = n
		}
	}
	info.FirstEvent, info.LastEvent = v.first, v.newest.Load()
	info.Events = int(info.LastEvent + 1 - info.FirstEvent)
	return info
}

// Newest implements [Vault].
func (v *File) Newest() uint64 { return v.newest.Load() }

// Changed implements [Vault].
func (v *File) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Failed returns a channel that is closed once the vault can no longer be used:
// the disk failed in a way that leaves open what is on it, or the file was
// damaged while it was open. Only opening it anew tells. [File.Err] then
// says why.
func (v *File) Failed() <-chan struct{} { return v.file.Failed() }

// Err is why the vault can no longer be used, nil while it can.
func (v *File) Err() error { return v.file.Err() }

// View implements [Vault].
func (v *File) View(fn func(Tx) error) error {
	return v.file.View("read", func(b *bolt.Tx) error { return fn(&fileTx{v: v, b: b}) })
}

// Update implements [Vault]. Updates that come while another is written share a
// transaction, in the order in which they came.
func (v *File) Update(fn func(Tx) error) error {
	return v.file.Update("write", func(b *bolt.Tx) error {
		tx := &fileTx{v: v, b: b}
		if err := tx.load(); err != nil {
			return err
		}
		b.OnCommit(func() { v.committed(tx) }) // before what fn wants to be called
		if err := fn(tx); err != nil {
			return err
		}
		if tx.broken != nil || !tx.dirty {
			return tx.broken
		}
		b.OnCommit(func() { tellAll(v, tx) }) // and this behind it
		tx.store()
		return nil
	})
}

// committed takes up what is on disk now.
func (v *File) committed(tx *fileTx) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for kind, n := range tx.counts {
		v.counts[kind] += n
	}
	v.first = max(v.first, tx.m.First)
	if tx.m.Newest > v.newest.Load() {
		v.newest.Store(tx.m.Newest)
	}
}

// tellAll wakes those who wait for a commit, once what its caller wanted to be called
// was called.
func tellAll(v *File, tx *fileTx) {
	v.tell(tx.touched)
	v.mu.Lock()
	defer v.mu.Unlock()
	if tx.appended && !v.closed {
		close(v.changed)
		v.changed = make(chan struct{})
	}
}

// Writable tells whether a change could be put on disk now: there is room, and
// a real write of a few KiB arrives and is taken away again.
func (v *File) Writable() error { return v.file.Writable(probeBucket) }

// Disk is what is known of the disk that the vault lies on: whether its file is
// still the one at its path, and whether the disk answers.
func (v *File) Disk() bolt.Disk { return v.file.Disk() }

// Verify opens every record and entry and compares them with the manifest, and
// checks the file's pages. Nobody can write meanwhile.
func (v *File) Verify() error { return v.file.Verify(v.check) }

// Close ends the use of the vault; it waits for transactions under way.
func (v *File) Close() error {
	endWaiting(v)
	return v.file.Close()
}

// endWaiting wakes who waits for a commit: there will be none.
func endWaiting(v *File) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		v.closed = true
		close(v.changed)
	}
}
