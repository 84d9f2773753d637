// Package wording fits a message into what a service lets people read: its
// text, the link that belongs to it, the addresses in the text, and their length.
//
// What the text says is decided before it gets here, and which markup a service
// knows is for its channel to say; neither comes in.
//
// Guarantee: a text is cut between characters and says so, the link of a code is
// never cut, and no part of another address is left.
package wording
