//go:build unix

package e2e_test

import (
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestTwoCallers: the schedule finds that a refresh is due, and a person forces
// one at the same moment. They share one rotation, whoever comes first.
func TestTwoCallers(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			t.Run("account", func(t *testing.T) {
				c := &callers{}
				c.stage = newStage(t, c.hold)
				c.configure(settings{refresh: true})
				c.start()
				c.takeOver(account, mid)
				c.relay()
				for n := range 5 {
					c.round(n)
				}
				c.stop()
				c.verifyVault()
			})
		})
	}
	all.Wait()
}

// callers holds the schedule's question back until the person's command has
// reached the keeper, or the other way round.
type callers struct {
	*stage
	socket string // leads to the keeper's own, and tells when something went through

	mu      sync.Mutex // guards what follows
	asked   chan struct{}
	arrived chan struct{}
}

// relay passes the command's connection on.
func (c *callers) relay() {
	c.t.Helper()
	c.socket = filepath.Join(c.dir, "relay.sock")
	l, err := net.Listen("unix", c.socket)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", c.stage.socket())
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			go func() { _, _ = io.Copy(&first{w: out, done: c.through}, in) }()
		}
	}()
}

// first is a writer that tells once that something was written.
type first struct {
	w    io.Writer
	once sync.Once
	done func()
}

func (f *first) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.once.Do(f.done)
	return n, err
}

func (c *callers) through() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.arrived != nil {
		close(c.arrived)
		c.arrived = nil
	}
}

// hold keeps the first question of a round until the command is with the keeper.
func (c *callers) hold(b boundary) bool {
	if b != (boundary{passporttest.PathCookieInfo, arrived}) {
		return false
	}
	c.mu.Lock()
	asked, there := c.asked, c.arrived
	c.asked = nil
	c.mu.Unlock()
	if asked == nil {
		return false
	}
	close(asked)
	if there != nil {
		<-there
	}
	// The request is in the keeper's socket. Answers to later ones say that the
	// keeper has come to it; it has them in hand all at once.
	for range 3 {
		_, _ = c.client.Health(c.t.Context())
	}
	return false
}

// round lets both come once.
func (c *callers) round(n int) {
	t := c.t
	t.Helper()
	before := c.site.Refresh.Rotations(mid)
	asked, there := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.asked, c.arrived = asked, there
	c.mu.Unlock()
	c.site.Refresh.SetDue(mid, true)
	if n%2 == 0 {
		<-asked // the schedule comes first
	} else {
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond) // any time between two checks
	}
	r := c.cli("--socket", c.socket, "refresh", account, "--force")
	if r.code != 0 {
		t.Errorf("refresh: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	var a client.Account
	until(t, "the rotation is confirmed", func() bool {
		a = c.account()
		return !a.PendingConfirm
	})
	if got := c.site.Refresh.Rotations(mid) - before; got != 1 || a.Generation != uint64(before+2) {
		t.Errorf("round %d: %d rotations, generation %d", n, got, a.Generation)
	}
	if !c.site.Alive(c.session()) {
		t.Error("the credential that is handed out is dead")
	}
}
