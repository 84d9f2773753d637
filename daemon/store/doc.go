// Package store is the vault in the keeper's terms: accounts' records, the
// journal of events, and the small records of those who read it.
//
// What may happen to an account is decided elsewhere (lifecycle); this package
// writes down what was decided. It asks the site nothing and knows no schedule.
//
// Guarantees: a record and the events that tell of its change are on disk
// together or not at all, when the call returns; a committed record is never
// changed again, so readers share it without a lock; whoever is woken sees the
// state that the event tells of.
package store
