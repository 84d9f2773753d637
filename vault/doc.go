// Package vault keeps what must not be lost and must not be seen: sealed
// records and the journal.
//
// A record is a kind, a key, opaque bytes and a revision; a write names the
// revision that it saw last, so two writers cannot overwrite each other
// unseen. An entry of the journal is an id, a time and opaque bytes. Both are
// written in one transaction, which is kept when [Vault.Update] returns.
// Nothing of HTTP, of the site or of an account may come in here, and no
// function passed to [Vault.View] or [Vault.Update] may wait for anything: the
// one writer at a time is held up, and pages are not reused meanwhile. A
// transaction is not begun inside another one.
//
// [Vault] is what callers use, wherever it lies. [File] is the vault in one file,
// and has what only a file has: copies, compaction, a new data key, repair. The other
// one is vault/etcd, for several hosts. What follows is about the file.
//
// # Packages
//
// This package says what is in a vault and proves that all of it is there in the
// file. How a value is sealed is in vault/seal, what opens a vault in vault/keys,
// and the file (pages, lock, commit, replacement) in vault/bolt, which knows no
// seal; no other package imports bbolt. vault/fault has the errors of all of them, and
// vault/vaulttest what every implementation of Vault has to pass.
//
// # What is sealed
//
// Values are encrypted with XChaCha20-Poly1305 before bbolt sees them, under
// keys derived from a random data key. The data key is in the file only
// wrapped, once for each slot; what opens a slot is elsewhere: a key file,
// another file or a credential of the service manager, a passphrase that a
// person knows (Argon2id derives the key), or a recovery key on paper. Any one
// opens the vault. A slot that was removed still opens older copies of the
// file; [Rekey] makes a new data key. Each value is bound to the vault, the
// kind, the key and the revision (an entry: to its id and time), and a sealed
// manifest holds a keyed sum over all of them. Kinds, keys, revisions, times and
// sizes are not encrypted.
//
// # Layout
//
//	meta      schema, vault id, creation time, manifest, time of the last copy
//	slots     slot id → kind, time, wrapped data key, label, parameters
//	records   kind → key → envelope
//	journal   id → envelope
//	probe     empty but for the moment of a write probe
//
// # Guarantees
//
//   - An Update that returned nil survives a power cut; one that returned an
//     error, or was interrupted, left nothing. Revisions and ids only grow and
//     are never used twice, over restarts and deletions too.
//     Updates that wait for the disk share a transaction, in their order, and end each
//     for itself.
//   - A record that was changed, moved to another position, put back to an older
//     state or removed from outside is found when the vault is opened and by
//     [File.Verify]; where an entry of the journal is lost, too, that a record was
//     put back is not found, and the damage told of. Not found: the whole file replaced by an older copy of
//     itself, or, what comes to the same, its latest commit undone. Nothing
//     inside a file can tell that it is an old one.
//   - The file without its key tells no value, old ones in free pages included.
//   - A damaged file gives [ErrCorrupt], and one that is missing while its key file
//     is there [ErrGone]: no crash, no endless wait, and never a new empty vault in
//     its stead. Its pages are checked before bbolt opens them, because bbolt trusts
//     them.
//   - There is always a slot. The vault is replaced as a whole: by [Compact],
//     [Rekey] and [Restore], at any instruction of which a crash leaves the old
//     file in place or the new one.
//   - One process at a time; another gets [ErrInUse] with its id, soon.
//   - Files and directories that others can read are refused, not mended.
package vault
