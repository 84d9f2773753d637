// Package wording fits a message into what a service lets people read: its
// text, the link that belongs to it, and their length.
//
// What the text says is decided before it gets here, and how a service marks up
// text is for its channel to know; neither comes in.
//
// Guarantee: a text is cut between characters and says so, and the link of a
// code is never cut.
package wording
