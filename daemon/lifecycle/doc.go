// Package lifecycle is the life of an account as a pure function.
//
// An [Account] says what is known of one account. [Apply] takes what happened
// (the site answered, a code was scanned, a person wants to log in) and returns
// the account as it is then and the events that tell of it. [Account.Next]
// says what is to be done for the account and when. The keeper carries that
// out and feeds back what came of it; since nothing but the account decides
// what comes next, a keeper that starts again goes on with whatever was under
// way, and needs no second set of rules for it.
//
// No clock, no disk, no network and no secret comes in here: the time is an
// argument, and the credential is known by its generation.
//
// Guarantees: a session counts as dead only after the site said so twice,
// apart in time; trouble at the site changes the last check and the back-off,
// never the state; a code is replaced a bounded number of times; another
// person's account never takes the place of the expected one.
package lifecycle
