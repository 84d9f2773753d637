package etcd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

const (
	// MaxMessage is how large a request or an answer may be. etcd takes little more in
	// one request.
	MaxMessage = 1 << 20
	// atOnce is how many requests of others are carried out at the same time.
	atOnce = 64
	// unasked is for how long an answer is waited for where the context says nothing.
	unasked = time.Minute
	// mostEarly bounds what is kept of requests that came before the session.
	mostEarly = 1000
)

// A request takes four steps, so that a deadline needs no common clock:
//
//	ask     the asker puts the request to the host's mail
//	claim   the host answers that it would carry it out; it notes when it sent that
//	go      the asker, who waits still, says how much time is left
//	answer  the host has carried it out
//
// The asker has seen the claim before it says what is left, so that time, counted from
// the sending of the claim, is over before the asker's. A claim carries a number that is
// drawn for it, and go repeats it: a request that somebody puts back is claimed and
// never goes.
const (
	stageAsk    = "ask"
	stageClaim  = "claim"
	stageGo     = "go"
	stageAnswer = "answer"
)

// requestHead is what a request says beside its body. It is bound to the session of the
// host that it goes to.
type requestHead struct {
	Stage string `json:"stage"`
	// From is the asker, and Session the one that it asks in.
	From    string        `json:"from"`
	Session int64         `json:"session"`
	Claim   string        `json:"claim,omitempty"`
	Left    time.Duration `json:"left,omitempty"`
}

// answerHead is what an answer says beside its body. It is bound to the session of the
// asker.
type answerHead struct {
	Stage string `json:"stage"`
	Claim string `json:"claim,omitempty"`
	// Outcome says why there is no body.
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"`
}

const (
	outcomeError    = "error"
	outcomeTooLarge = "too large"
	outcomeLate     = "late"
)

// mailbox is what goes from host to host. Its mutex comes after the member's.
type mailbox struct {
	m      *Member
	places chan struct{}
	// sweeper removes what nobody waits for any more. What it cannot remove goes with
	// its lease.
	sweeper *teller

	mu    sync.Mutex // guards all below
	serve func(ctx context.Context, from string, request []byte) ([]byte, error)
	calls map[string]*call // this host's requests to others
	jobs  map[string]*job  // the others' to this host
	early []change
}

func newMailbox(m *Member) *mailbox {
	return &mailbox{
		m: m, places: make(chan struct{}, atOnce), sweeper: newTeller(),
		calls: map[string]*call{}, jobs: map[string]*job{},
	}
}

// newID is a name that nobody else gives.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: the runtime ends the program instead
	return hex.EncodeToString(id[:])
}

// see takes up what came to this host's mail.
func (b *mailbox) see(changes []change, _ bool) {
	b.m.mu.RLock()
	s := b.m.now
	b.m.mu.RUnlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	prefix := len(b.m.keys.mail(b.m.o.Host))
	for _, c := range changes {
		if len(c.key) <= prefix {
			continue
		}
		switch kind, id := c.key[prefix], c.key[prefix+1:]; {
		case kind == 'a' && c.created != 0:
			b.answered(id, c)
		case kind == 'q' && c.created == 0:
			if j := b.jobs[id]; j != nil && c.revision > j.created {
				j.cancel() // withdrawn, or answered
			}
		case kind == 'q' && s != nil:
			b.requested(s, id, c)
		case kind == 'q' && len(b.early) < mostEarly:
			// The others see this host before it has heard that it has joined.
			b.early = append(b.early, c)
		}
	}
}

// begin takes up what came before the session was known.
func (b *mailbox) begin() {
	b.mu.Lock()
	early := b.early
	b.early = nil
	b.mu.Unlock()
	b.see(early, false)
}

// finish ends what was under way when the session ended.
func (b *mailbox) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range b.jobs {
		j.cancel()
	}
	for _, c := range b.calls {
		c.fail(cluster.ErrUnavailable)
	}
}

// seeHosts ends the calls to hosts that have gone.
func (b *mailbox) seeHosts(hosts map[string]seenHost) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		if hosts[c.host].created != c.to {
			c.fail(cluster.ErrHostGone)
		}
	}
}

// sweep removes keys that nobody waits for.
func (b *mailbox) sweep(keys ...string) {
	b.sweeper.tell(func() {
		ctx, cancel := context.WithTimeout(context.Background(), b.m.o.patience())
		defer cancel()
		var each []clientv3.Op
		for _, key := range keys {
			each = append(each, clientv3.OpDelete(key))
		}
		_, _ = b.m.o.Client.Txn(ctx).Then(each...).Commit() // they go with their lease
	})
}

// guard keeps a request that panics from ending the keeper.
func (b *mailbox) guard() attempt.Guard {
	return attempt.Guard{Err: errFailed, Message: "a request of another host panicked", Log: b.m.o.Log}
}

var (
	errFailed   = errors.New("the request failed")
	errLate     = errors.New("the deadline came first")
	errUnserved = errors.New("this host answers no requests yet")
)

// carry carries out a request here.
func (b *mailbox) carry(ctx context.Context, from string, request []byte) (answer []byte, err error) {
	b.mu.Lock()
	serve := b.serve
	b.mu.Unlock()
	if serve == nil {
		return nil, errUnserved
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return nil, context.DeadlineExceeded
	}
	err = b.guard().Protect(func() (err error) {
		answer, err = serve(ctx, from, request)
		return err
	})
	return answer, err
}
