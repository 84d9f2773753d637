package socket

import (
	"context"
	"net"
)

// Peer is the process at the other end of the socket, as the kernel names it.
// The zero Peer is nobody: it may nothing.
type Peer struct {
	UID uint32
	GID uint32
	PID int32
	// Groups are the peer's supplementary groups as they were when it connected,
	// where GroupsKnown is true. Elsewhere the user database has to say.
	Groups      []uint32
	GroupsKnown bool
	// Program is the path of the peer's executable, or in parentheses what the
	// process calls itself, or "" where neither can be seen. It is a note for
	// people and decides nothing: the process may have become another one since
	// it connected.
	Program string
	// Known is true where the kernel named the peer.
	Known bool
}

type peerKey struct{}

// WithPeer returns a context that carries the peer of a connection. Serve sets
// it; a test of Handler that has no socket sets it itself.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerOf returns the peer of a request's context, the zero Peer without one.
func PeerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// ConnContext names the peer of a connection while it is being accepted, which is
// as close to the peer's connect as one gets.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*connection); ok {
		conn = c.Conn
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ctx
	}
	return WithPeer(ctx, socketPeer(raw))
}
