// Package loginqueue decides whose code is out next when several accounts want a
// login at the same time.
//
// It knows what the accounts' logins have come to and what time it is. It fetches
// no code and sends none; who asks is told whether it is his turn.
//
// Guarantees: at most [AtOnce] codes that nobody asked for are out at a time; the
// longest waiting comes first; all that it knows can be had again from the
// accounts' records, so a restart changes nothing.
package loginqueue
