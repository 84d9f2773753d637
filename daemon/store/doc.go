// Package store is the vault in the keeper's terms: accounts' records, the
// journal of events, and the small records of those who read it.
//
// What may happen to an account is decided elsewhere (lifecycle); this package
// writes down what was decided. It asks the site nothing and knows no schedule.
//
// The journal is a window of the newest entries and, beside it, what left that and
// still counts: ids have no gap to a reader but those of readings that their own
// reader pushed out.
//
// Guarantees: a record and the events that tell of its change are on disk
// together or not at all, when the call returns; a committed record is never
// changed again, so readers share it without a lock; whoever is woken sees the
// state that the event tells of.
package store
