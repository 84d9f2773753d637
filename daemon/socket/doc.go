// Package socket is the keeper's end of its Unix socket: how the socket is made,
// who is at the other end of a connection, and what they may do.
//
// What is asked over the socket belongs to package control, what is configured to
// package config; this package knows accounts by their names only.
//
// Guarantees: a socket has its mode from its first moment; a peer is who the
// kernel says, never who it says itself; what no rule allows is refused; a connection
// over which no whole request comes is closed.
package socket
