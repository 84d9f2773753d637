// Package transfer makes one vault hold what another holds, wherever either lies, and
// proves it. It knows a vault by its interface alone. Which vaults these are, how they
// are opened and what becomes of the old one is for the caller to say.
//
// # How it works
//
// The target was begun with the seed of the source ([vault.Vault.Seed]): the same id,
// data key and slots, and a journal that begins where that one does. A note in the
// target says that it is being filled. Records are copied kind by kind, then the journal
// in its order, a few to each transaction; what is there already is passed over. Then both
// are read from end to end and their digests compared, and the note says so. The caller
// leaves the source, and takes the note away last ([Release]).
//
// # Guarantees
//
//   - Cut off at any instruction, [Fill] goes on where it was when it is called again, also
//     where the source was used meanwhile.
//   - A target that holds anything that did not come from this source is refused, and
//     nothing is changed in it. The source is never changed.
//   - As long as there is a note [Usable] refuses the target; so no keeper begins with half
//     of it, and none goes on with what was left.
//   - Ids and times of entries are the same on both sides. Revisions are each vault's own.
package transfer
