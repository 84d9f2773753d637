// Package daemon is the keeper: accounts' lives, the schedule, the journal, one
// thing at a time per account. It is the only room that knows the site's
// protocol (passport), the vault and the notifications (notify), and it brings
// them together; none of the three knows another.
//
// [Run] is the whole daemon. Inside it a [Keeper] holds the accounts. Each
// account is owned by one goroutine, which asks package life what is due, does
// it, and commits what came of it: state and events in one transaction,
// fsynced before anything else goes out. Readers (the control API, the
// notifications) see committed states only.
//
// What a person touches does not belong here (cmd), nor what is on the wire
// (passport), nor what a state means (life).
//
// Guarantees: what the site gave is on disk before the next request; no two
// things happen to an account at once; a stop waits for the answer to a poll
// under way, since the site gives it once; a panic in one account's work is
// recorded and stops no other.
package daemon
