// Package heartbeat tells somebody outside, every few minutes, that the keeper
// works: a service that raises the alarm when it hears nothing any more.
//
// What working is, package health says. Who is told of an account's troubles is
// the matter of the notification channels; here it is one word more.
//
// Where several hosts share the accounts, each tells for itself: the service that hears
// nothing of one host any more is the one that knows it. That the messages' sender is
// another host is no matter here.
//
// Guarantees: nothing is told while the vault takes no write, the schedule stands
// still, or this host has no part in the cluster; the address, which is as good as a password, is in no text; no redirect is
// followed; a service that does not answer is in the log and the status, and holds
// nothing up.
package heartbeat
