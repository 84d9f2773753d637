//go:build etcd && unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// lag is how soon every host has what one has committed, while nothing is wrong.
	lag = 5 * time.Second
	// settling is how long what went wrong may still be felt: a lease, and what follows.
	settling = lease + 10*time.Second
	// slowest is how long the site takes for a refresh, before it acts and after.
	slowest = 2 * time.Second
)

// fault is something that goes wrong with a host, or with "" for all of them.
type fault struct {
	what, host   string
	touches      touches
	begun, ended time.Time // ended is zero while it lasts
}

// touches is what a fault does that limits cannot know of.
type touches string

const (
	// clocks: a clock was set, and set right.
	clocks touches = "clocks"
	// packets: requests were sent and arrive, if at all, when their host has given them up.
	packets touches = "packets"
)

// touched is how many faults of a kind there were from a moment to another, of a host or
// with "" of any.
func (h *history) touched(what touches, host string, from, to time.Time) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.faults {
		if one.touches == what && (host == "" || one.host == host) && one.begun.Before(to) && (one.ended.IsZero() || one.ended.After(from)) {
			n++
		}
	}
	return n
}

// history is what happened, as far as the guarantees speak of it.
type history struct {
	*fleet
	// clocks is true where clocks can be wrong.
	clocks bool

	mu       sync.Mutex
	faults   []*fault
	breaches []string
	// read is the newest generation that a reader got, by host and account.
	read map[string]uint64
	// hook has how often each message came, by its id.
	hook map[string]int
	// etcdGone is true while no member of etcd runs. It belongs to carryOut.
	etcdGone bool
	// quiet ends what the site does by itself.
	quiet atomic.Bool
	// insisted is the account that somebody insists on, "" none.
	insisted atomic.Value
	// heard is how far the journal was read; due are the messages that have not been
	// told of, as far as it says.
	heard uint64
	due   map[uint64]client.Event
}

func newHistory(f *fleet) *history {
	return &history{fleet: f, read: map[string]uint64{}, hook: map[string]int{}, due: map[uint64]client.Event{}}
}

// breach notes that a guarantee was broken.
func (h *history) breach(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.breaches = append(h.breaches, time.Now().UTC().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

func (h *history) broken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.breaches...)
}

// begins notes a fault. end is called when it was mended.
func (h *history) begins(what, host string, touches touches) (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := &fault{what: what, host: host, touches: touches, begun: time.Now()}
	h.faults = append(h.faults, one)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		one.ended = time.Now()
	}
}

// wrong reports whether anything was wrong with a host, or with all, within a time; "" is
// any host.
func (h *history) wrong(host string, from, to time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.faults {
		if (host == "" || one.host == "" || one.host == host) && one.begun.Before(to) && (one.ended.IsZero() || one.ended.After(from)) {
			return true
		}
	}
	return false
}

// work does what people, tools and the site do, until ctx ends.
func (h *history) work(ctx context.Context, seed uint64) (done func()) {
	var all sync.WaitGroup
	for i, m := range h.hosts {
		all.Go(func() { h.reader(ctx, m, rand.New(rand.NewPCG(seed, uint64(10+i)))) })
	}
	all.Go(func() { h.person(ctx, rand.New(rand.NewPCG(seed, 1))) })
	all.Go(func() { h.refresher(ctx, rand.New(rand.NewPCG(seed, 2))) })
	all.Go(func() { h.caller(ctx, rand.New(rand.NewPCG(seed, 3))) })
	for i := range 4 {
		all.Go(func() { h.insists(ctx, rand.New(rand.NewPCG(seed, uint64(100+i)))) })
	}
	return all.Wait
}

