//go:build etcd && unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// letterbox is what the hosts' channel sends to. It can hold a message before it answers.
type letterbox struct {
	*httptest.Server
	mu  sync.Mutex // guards got
	got []string   // the ids, in order
	// hold is received from before the answer to a message while held is set; each message
	// that is held is told of by came.
	held atomic.Bool
	came chan string
	hold chan struct{}
}

func newLetterbox(t *testing.T) *letterbox {
	b := &letterbox{came: make(chan string, 64), hold: make(chan struct{})}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("webhook-id")
		b.mu.Lock()
		b.got = append(b.got, id)
		b.mu.Unlock()
		if b.held.Load() {
			b.came <- id
			<-b.hold
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(b.Close)
	return b
}

// times is how often a message came, and again how many came more than once.
func (b *letterbox) times(id string) (n, again int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]int{}
	for _, one := range b.got {
		seen[one]++
	}
	for _, one := range seen {
		again += one - 1
	}
	return seen[id], again
}

// sender waits until the hosts that live say which of them sends, and returns it.
func (f *fleet) sender() (found *member) {
	f.t.Helper()
	asked := f.live()[0]
	asked.until("one host sends messages", func() error {
		s, err := asked.status()
		if err != nil {
			return err
		}
		for _, h := range s.Daemon.Hosts {
			for _, m := range f.live() {
				if h.Sender && m.name == h.Name {
					found = m
					return nil
				}
			}
		}
		return errors.New("none does")
	})
	return found
}

// TestSenderKilled: a message that the sender was in the middle of is sent by another host,
// under the same id; it is the only one that comes twice, and each is noted once.
func TestSenderKilled(t *testing.T) {
	t.Parallel()
	box := newLetterbox(t)
	f := newFleet(t, 1, 0, "1s")
	f.more = fmt.Sprintf("[[notify]]\nname = \"people\"\ntype = \"webhook\"\nurl = %q\n", box.URL)
	f.grow(3)
	account := f.named(f.hosts[1])
	f.add(f.hosts[0], account)
	f.settled(3)
	f.hosts[0].until("somebody is told of the login", func() error {
		if box.mu.Lock(); len(box.got) == 0 {
			box.mu.Unlock()
			return errors.New("nobody is")
		}
		box.mu.Unlock()
		return nil
	})
	sender := f.sender()
	box.held.Store(true)
	f.site.Kill(f.mids[account])
	var id string
	select {
	case id = <-box.came:
	case <-time.After(patience):
		t.Fatal("nobody is told of the death")
	}
	sender.kill()
	killed := time.Now()
	box.held.Store(false)
	close(box.hold)
	asked := f.live()[0]
	asked.until("another host sends it", func() error {
		if n, _ := box.times(id); n < 2 {
			return errors.New("none does")
		}
		return nil
	})
	if took := time.Since(killed); took > lease+10*time.Second {
		t.Errorf("it took %v", took)
	}
	if next := f.sender(); next == sender {
		t.Errorf("%s is said to send", next.name)
	}
	time.Sleep(5 * time.Second)
	if n, again := box.times(id); n != 2 || again != 1 {
		t.Errorf("it came %d times, and %d came once more", n, again)
	}
	events, err := asked.client().Events(context.Background(), client.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	told := map[uint64]int{}
	for _, e := range events {
		if data, err := e.Decode(); err == nil {
			if d, ok := data.(client.Delivery); ok && !d.Failed {
				told[d.Event]++
			}
		}
	}
	for event, n := range told {
		if n != 1 {
			t.Errorf("event %d was noted as delivered %d times", event, n)
		}
	}
}

// TestReplyKept: a refresh whose answer comes when its host cannot reach etcd is not lost:
// the host that takes the account over has it in the end, and the site gave it once.
func TestReplyKept(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 0, "1h")
	f.site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
	var waits atomic.Int64
	f.visits.slow = func() time.Duration {
		if waits.Add(1) == 2 { // the site has acted, and answers now
			f.hosts[0].way.Cut()
		}
		return 0
	}
	f.grow(3)
	owner := f.hosts[0]
	account := f.named(owner)
	f.add(owner, account)
	f.settled(3)
	before := f.newest(account, 0)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, _ = owner.client().Refresh(ctx, account, true)
	}()
	files := func() int {
		list, _ := filepath.Glob(owner.path("state", "unwritten", "*.sealed"))
		return len(list)
	}
	owner.until("the reply is kept", func() error {
		if files() == 0 {
			return errors.New("there is no file")
		}
		return nil
	})
	for _, m := range f.hosts[1:] {
		m.until("another looks after the account", func() error { return f.settledAs(m, 2) })
	}
	owner.way.Heal()
	f.newest(account, before)
	owner.until("nothing is kept any more", func() error {
		if n := files(); n > 0 {
			return fmt.Errorf("there are %d files", n)
		}
		return nil
	})
	f.settled(3)
	if generation, n := f.newest(account, before), f.site.Refresh.Rotations(f.mids[account]); generation != before+1 || n != 1 {
		t.Errorf("generation %d after %d, %d rotations", generation, before, n)
	}
}
