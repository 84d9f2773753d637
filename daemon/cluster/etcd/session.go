package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

var (
	errOut     = errors.New("the lease has run out: etcd could not be reached in time")
	errRevoked = errors.New("etcd has no lease of this host any more")
	errRemoved = errors.New("this host's presence was removed from etcd")
)

// session is this host's part in the cluster under one lease.
type session struct {
	m  *Member
	id clientv3.LeaseID
	// presence is the revision that created this host's key: it tells this session
	// from every other.
	presence int64
	since    time.Duration
	// end ends the session, with a reason.
	end context.CancelCauseFunc

	lease cluster.Lease // guarded by the member's mutex
}

// presence is what a host says of itself.
type presence struct {
	Instance string        `json:"instance"`
	Version  string        `json:"version"`
	Since    time.Time     `json:"since"`
	Lag      time.Duration `json:"lag"`
}

// join takes a lease, makes this host present under it, and has a part in the cluster
// until that is lost. It returns why it was lost, or could not be had. The lease before
// goes first: its keys are in the way.
func (m *Member) join(ctx context.Context) error {
	if m.held != clientv3.NoLease {
		one, cancel := context.WithTimeout(ctx, m.o.patience())
		err := revoke(one, m.o.Client, m.held)
		cancel()
		if err != nil {
			return err
		}
		m.held = clientv3.NoLease
	}
	s, ttl, err := m.grant(ctx)
	if err != nil {
		return err
	}
	m.held = s.id
	if err := s.appear(ctx); err != nil {
		return err
	}
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	s.begin()
	defer s.finish()
	m.mail.begin()
	decided, reported := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(decided)
		s.decide(ctx)
	}()
	go func() {
		defer close(reported)
		s.report(ctx)
	}()
	err = s.keep(ctx, ttl)
	// Before anything is waited for: nobody is to go on meanwhile.
	s.finish()
	s.end(err)
	<-decided
	<-reported
	return err
}

// revoke gives a lease back, and with it all keys that lie under it.
func revoke(ctx context.Context, client *clientv3.Client, id clientv3.LeaseID) error {
	_, err := client.Revoke(ctx, id)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil
	}
	return err
}

func (m *Member) grant(ctx context.Context) (*session, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, m.o.patience())
	defer cancel()
	sent := cluster.Uptime()
	granted, err := m.o.Client.Grant(ctx, int64(m.o.TTL/time.Second))
	if err != nil {
		return nil, 0, err
	}
	ttl := time.Duration(granted.TTL) * time.Second
	return &session{m: m, id: granted.ID, since: sent, lease: cluster.NewLease(sent, ttl)}, ttl, nil
}

// appear makes this host present, where no other process has its name.
func (s *session) appear(ctx context.Context) error {
	m := s.m
	ctx, cancel := context.WithTimeout(ctx, m.o.patience())
	defer cancel()
	key := m.keys.host(m.o.Host)
	value, err := s.describe()
	if err != nil {
		return err
	}
	answer, err := m.o.Client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value, clientv3.WithLease(s.id))).
		Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return err
	}
	m.state.see(stateOf(answer.Header))
	if !answer.Succeeded {
		return s.taken(ctx, changeOf(answer.Responses[0].GetResponseRange().Kvs[0]))
	}
	s.presence = answer.Header.Revision
	return nil
}

// taken says who has this host's name. It may be the process before this one, which was
// killed: then its lease runs out.
func (s *session) taken(ctx context.Context, c change) error {
	m := s.m
	var p presence
	if _, err := m.box.open(asPresence, c.key, int64(c.lease), []byte(c.value), &p); err != nil {
		return fmt.Errorf("%w, %s: %w", cluster.ErrNameTaken, m.o.Host, err)
	}
	since := p.Since.Format(time.RFC3339)
	if m.rival.renewed(ctx, m.o.Client, c.lease) {
		return fmt.Errorf("%w, %s, since %s, and %w", cluster.ErrNameTaken, m.o.Host, since, cluster.ErrNameHeld)
	}
	return fmt.Errorf("%w, %s, since %s (one that was killed is forgotten within %v)", cluster.ErrNameTaken, m.o.Host, since, m.o.TTL)
}

