// Package lockout slows down who guesses a secret, and nobody else. It counts the
// wrong tries of each client at each credential; what a client or a credential is
// and how one is proven is its callers' matter.
//
// Guarantees:
//   - What is right is taken, however many wrong tries came before it from the
//     same address, from others, or at other credentials.
//   - A client beyond its wrong tries is answered TooMany whenever it is wrong,
//     and tries no faster than one a Hold.
//   - Memory is bounded, whatever strangers send.
package lockout
