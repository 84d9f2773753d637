package bolt

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// GiveBack gives back the memory that the file's pages take which were read. They
// are read again where they are needed.
//
// The transaction keeps the file mapped where it is, and to its own last page at the
// least.
func (d Disk) GiveBack() {
	f := d.file
	_ = f.View("give back", func(tx *Tx) error {
		if size := tx.b.Size(); size > 0 {
			_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(nil, f.db.Info().Data)), size), unix.MADV_DONTNEED) // advice, no more
		}
		return nil
	})
}
