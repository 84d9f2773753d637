package vault

import (
	"errors"
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// guard runs a step inside bbolt. bbolt panics on what it does not understand,
// and reading a mapped file that was cut off meanwhile is a memory fault; both
// become an error here. Nothing of the caller's runs inside, so that a panic
// of the caller's stays one.
func (v *Vault) guard(op string, step func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{&Error{Op: op, Path: v.path, Err: fmt.Errorf("%w: %.200s", ErrCorrupt, fmt.Sprint(p))}}
		}
	}()
	return step()
}

// panicError marks an error that was a panic: the transaction is beyond use.
type panicError struct{ err *Error }

func (e *panicError) Error() string { return e.err.Error() }
func (e *panicError) Unwrap() error { return e.err }

func isPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}

// kill makes every later call return why.
func (v *Vault) kill(op string, outcome error, format string, args ...any) {
	why := &Error{Op: op, Path: v.path, Err: fmt.Errorf("%w: %s", outcome, fmt.Sprintf(format, args...))}
	if v.dead.CompareAndSwap(nil, why) {
		close(v.failed)
	}
}

// begin starts a transaction; for one that writes, the caller holds v.writer.
func (v *Vault) begin(op string, writable bool) (*bolt.Tx, error) {
	v.starting.Lock()
	defer v.starting.Unlock()
	if dead := v.dead.Load(); dead != nil {
		return nil, dead
	}
	var b *bolt.Tx
	err := v.guard(op, func() (err error) {
		b, err = v.db.Begin(writable)
		return err
	})
	if isPanic(err) {
		v.stuck.Store(true)
		v.kill(op, ErrCorrupt, "its headers cannot be read any more")
	}
	if err != nil {
		return nil, diskError(op, v.path, err)
	}
	return b, nil
}

// end undoes a transaction; after a commit it does nothing.
func (v *Vault) end(op string, b *bolt.Tx) {
	if b.DB() == nil {
		return
	}
	if err := v.guard(op, b.Rollback); err != nil && b.DB() != nil {
		v.stuck.Store(true)
		v.kill(op, ErrCorrupt, "a transaction could not be undone")
	}
}

// commit puts a transaction on disk. Where it returns an error, the
// transaction is undone for certain, or the vault is dead.
func (v *Vault) commit(op string, b *bolt.Tx) error {
	id := b.ID()
	err := v.guard(op, b.Commit)
	if err == nil {
		return nil
	}
	v.end(op, b)
	if v.dead.Load() != nil {
		return diskError(op, v.path, err)
	}
	// bbolt writes the new header and then flushes it. Where the flush fails,
	// the header is in the file as everyone reads it, so that the next
	// transaction would build on it, but perhaps not on the disk.
	if latest, lerr := v.lastCommit(op); lerr == nil && latest < id {
		return diskError(op, v.path, err)
	}
	// What it points to was flushed before it. Another commit writes the other
	// header and flushes that: if it arrives, all has arrived.
	if serr := v.emptyCommit(op); serr == nil {
		return nil
	}
	v.kill(op, ErrStorage, "it is unknown whether the last change arrived, the vault has to be opened again")
	return diskError(op, v.path, joinCause(ErrStorage, err))
}

func (v *Vault) lastCommit(op string) (int, error) {
	b, err := v.begin(op, false)
	if err != nil {
		return 0, err
	}
	defer v.end(op, b)
	return b.ID(), nil
}

func (v *Vault) emptyCommit(op string) error {
	b, err := v.begin(op, true)
	if err != nil {
		return err
	}
	defer v.end(op, b)
	return v.guard(op, b.Commit)
}

// reading runs a step of this package's own in a transaction that only reads.
func (v *Vault) reading(op string, step func(*bolt.Tx) error) error {
	b, err := v.begin(op, false)
	if err != nil {
		return err
	}
	defer v.end(op, b)
	return v.guard(op, func() error { return step(b) })
}

// exclusive runs a step while nobody writes, and changes nothing.
func (v *Vault) exclusive(op string, step func(*bolt.Tx) error) error {
	v.writer.Lock()
	defer v.writer.Unlock()
	b, err := v.begin(op, true)
	if err != nil {
		return err
	}
	defer v.end(op, b)
	return v.guard(op, func() error { return step(b) })
}

// exclusiveCommit runs a step that writes past the manifest.
func (v *Vault) exclusiveCommit(op string, step func(*bolt.Tx) error) error {
	v.writer.Lock()
	defer v.writer.Unlock()
	b, err := v.begin(op, true)
	if err != nil {
		return err
	}
	defer v.end(op, b)
	if err := v.guard(op, func() error { return step(b) }); err != nil {
		return diskError(op, v.path, err)
	}
	return v.commit(op, b)
}

// View runs fn in a transaction that only reads: it sees one state of the
// vault, whatever is written meanwhile.
func (v *Vault) View(fn func(*Tx) error) error {
	b, err := v.begin("read", false)
	if err != nil {
		return err
	}
	tx := &Tx{v: v, b: b}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.broken
}

// Update runs fn in a transaction and puts what it did on disk before it
// returns nil. An error or a panic of fn undoes all of it. Where fn changed
// nothing, nothing is written.
func (v *Vault) Update(fn func(*Tx) error) error {
	v.writer.Lock()
	defer v.writer.Unlock()
	b, err := v.begin("write", true)
	if err != nil {
		return err
	}
	tx := &Tx{v: v, b: b, writable: true}
	defer tx.end()
	if err := tx.load(); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if tx.broken != nil {
		return tx.broken
	}
	if !tx.dirty {
		return nil
	}
	if err := tx.store(); err != nil {
		return err
	}
	if err := v.commit("write", b); err != nil {
		return err
	}
	v.committed(tx)
	return nil
}

// committed tells everyone else what is on disk now. Another transaction may
// have come past between the commit and here, so nothing goes back.
func (v *Vault) committed(tx *Tx) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for kind, n := range tx.counts {
		v.counts[kind] += n
	}
	v.first = max(v.first, tx.m.first)
	if tx.m.newest > v.newest.Load() {
		v.newest.Store(tx.m.newest)
	}
	if tx.appended && !v.closed {
		close(v.changed)
		v.changed = make(chan struct{})
	}
}
