// Package etcd is the vault in an etcd cluster, for several hosts with one set of
// accounts. Records and the journal lie there sealed as in the file; etcd sees the keys of
// the kinds that [Options] call clear, the names of kinds, sizes and times, and no value.
// Who owns an account, and what a host does with what it reads, may not come in here.
//
// Only the program that speaks to etcd links this package.
//
// # How it works
//
// Each host has a mirror of everything in memory, which one watch keeps as etcd is,
// revision by revision. View reads the mirror and asks nobody. A copy of the mirror lies
// on the host's own disk, so that a host starts and can be read while etcd is away.
//
// Update runs its function on the mirror and gathers what it read and wrote. One
// transaction of etcd compares the revision of everything that was read, and writes.
// Where another host was quicker the mirror catches up and the function runs again.
// Updates that wait share a transaction, and end each for itself.
//
// # Layout, below the prefix
//
//	meta               schema and id, in the clear
//	slots/ID           the wrapped data key
//	r/KIND/KEY         a record; KEY is a keyed digest, unless the kind is clear
//	k/KIND             a keyed sum over which records of the kind there are
//	j/ID, jhead        the journal's entries, and where it begins and ends
//	m/MARK             what came of the last transaction of one opening of the vault
//
// Other keys below the prefix are somebody else's, and passed over.
//
// # Guarantees
//
//   - An Update that returned nil is committed, and this host reads it. One that returned
//     an error left nothing, records of local kinds apart (below). Where a request was sent
//     and not answered, Update does not return before etcd has told what came of it; until
//     then every other change that needs etcd is told ErrUnavailable.
//   - Ids of entries grow without a gap over all hosts, in the order of the commits. The
//     revisions of a record grow and are never used twice, over removals, too.
//   - An envelope opens under its key and the version that etcd gives it alone. A record
//     that is older than one that this host has seen, that was removed or put there without
//     the data key, is not taken over: the last good one stays, its next change mends it,
//     and it is told. A host that comes anew sees what is missing, moved or of an earlier
//     life of its key, and what was put back with its version since which records of the
//     kind there are changed last. No host can tell that all of etcd was put back to an older state which
//     it never saw a newer one of; one that did refuses it.
//   - While etcd is away everything can be read, and nothing but local kinds changed.
//   - Records of local kinds lie in the host's file alone. Where an update changes them
//     and others, they are written after etcd has committed; an error then is of them alone.
//   - Of a change to more records than one transaction of etcd takes nothing is done:
//     ErrTooLarge.
package etcd