// rival is what was seen of the lease of another process with this host's name.
type rival struct {
	lease clientv3.LeaseID
	// until is when the lease runs out, as far as was seen under a leader of etcd: a new
	// one counts all leases anew.
	until time.Duration
	term  uint64
	held  bool
}

// renewed looks at the lease, and reports whether it was renewed since the first look.
func (r *rival) renewed(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID) bool {
	const rounded = 2 * time.Second // it is told in whole seconds
	left, err := client.TimeToLive(ctx, lease)
	if err != nil || left.TTL <= 0 {
		return false
	}
	until := cluster.Uptime() + time.Duration(left.TTL)*time.Second
	switch {
	case r.lease != lease, r.term != left.RaftTerm:
		*r = rival{lease, until, left.RaftTerm, r.held && r.lease == lease}
	case until > r.until+rounded:
		r.held = true
	}
	return r.held
}

func (s *session) describe() (string, error) {
	m := s.m
	p := presence{m.instance, m.o.Version, m.started, m.o.Lag().Round(time.Millisecond)}
	value, err := m.box.seal(asPresence, m.keys.host(m.o.Host), int64(s.id), p, nil)
	return string(value), err
}

func (s *session) begin() {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.trouble = s, nil
	m.signal()
	m.o.Log.Info().Str("host", m.o.Host).Msg("this host has joined the cluster")
}

// finish ends this host's part, for all accounts at once. It may come twice.
func (s *session) finish() {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now != s {
		return
	}
	var lost []string
	for account := range m.view.owners {
		if m.believes(account) {
			lost = append(lost, account)
		}
	}
	s.lease.End()
	m.now = nil
	m.signal()
	m.mail.finish()
	m.tell(lost, nil)
}

// keep renews the lease until that cannot be done any more, and returns why.
func (s *session) keep(ctx context.Context, ttl time.Duration) error {
	m := s.m
	r := &renewer{client: m.o.Client, lease: s.id, presence: m.keys.host(m.o.Host), state: m.state}
	defer r.close()
	wait := ttl / 3
	for {
		if !attempt.Sleep(ctx, min(wait, m.LeaseLeft())) {
			return context.Cause(ctx)
		}
		left := m.LeaseLeft()
		if left == 0 {
			return errOut
		}
		sent := cluster.Uptime()
		renewed, err := r.renew(ctx, min(ttl/5, left))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && !s.renewed(sent, renewed):
			return errOut
		case err == nil:
			wait = renewed / 3
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			return errRevoked
		case errors.Is(err, errRemoved), errors.Is(err, errRestored):
			return err
		default:
			wait = ttl/50 + rand.N(ttl/50)
		}
	}
}

func (s *session) renewed(sent, ttl time.Duration) bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.lease.Renew(cluster.Uptime(), sent, ttl)
}

// report tells the others how this host is, where that has changed.
func (s *session) report(ctx context.Context) {
	m := s.m
	const often, worth = 10 * time.Second, time.Second
	told := m.o.Lag()
	for attempt.Sleep(ctx, often) {
		lag := m.o.Lag()
		if (lag - told).Abs() < worth {
			continue
		}
		value, err := s.describe()
		if err != nil {
			continue
		}
		key := m.keys.host(m.o.Host)
		one, cancel := context.WithTimeout(ctx, m.o.patience())
		_, err = m.o.Client.Txn(one).
			If(clientv3.Compare(clientv3.CreateRevision(key), "=", s.presence)).
			Then(clientv3.OpPut(key, value, clientv3.WithLease(s.id))).Commit()
		cancel()
		if err == nil {
			told = lag
		}
	}
}
