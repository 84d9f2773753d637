// Package notify brings messages to people: it decides which channel a message
// is for, leaves out what is no longer true, and tries until it arrives.
//
// A [Pipeline] gives every [Channel] a cursor into one [Source] of messages and
// a goroutine of its own. The text of a message is already written when it gets
// here. What an account is, what a session or a journal is, and how the site is
// asked, does not come in: the keeper shows its journal as a Source and its
// vault as a [Ledger]. Each service has a package of its own below this one,
// and all of them pass the conformance suite in notifytest.
//
// Guarantees:
//   - a message that a channel wants reaches it at least once, over restarts
//     too, with the same id on every try, or the ledger says why it did not;
//   - no code is sent after it has expired, and none that a later message has
//     overtaken while it waited;
//   - a code that no longer works leaves people's screens where the service lets
//     a message be changed or taken back: the next code of the same incident
//     takes its place, the login's end removes it;
//   - messages of one channel are sent one at a time and in order; no channel
//     waits for another;
//   - nothing runs after Run has returned, save a Send that ignores its context.
package notify
