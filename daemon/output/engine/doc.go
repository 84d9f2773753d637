// Package engine keeps files and other programs supplied with the credential
// that is in use: it writes a file, or sends a request, whenever the credential
// of an account has changed, and runs commands after it.
//
// Each [Output] has a goroutine, a retry, a time limit and a record of its own;
// none waits for another. The credentials are the keeper's, and so is the [Ledger]
// with the records. How a credential is written out is the matter of the package
// above. No site, no account's life and no configuration file may come in here.
//
// Guarantees:
//   - nothing is polled: an output looks at the credential when something
//     has changed, when a retry is due, and when it is told to;
//   - a file holds the old bytes or the new ones, with its owner and its mode,
//     unless it is written in place; one that is right already is not touched;
//   - a credential that is known to be dead is never written or sent;
//   - commands run at least once for each content that was delivered, in order,
//     and over a restart again where they had not succeeded; never for bytes
//     that had not changed;
//   - nothing of an output runs after Run has returned, save a write that the
//     operating system does not let go of, and what a command left behind;
//   - no record, status, log line or error holds a secret.
package engine
