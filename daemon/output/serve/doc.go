// Package serve lets programs fetch a credential over HTTP, where they know how
// to ask for one: CookieCloud's clients, and RSSHub with REMOTE_CONFIG.
//
// It is a handler for a listener that is off unless somebody turns it on. Every
// other program reads a file or the control socket, where the system says who
// asks; here a password does. The listener, its address and TLS are the
// keeper's, and so is the note of each reading. No vault, no site and no account's life may
// come in here.
//
// Guarantees: nothing is given to a request that does not prove itself, guessing is
// slow, and the answer does not tell which part was wrong; who proves itself is
// served, whatever others sent from the same address; a credential that is known to be dead is not given; each reading is
// noted before it is answered, and is not answered where it cannot be noted; no
// answer may be stored on the way. The refresh token never leaves here.
package serve
