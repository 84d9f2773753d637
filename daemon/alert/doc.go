// Package alert turns the journal into messages for people, and brings them to the
// notification channels: what is told, in whose words, in which groups, with which
// link.
//
// How a message reaches a service is package notify's, its wording package
// catalog's. Nothing here changes an account.
//
// Guarantees: a message is made from what is committed, so it is the same after a
// restart and has the same id; a code that can no longer be scanned yields none; no
// message carries a cookie or a token; a chat learns of its channel's accounts
// only; where several hosts share the accounts, one at a time sends, answers and
// promises, and the next goes on from what it has kept; the codes that are asked for
// in chats are counted, over restarts too; a reminder that was promised there comes
// once, also after a restart.
package alert
