// Package upkeep looks after the vault while the keeper runs: it makes copies that
// a lost or damaged vault can be restored from, and reads all of the vault from time
// to time, so that damage is found while a copy without it is still there.
//
// What is in a vault and how it is sealed is the vault's to know. To restore or
// repair one is a person's decision; this package only says how.
//
// Guarantees: a copy appears whole, proven and closed to others, or not at all; an
// old one goes only when a new one is there; nothing but copies that were made here
// is removed. A failure is told of as a problem and touches nothing else.
package upkeep
