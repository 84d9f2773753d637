package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// call is a request of this host to another.
type call struct {
	id, host string
	s        *session
	// to is the session of the host that is asked.
	to int64
	// created is the revision of the request, begun whether it was told to go.
	created int64
	begun   bool
	news    chan answer
	failed  chan error // holds one
}

type answer struct {
	answerHead
	body []byte
}

// fail ends the call; the first reason counts.
func (c *call) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// Ask implements [cluster.Membership]. A request to this host is carried out here.
func (m *Member) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	if len(request) > MaxMessage {
		return nil, &cluster.AskError{Host: host, Err: tooLarge(len(request))}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, unasked)
		defer cancel()
	}
	if host == m.o.Host {
		body, err := m.mail.carry(ctx, host, request)
		if err != nil {
			return nil, &cluster.AskError{Host: host, Begun: true, Err: err}
		}
		return body, nil
	}
	c, err := m.mail.open(host)
	if err != nil {
		return nil, &cluster.AskError{Host: host, Err: err}
	}
	defer m.mail.drop(c)
	body, err := m.mail.ask(ctx, c, request)
	if err != nil {
		return nil, &cluster.AskError{Host: host, Begun: c.begun, Err: err}
	}
	return body, nil
}

func tooLarge(n int) error {
	return fmt.Errorf("%w: %d bytes, at most %d", cluster.ErrTooLarge, n, MaxMessage)
}

// open begins a call to a host that is there.
func (b *mailbox) open(host string) (*call, error) {
	b.m.mu.RLock()
	defer b.m.mu.RUnlock()
	s, h := b.m.now, b.m.view.hosts[host]
	switch {
	case s == nil:
		return nil, cluster.ErrUnavailable
	case h.created == 0:
		return nil, cluster.ErrUnknownHost
	}
	c := &call{id: newID(), host: host, s: s, to: h.created, news: make(chan answer, 4), failed: make(chan error, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[c.id] = c
	return c, nil
}

func (b *mailbox) drop(c *call) {
	b.mu.Lock()
	delete(b.calls, c.id)
	b.mu.Unlock()
	b.sweep(b.m.keys.request(c.host, c.id), b.m.keys.answer(b.m.o.Host, c.id))
}

// ask sends a request and waits for what comes of it.
func (b *mailbox) ask(ctx context.Context, c *call, request []byte) ([]byte, error) {
	head := requestHead{Stage: stageAsk, From: b.m.o.Host, Session: c.s.presence}
	if err := b.post(ctx, c, head, request); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-c.failed:
			return nil, err
		case a := <-c.news:
			deadline, _ := ctx.Deadline()
			left := time.Until(deadline)
			switch {
			case a.Stage == stageAnswer:
				return a.result()
			case a.Stage != stageClaim || c.begun || left <= 0:
				continue
			}
			c.begun = true // from here on nobody knows
			head.Stage, head.Claim, head.Left = stageGo, a.Claim, left
			if err := b.post(ctx, c, head, nil); err != nil {
				return nil, err
			}
		}
	}
}

func (a answer) result() ([]byte, error) {
	switch a.Outcome {
	case "":
		return a.body, nil
	case outcomeTooLarge:
		return nil, fmt.Errorf("the answer is %w", cluster.ErrTooLarge)
	case outcomeLate:
		return nil, context.DeadlineExceeded
	}
	return nil, fmt.Errorf("%w: %s", cluster.ErrRefused, plain.Clip(a.Error, maxReason))
}

// maxReason is enough for what a host has to say against a request.
const maxReason = 500

// post puts a step of a call to the mail of the host, as long as both hosts are who they
// were when it began.
func (b *mailbox) post(ctx context.Context, c *call, head requestHead, body []byte) error {
	key := b.m.keys.request(c.host, c.id)
	value, err := b.m.box.seal(asRequest, key, c.to, head, body)
	if err != nil {
		return err
	}
	one, cancel := context.WithTimeout(ctx, b.m.o.patience())
	defer cancel()
	there := b.m.keys.host(c.host)
	answer, err := b.m.o.Client.Txn(one).If(
		clientv3.Compare(clientv3.CreateRevision(there), "=", c.to),
		clientv3.Compare(clientv3.CreateRevision(b.m.keys.host(b.m.o.Host)), "=", c.s.presence),
		clientv3.Compare(clientv3.CreateRevision(key), "=", c.created),
	).Then(clientv3.OpPut(key, string(value), clientv3.WithLease(c.s.id))).Else(clientv3.OpGet(there)).Commit()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", cluster.ErrUnavailable, err)
	case answer.Succeeded && c.created == 0:
		c.created = answer.Header.Revision
	case !answer.Succeeded:
		if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) == 0 || kvs[0].CreateRevision != c.to {
			return cluster.ErrHostGone
		}
		return cluster.ErrUnavailable
	}
	return nil
}

// answered takes up what came to a call of this host. The mutex is held.
func (b *mailbox) answered(id string, change change) {
	c := b.calls[id]
	if c == nil {
		return
	}
	var a answer
	var err error
	if a.body, err = b.m.box.open(asAnswer, change.key, c.s.presence, []byte(change.value), &a.answerHead); err != nil {
		b.m.o.Log.Error().Str("host", c.host).Err(err).Msg("an answer of another host was refused")
		return
	}
	select {
	case c.news <- a:
	default: // more than there are steps
	}
}

// outcome is how an answer says what came of a request.
func outcome(body []byte, err error) (answerHead, []byte) {
	head := answerHead{Stage: stageAnswer}
	switch {
	case errors.Is(err, errLate):
		head.Outcome = outcomeLate
		return head, nil
	case errors.Is(err, cluster.ErrTooLarge), len(body) > MaxMessage:
		head.Outcome = outcomeTooLarge
		return head, nil
	case err != nil:
		head.Outcome, head.Error = outcomeError, plain.Clip(err.Error(), maxReason)
		return head, nil
	}
	return head, body
}
