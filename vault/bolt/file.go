package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// guard runs a step inside bbolt. bbolt panics on what it does not understand,
// and reading a mapped file that was cut off meanwhile is a memory fault; both
// become an error here. Nothing of the caller's runs inside, so that a panic
// of the caller's stays one.
func (f *File) guard(op string, step func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{fault.Corrupt(op, f.path, "%.200s", fmt.Sprint(p))}
		}
	}()
	return step()
}

// panicError marks an error that was a panic: the transaction is beyond use.
type panicError struct{ error }

func (e *panicError) Unwrap() error { return e.error }

func isPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}

// diskError knows bbolt's outcomes, too.
func diskError(op, path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		err = fault.ErrClosed
	case errors.Is(err, bolterrors.ErrInvalidMapping):
		err = fault.Join(fault.ErrStorage, err)
	}
	return fault.Disk(op, path, err)
}

// kill makes every later call return why.
func (f *File) kill(op string, outcome error, why string) {
	e := &fault.Error{Op: op, Path: f.path, Err: fmt.Errorf("%w: %s", outcome, why)}
	if f.dead.CompareAndSwap(nil, e) {
		close(f.failed)
	}
}

// begin starts a transaction; for one that writes, the caller holds f.writer.
func (f *File) begin(op string, writable bool) (*Tx, error) {
	f.starting.Lock()
	defer f.starting.Unlock()
	if err := f.Err(); err != nil {
		return nil, err
	}
	tx := &Tx{f: f, op: op, Writable: writable}
	if writable {
		tx.common = &common{}
	}
	err := f.guard(op, func() (err error) {
		tx.b, err = f.db.Begin(writable)
		return err
	})
	if isPanic(err) {
		f.stuck.Store(true)
		f.kill(op, fault.ErrCorrupt, "its headers cannot be read any more")
	}
	return tx, diskError(op, f.path, err)
}

// end undoes a transaction; after a commit it does nothing.
func (f *File) end(tx *Tx) {
	b := tx.b
	tx.b = nil
	if b == nil || b.DB() == nil {
		return
	}
	if err := f.guard(tx.op, b.Rollback); err != nil && b.DB() != nil {
		f.stuck.Store(true)
		f.kill(tx.op, fault.ErrCorrupt, "a transaction could not be undone")
	}
}

// commit puts a transaction on disk. Where it returns an error, the
// transaction is undone for certain, or the file is dead.
func (f *File) commit(tx *Tx) error {
	if err := f.checkPlace(); err != nil {
		return err
	}
	began := time.Now()
	f.committing.Store(&began)
	defer f.committing.Store(nil)
	id := tx.b.ID()
	err := f.guard(tx.op, tx.b.Commit)
	if err == nil {
		return nil
	}
	f.end(tx)
	if f.Err() != nil {
		return diskError(tx.op, f.path, err)
	}
	// bbolt writes the new header and then flushes it. Where the flush fails,
	// the header is in the file as everyone reads it, so that the next
	// transaction would build on it, but perhaps not on the disk.
	latest := id
	_ = f.View(tx.op, func(now *Tx) error { latest = now.b.ID(); return nil })
	if latest < id {
		return diskError(tx.op, f.path, err)
	}
	// What it points to was flushed before it. Another commit writes the other
	// header and flushes that: if it arrives, all has arrived.
	if f.emptyCommit(tx.op) == nil {
		return nil
	}
	f.kill(tx.op, fault.ErrStorage, "it is unknown whether the last change arrived, the vault has to be opened again")
	return diskError(tx.op, f.path, fault.Join(fault.ErrStorage, err))
}

func (f *File) emptyCommit(op string) error {
	tx, err := f.begin(op, true)
	if err != nil {
		return err
	}
	defer f.end(tx)
	return f.guard(op, tx.b.Commit)
}

// View runs fn in a transaction that only reads: it sees one state of the file,
// whatever is written meanwhile.
func (f *File) View(op string, fn func(*Tx) error) error { return within(f, op, false, fn) }

// exclusive runs fn while nobody writes.
func (f *File) exclusive(op string, fn func(*Tx) error) error {
	f.writer.Lock()
	defer f.writer.Unlock()
	return within(f, op, true, fn)
}

// within runs fn in a transaction that is given up at its end.
func within(f *File, op string, writable bool, fn func(*Tx) error) error {
	tx, err := f.begin(op, writable)
	if err != nil {
		return err
	}
	defer f.end(tx)
	if err := fn(tx); err != nil {
		return err
	}
	return tx.broken
}

// Verify checks the file's pages and runs fn, while nobody can write.
func (f *File) Verify(fn func(*Tx) error) error {
	return f.exclusive("verify", func(tx *Tx) error {
		// The walk comes first: bbolt's own check runs on a goroutine where a
		// memory fault could not be caught.
		if err := checkFile(f, "verify"); err != nil {
			return err
		}
		if err := tx.checkStructure(); err != nil {
			return err
		}
		return fn(tx)
	})
}
