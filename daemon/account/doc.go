// Package account is one account's worker: it carries out, one thing at a time,
// what package lifecycle asks for, against the site and the store.
//
// A [Worker] owns the record. It has a goroutine while something is done for the
// account; one that is left alone, as most are for hours, costs its state and a short
// text with its secrets. Of those whose check is due only as many are at work as the site
// may be asked at once, and the others wait in [CheckQueue]. What is done for an account
// is grouped by what it is about: [Check], [Login], [SMS], [Rotation], [Session]. Which
// accounts there are, who asks and how an answer looks to users do not belong here
// (keeper), nor what a state means (lifecycle), nor what is on the wire (passport).
//
// Where several hosts share the accounts, [Ownership] says whether this one looks after
// the account; the worker of one that another host looks after only shows what that one
// commits.
//
// Guarantees: no two things happen to an account at once; what the site gave is on
// disk before anything else is asked or told; a caller that goes away cuts nothing;
// a panic is recorded, and the account goes on.
package account
