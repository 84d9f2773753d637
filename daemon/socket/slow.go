package socket

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// slowHead is how long a request's head may take from its first byte on, and how long
	// a new connection may say nothing.
	slowHead = 5 * time.Second
	// idle is how long a connection is kept without a request.
	idle = 2 * time.Minute
	// look is how often connections are looked at, so by how much later they are closed.
	look = time.Second
)

// connections closes those that take too long for a request. The limits of net/http
// would set a deadline three times for each request, and may wake the thread that waits
// for the network each time: some twentieth of what a short answer takes. Here one look
// a second is enough for all, and none is taken while there is no connection.
type connections struct {
	net.Listener
	// begun is what times are counted from: a step of the clock is no time that passed.
	begun time.Time

	mu   sync.Mutex // guards what follows
	open map[*connection]struct{}
	// looking is true while the next look is to come.
	looking bool
}

// CutSlow returns a listener whose connections are closed where a request's head takes
// longer than five seconds from its first byte on, or from the beginning of the
// connection, and where none comes for two minutes. The server has to call [Moved].
func CutSlow(l net.Listener) net.Listener {
	return &connections{Listener: l, begun: time.Now(), open: map[*connection]struct{}{}}
}

// now is how long it has been since begun.
func (l *connections) now() time.Duration { return time.Since(l.begun) }

// Accept implements [net.Listener].
func (l *connections) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: inner, all: l}
	c.closeBy(slowHead)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	if !l.looking {
		l.looking = true
		time.AfterFunc(look, l.look)
	}
	return c, nil
}

// look closes the connections whose time is over.
func (l *connections) look() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if by := time.Duration(c.by.Load()); by != 0 && by < now {
			_ = c.Conn.Close()
		}
	}
	if l.looking = len(l.open) > 0; l.looking {
		time.AfterFunc(look, l.look)
	}
}

// connection is one over which requests come.
type connection struct {
	net.Conn
	all *connections
	// by is when it is closed unless a request's head has come; 0 while a request is
	// answered. quiet is true where nothing of the next request has come.
	by    atomic.Int64
	quiet atomic.Bool
}

func (c *connection) closeBy(d time.Duration) { c.by.Store(int64(c.all.now() + d)) }

// Read implements [net.Conn].
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.quiet.CompareAndSwap(true, false) {
		c.closeBy(slowHead)
	}
	return n, err
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.all.mu.Lock()
	delete(c.all.open, c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// Moved is told by net/http what a connection does: it is the server's ConnState.
func Moved(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.quiet.Store(false)
		c.by.Store(0)
	case http.StateIdle:
		c.closeBy(idle)
		c.quiet.Store(true)
	}
}
