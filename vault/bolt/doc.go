// Package bolt is a vault's file: one bbolt database, locked, checked page by
// page before bbolt trusts it, committed, copied and replaced as a whole. It
// knows buckets, keys and bytes; nothing of seals, keys, records or the journal
// may come in here, and nobody else imports bbolt.
//
// Guarantees:
//
//   - A change that [File.Update] returned nil for survives a power cut; one that
//     returned an error, or was interrupted, left nothing.
//   - Changes that wait for the disk share a transaction and its flushes; each is undone
//     alone where it fails, and none is told to be there before all of them are. One
//     that comes while nothing is written waits for nobody.
//   - A damaged file gives ErrCorrupt: no crash and no endless wait.
//   - The file is replaced as a whole: a crash at any instruction leaves the old
//     one in place or the new one.
//   - One process at a time; another gets ErrInUse with its id, soon.
package bolt
