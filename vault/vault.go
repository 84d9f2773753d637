package vault

import (
	"sync"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
)

// Vault is an open vault. Its methods may be called from any goroutine.
type Vault struct {
	contents
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

// Info is what may be shown of a vault.
type Info struct {
	Path    string
	Schema  int
	ID      string
	Size    int64
	Records map[string]int // by kind
	Events  int
	// FirstEvent is LastEvent+1 where the journal is empty.
	FirstEvent, LastEvent uint64
	Slots                 []SlotInfo
	// Leftovers names the unfinished files of an earlier crash that were found
	// and removed when the vault was opened.
	Leftovers []string
	// Damage says in sentences what was damaged when the vault was opened, and did
	// not keep it from being opened.
	Damage []string
}

// Identity is the part of [Vault.Info] that never changes. It asks nobody.
func (v *Vault) Identity() (path string, schema int) { return v.path, v.schema }

// Info asks the disk only for the file's size.
func (v *Vault) Info() Info {
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

// Newest returns the journal's last id without a transaction.
func (v *Vault) Newest() uint64 { return v.newest.Load() }

// Changed returns a channel that is closed once the next commit that appended
// to the journal is on disk, or the vault is closed. Ask for the channel
// first, then read the journal, then wait: so nothing falls in between.
func (v *Vault) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Failed returns a channel that is closed once the vault can no longer be used:
// the disk failed in a way that leaves open what is on it, or the file was
// damaged while it was open. Only opening it anew tells. [Vault.Err] then
// says why.
func (v *Vault) Failed() <-chan struct{} { return v.file.Failed() }

// Err is why the vault can no longer be used, nil while it can.
func (v *Vault) Err() error { return v.file.Err() }

// View runs fn in a transaction that only reads: it sees one state of the
// vault, whatever is written meanwhile.
func (v *Vault) View(fn func(*Tx) error) error {
	return v.file.View("read", func(b *bolt.Tx) error { return fn(&Tx{v: v, b: b}) })
}

// Update runs fn in a transaction and puts what it did on disk before it
// returns nil. An error or a panic of fn undoes all of it. Where fn changed
// nothing, nothing is written. Updates that come while another is written share a
// transaction, in the order in which they came, and fn may be run again after it was
// undone: it keeps nothing of a time before.
func (v *Vault) Update(fn func(*Tx) error) error {
	return v.file.Update("write", func(b *bolt.Tx) error {
		tx := &Tx{v: v, b: b}
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
		return tx.store()
	})
}

// committed tells everyone else what is on disk now. Another transaction may
// have come past between the commit and here, so nothing goes back.
func (v *Vault) committed(tx *Tx) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for kind, n := range tx.counts {
		v.counts[kind] += n
	}
	v.first = max(v.first, tx.m.First)
	if tx.m.Newest > v.newest.Load() {
		v.newest.Store(tx.m.Newest)
	}
	if tx.appended && !v.closed {
		close(v.changed)
		v.changed = make(chan struct{})
	}
}

// Writable tells whether a change could be put on disk now: there is room, and
// a real write of a few KiB arrives and is taken away again.
func (v *Vault) Writable() error { return v.file.Writable(probeBucket) }

// Disk is what is known of the disk that the vault lies on: whether its file is
// still the one at its path, and whether the disk answers.
func (v *Vault) Disk() bolt.Disk { return v.file.Disk() }

// Verify opens every record and entry and compares them with the manifest, and
// checks the file's pages. Nobody can write meanwhile.
func (v *Vault) Verify() error { return v.file.Verify(v.check) }

// Close ends the use of the vault; it waits for transactions under way.
func (v *Vault) Close() error {
	v.mu.Lock()
	if !v.closed {
		v.closed = true
		close(v.changed)
	}
	v.mu.Unlock()
	return v.file.Close()
}
