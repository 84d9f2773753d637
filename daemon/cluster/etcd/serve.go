package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// job is a request of another host to this one.
type job struct {
	id, key, from string
	s             *session
	// asker is the session of the host that asks.
	asker int64
	// created is the revision of the request.
	created int64
	claim   string
	body    []byte
	// left is how much time there is, from the sending of the claim. It holds one.
	left   chan time.Duration
	cancel context.CancelFunc
}

// Serve says who carries out the requests of other hosts. The context that fn is given
// ends with the request's deadline, which is never later than the asker's, or when the
// asker does not wait any more. What fn returns goes to the asker, an error as its text.
func (m *Member) Serve(fn func(ctx context.Context, from string, request []byte) ([]byte, error)) {
	m.mail.mu.Lock()
	defer m.mail.mu.Unlock()
	m.mail.serve = fn
}

// requested takes up a step of a request to this host. The mutex is held.
func (b *mailbox) requested(s *session, id string, c change) {
	var head requestHead
	body, err := b.m.box.open(asRequest, c.key, s.presence, []byte(c.value), &head)
	if err != nil {
		// It may have been meant for the process that was this host before.
		b.m.o.Log.Warn().Str("request", id).Err(err).Msg("a request of another host was refused")
		return
	}
	j := b.jobs[id]
	switch {
	case j == nil && head.Stage == stageAsk:
		ctx, cancel := context.WithCancel(context.Background())
		j = &job{
			id: id, key: c.key, from: head.From, s: s, asker: head.Session, created: c.created,
			claim: newID(), body: body, left: make(chan time.Duration, 1), cancel: cancel,
		}
		b.jobs[id] = j
		b.m.work.Go(func() {
			defer b.done(j)
			b.process(ctx, j)
		})
	case j != nil && head.Stage == stageGo && head.Claim == j.claim && c.created == j.created:
		select {
		case j.left <- head.Left:
		default: // once is enough
		}
	}
}

func (b *mailbox) done(j *job) {
	j.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jobs[j.id] == j {
		delete(b.jobs, j.id)
	}
}

// process takes a request from its claim to its answer. ctx ends when the asker does not
// wait any more, or this host's session is over.
func (b *mailbox) process(ctx context.Context, j *job) {
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
	case <-ctx.Done():
		return
	}
	sent := cluster.Uptime()
	if !b.tell(ctx, j, answerHead{Stage: stageClaim, Claim: j.claim}, nil) {
		return
	}
	var until time.Duration
	select {
	case left := <-j.left:
		until = sent + left
	case <-ctx.Done():
		return
	case <-time.After(unasked): // whoever claims to ask does not
		return
	}
	// In this order: a process that is held up between the two has less time, not more.
	now := time.Now()
	left := until - cluster.Uptime()
	if left <= 0 || ctx.Err() != nil {
		return
	}
	within, cancel := context.WithDeadline(ctx, now.Add(left))
	defer cancel()
	body, err := b.carry(within, j.from, j.body)
	if err != nil && within.Err() != nil {
		err = errLate // whatever it says, that is why
	}
	head, body := outcome(body, err)
	b.tell(ctx, j, head, body)
}

// tell puts a step of the answer to the asker's mail, as long as the request is there.
// The last step takes the request away, so that there is one answer.
func (b *mailbox) tell(ctx context.Context, j *job, head answerHead, body []byte) bool {
	key := b.m.keys.answer(j.from, j.id)
	value, err := b.m.box.seal(asAnswer, key, j.asker, head, body)
	if err != nil {
		return false
	}
	then := []clientv3.Op{clientv3.OpPut(key, string(value), clientv3.WithLease(j.s.id))}
	if head.Stage == stageAnswer {
		then = append(then, clientv3.OpDelete(j.key))
	}
	told := false
	_ = attempt.Until(ctx, attempt.Backoff{First: 50 * time.Millisecond, Most: time.Second}, func() error {
		one, cancel := context.WithTimeout(ctx, b.m.o.patience())
		defer cancel()
		answer, err := b.m.o.Client.Txn(one).
			If(clientv3.Compare(clientv3.CreateRevision(j.key), "=", j.created)).
			Then(then...).Commit()
		if err == nil {
			told = answer.Succeeded
		}
		return err
	}, func(int, error) {})
	return told
}
