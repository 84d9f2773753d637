package etcdtest

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Proxy is a client's way to members: a port of its own for each of them. What goes
// wrong on it is what goes wrong on a network. It begins whole.
type Proxy struct {
	endpoints []string

	mu      sync.Mutex // guards all below
	state   state
	changed chan struct{} // closed when the state changes
	links   map[*link]struct{}
	closed  bool
}

// state is what the way does to what goes over it.
type state struct {
	cut, deaf, refused bool
	delay              time.Duration
}

// Proxy makes a way to all members, or to those of the numbers, which ends with the test.
func (c *Cluster) Proxy(t testing.TB, members ...int) *Proxy {
	t.Helper()
	return c.ProxyAt(t, "127.0.0.1", members...)
}

// ProxyAt is [Cluster.Proxy] with ports of another address of this machine.
func (c *Cluster) ProxyAt(t testing.TB, address string, members ...int) *Proxy {
	t.Helper()
	p := &Proxy{changed: make(chan struct{}), links: map[*link]struct{}{}}
	for i, m := range c.members {
		if len(members) > 0 && !slices.Contains(members, i) {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		p.endpoints = append(p.endpoints, listener.Addr().String())
		var serving sync.WaitGroup
		serving.Go(func() { p.serve(listener, m.endpoint) })
		t.Cleanup(func() {
			_ = listener.Close()
			p.close()
			serving.Wait()
		})
	}
	return p
}

// Endpoints are what the client is given for the members.
func (p *Proxy) Endpoints() []string { return p.endpoints }

// Cut lets nothing through, in either direction, and tells nobody: connections stay,
// and what was sent waits, as packets are sent again until they arrive. It arrives
// when the way is healed, and may be very late.
func (p *Proxy) Cut() { p.set(func(s *state) { s.cut = true }) }

// DropAnswers lets requests through and loses the answers to them, until the way is
// healed: what was asked is done, and the client does not learn of it.
func (p *Proxy) DropAnswers() { p.set(func(s *state) { s.deaf = true }) }

// Refuse ends all connections and lets none in, as a server that is down does.
func (p *Proxy) Refuse() {
	p.set(func(s *state) { s.refused = true })
	p.end(func(*link) bool { return true })
}

// Delay has everything arrive so much later, in each direction. 0 ends it.
func (p *Proxy) Delay(d time.Duration) { p.set(func(s *state) { s.delay = d }) }

// Heal makes the way whole again; a delay stays. Connections on which answers were
// lost cannot go on, and end.
func (p *Proxy) Heal() {
	p.end(func(l *link) bool { return l.torn })
	p.set(func(s *state) { *s = state{delay: s.delay} })
}

func (p *Proxy) set(change func(*state)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) end(which func(*link) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if which(l) {
			l.close()
		}
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.end(func(*link) bool { return true })
}

// link is one connection through the proxy.
type link struct {
	near, far net.Conn
	torn      bool // answers were lost; guarded by the proxy's mutex
	once      sync.Once
	over      chan struct{}
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.over)
		_ = l.near.Close()
		_ = l.far.Close()
	})
}

func (p *Proxy) serve(listener net.Listener, target string) {
	var links sync.WaitGroup
	defer links.Wait()
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", target)
		if err != nil {
			_ = near.Close()
			continue
		}
		l := &link{near: near, far: far, over: make(chan struct{})}
		p.mu.Lock()
		if p.closed || p.state.refused {
			l.close()
		} else {
			p.links[l] = struct{}{}
		}
		p.mu.Unlock()
		links.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { p.carry(l, near, far, false) })
			both.Go(func() { p.carry(l, far, near, true) })
			both.Wait()
			l.close()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.links, l)
		})
	}
}

// piece is what was read at once, and when.
type piece struct {
	bytes []byte
	read  time.Time
}

// carry passes on what comes from one side, after the delay, in order.
func (p *Proxy) carry(l *link, from, to net.Conn, answers bool) {
	pieces := make(chan piece, 64)
	var writing sync.WaitGroup
	writing.Go(func() {
		for piece := range pieces {
			if !p.pass(l, piece, answers) {
				continue
			}
			if _, err := to.Write(piece.bytes); err != nil {
				l.close()
			}
		}
		// One side has ended; what it sent has arrived.
		l.close()
	})
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			pieces <- piece{buffer[:n], time.Now()}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	writing.Wait()
}

// pass waits until a piece may arrive, and reports whether it does.
func (p *Proxy) pass(l *link, piece piece, answers bool) bool {
	for {
		p.mu.Lock()
		now, changed := p.state, p.changed
		if answers && now.deaf && !now.cut {
			l.torn = true
		}
		torn := answers && l.torn
		p.mu.Unlock()
		left := time.Until(piece.read.Add(now.delay))
		var later <-chan time.Time
		switch {
		case torn:
			return false
		case now.cut:
		case left > 0:
			later = time.After(left)
		default:
			return true
		}
		select {
		case <-l.over:
			return false
		case <-changed:
		case <-later:
		}
	}
}