// every calls do again and again with a pause between, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func(ctx context.Context)) {
	for {
		one, cancel := context.WithTimeout(ctx, 20*time.Second)
		do(one)
		cancel()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// reader reads all accounts at one host, over and over.
func (h *history) reader(ctx context.Context, m *member, r *rand.Rand) {
	names := h.names()
	every(ctx, 100*time.Millisecond, func(ctx context.Context) {
		name := names[r.IntN(len(names))]
		asked := time.Now()
		c, err := m.client().Credential(ctx, name, client.CredentialOptions{})
		if err != nil {
			return // what is to be there in the end is looked at between the rounds
		}
		key := m.name + " " + name
		h.mu.Lock()
		before := h.read[key]
		h.read[key] = max(before, c.Generation)
		h.mu.Unlock()
		if c.Generation < before {
			h.breach("the reader of %s got generation %d after %d", key, c.Generation, before)
		}
		if since := h.visits.deniedTwice(string(c.Body)); !since.IsZero() && asked.Sub(since) > lag && !h.wrong("", since.Add(-settling), time.Now()) {
			h.breach("the reader of %s got generation %d, which the site had denied twice %v before", key, c.Generation, asked.Sub(since))
		}
	})
}

func (h *history) names() (list []string) {
	for name := range h.mids {
		list = append(list, name)
	}
	return list
}

// anywhere is one of the hosts, whether it lives or not.
func (h *history) anywhere(r *rand.Rand) *member { return h.hosts[r.IntN(len(h.hosts))] }

// person answers the logins that are asked for.
func (h *history) person(ctx context.Context, r *rand.Rand) {
	every(ctx, 300*time.Millisecond, func(ctx context.Context) {
		m := h.anywhere(r)
		s, err := m.client().Status(ctx)
		if err != nil {
			return
		}
		for _, a := range s.Accounts {
			switch {
			case a.LoginID != "":
				if l, err := m.client().Login(ctx, a.LoginID); err == nil && l.URL != "" && h.site.QR.Scan(l.URL, h.mids[a.Name]) == nil {
					_ = h.site.QR.Confirm(l.URL, h.mids[a.Name])
				}
			case a.State == client.StateNeedsLogin:
				one, cancel := context.WithTimeout(ctx, 3*time.Second)
				_, _ = m.client().StartLogin(one, client.LoginRequest{Account: a.Name})
				cancel()
			}
		}
	})
}

// refresher is what the site does by itself: it wants refreshes, and ends sessions.
func (h *history) refresher(ctx context.Context, r *rand.Rand) {
	names := h.names()
	every(ctx, time.Second, func(context.Context) {
		if h.quiet.Load() {
			return
		}
		mid := h.mids[names[r.IntN(len(names))]]
		if r.IntN(8) == 0 {
			h.site.Kill(mid)
		} else {
			h.site.Refresh.SetDue(mid, true)
		}
	})
}

// caller is somebody who asks hosts for this and that.
func (h *history) caller(ctx context.Context, r *rand.Rand) {
	names := h.names()
	every(ctx, 700*time.Millisecond, func(ctx context.Context) {
		m, name := h.anywhere(r), names[r.IntN(len(names))]
		if r.IntN(2) == 0 {
			_, _ = m.client().Check(ctx, name, true)
		} else {
			_, _ = m.client().Refresh(ctx, name, true)
		}
	})
}

// insists are several who have the account in question checked for more often than its hour
// allows.
func (h *history) insists(ctx context.Context, r *rand.Rand) {
	every(ctx, 20*time.Millisecond, func(ctx context.Context) {
		if name, _ := h.insisted.Load().(string); name != "" {
			_, _ = h.anywhere(r).client().Check(ctx, name, true)
		}
	})
}

// insistOn has an account of a host be the one in question, and returns when its hour is
// used up, or does not become so. What happens to the host then has its hour be another's.
// end lets that one use up what it takes to be left.
func (h *history) insistOn(m *member) (end func()) {
	h.insisted.Store(h.accountOf(m))
	for until := time.Now().Add(hour / 4); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		a, err := m.client().Account(context.Background(), h.insisted.Load().(string))
		if err != nil || strings.Contains(a.Detail, "is used up") {
			break
		}
	}
	return func() {
		time.Sleep(lag)
		h.insisted.Store("")
	}
}

// accountOf is an account that a host looks after, "" where there is none.
func (h *history) accountOf(m *member) string {
	s, err := m.status()
	if err != nil {
		return ""
	}
	for _, a := range s.Accounts {
		if a.Host == m.name {
			return a.Name
		}
	}
	return ""
}

// listen receives the messages of all hosts, and returns the configuration of the
// channel.
func (h *history) listen() string {
	server := h.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.hook[r.Header.Get("webhook-id")]++
		w.WriteHeader(http.StatusNoContent)
	}))
	return fmt.Sprintf("[[notify]]\nname = \"people\"\ntype = \"webhook\"\nurl = %q\nallow_http = true\n", server.URL)
}

// hear reads the journal on: which messages were due, and which were told. Of two of one
// kind about one account the later one is enough.
func (h *history) hear() {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		events, err := h.hosts[0].client().Events(ctx, client.EventQuery{After: h.heard})
		cancel()
		if err != nil || len(events) == 0 {
			return
		}
		for _, e := range events {
			h.heard = e.ID
			switch e.Type {
			case client.EventLoginRequired, client.EventLoginSucceeded, client.EventAccountAttention:
				h.due[e.ID] = e
			case client.EventNotifyDelivered:
				var told struct {
					Event uint64 `json:"event"`
				}
				_ = json.Unmarshal(e.Data, &told)
				about := h.due[told.Event]
				for id, one := range h.due {
					if id <= told.Event && one.Account == about.Account && one.Type == about.Type {
						delete(h.due, id)
					}
				}
			}
		}
	}
}

// allTold waits until every message was told.
func (h *history) allTold() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		h.hear()
		if len(h.due) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			var list []string
			for _, e := range h.due {
				list = append(list, fmt.Sprintf("%d %s %s of %s", e.ID, e.Type, e.Account, e.Time.Format(time.TimeOnly)))
			}
			return fmt.Errorf("nobody was told of %s", strings.Join(list, ", "))
		}
	}
}
