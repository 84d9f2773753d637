// Package keys is what opens a vault: slots, each the data key wrapped under
// one secret, and where those secrets come from (the key file, another file or
// a credential of the service manager, a passphrase, a recovery key). How slots
// are stored and what the data key seals may not come in here.
//
// Guarantees:
//
//   - A secret that others can read or replace is refused before it is read.
//   - No secret is in an error's text; a recovery key is shown once, by [Make].
//   - There is always a slot: no function of this package returns none.
package keys
