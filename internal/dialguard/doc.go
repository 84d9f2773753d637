// Package dialguard keeps requests from going where they must not: to the
// addresses at which clouds hand credentials to whoever asks from the machine,
// and in the clear to another machine.
//
// It looks at each address after the name was resolved and right before the
// connection is made, because a check of the name alone is undone by a name
// server that answers differently the second time. It also says why a
// connection failed in words that hold no address. What is sent and what an
// answer means is the matter of the rooms that use it; no message and no
// credential may come in here.
//
// Guarantees: no connection of a guarded dialer reaches a refused address,
// whatever its name resolves to; no error repeats an address that was given as
// a URL, because its path, query or user may be a secret; nothing is kept open
// once a request is over.
package dialguard
