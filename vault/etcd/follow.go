package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

const (
	// pageOf is how many keys are read at once.
	pageOf = 500
	// lookEvery is how often it is asked whether etcd is there.
	lookEvery = time.Second
)

// reach is whether etcd is reached.
type reach struct {
	mu    sync.Mutex // guards what follows
	since time.Time
	why   error
	gone  chan struct{} // closed when it is lost
	back  func()
}

func (r *reach) state() (since time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since, r.why
}

// lostNow returns a channel that is closed when etcd is not reached.
func (r *reach) lostNow() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

func (r *reach) lost(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == nil {
		r.since = time.Now()
		close(r.gone)
	}
	r.why = why
}

func (r *reach) reached() {
	r.mu.Lock()
	away := r.why != nil
	if r.since, r.why = (time.Time{}), nil; away {
		r.gone = make(chan struct{})
	}
	r.mu.Unlock()
	if away {
		r.back()
	}
}

// follower keeps the mirror as etcd is.
type follower struct{ *shared }

// look asks now and then whether etcd is there, the one that it was, and which is the
// newest commit.
func (v follower) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		rev := v.revision()
		ctx, cancel := context.WithTimeout(v.ctx, asked)
		sent := time.Now()
		answered, err := v.client.Get(ctx, v.key(dirMark), clientv3.WithPrefix(), clientv3.WithKeysOnly())
		cancel()
		switch {
		case v.ctx.Err() != nil:
			return
		case err != nil:
			why := v.o.why(v.ctx, err)
			if !errors.Is(why, fault.ErrUnavailable) {
				why = fault.Join(fault.ErrUnavailable, why)
			}
			v.reach.lost(why)
		case answered.Header.Revision < rev:
			v.kill("read", errOlder)
			return
		default:
			v.figures.lag.heard(question{sent, time.Now(), newestOf(answered.Kvs)}, v.revision())
			v.reach.reached()
		}
		select {
		case <-tick.C:
		case <-v.ctx.Done():
			return
		}
	}
}

func newestOf(kvs []*mvccpb.KeyValue) (rev int64) {
	for _, kv := range kvs {
		rev = max(rev, kv.ModRevision)
	}
	return rev
}

var errOlder = fmt.Errorf("%w: etcd is at an older state than this host has seen, or it is another one", fault.ErrReplaced)

// follow keeps the mirror as etcd is, until the vault is closed. anew is set where all
// has to be read first.
func (v follower) follow(anew bool) {
	for v.ctx.Err() == nil && v.Err() == nil {
		if anew {
			if err := v.readAnew(); err != nil {
				pause(v.ctx, lookEvery)
				continue
			}
		}
		anew = v.watch()
		pause(v.ctx, 20*time.Millisecond)
	}
}

// watch takes over every revision in its order. It returns whether all has to be read anew,
// because what came meanwhile is not told any more.
func (v follower) watch() (anew bool) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(v.ctx))
	defer cancel()
	from := v.revision() + 1
	came := v.client.Watch(ctx, v.key(""), clientv3.WithPrefix(), clientv3.WithRev(from))
	for {
		select {
		case answered, ok := <-came:
			if !ok {
				return false
			}
			if err := answered.Err(); err != nil {
				return answered.CompactRevision != 0 || errors.Is(err, rpctypes.ErrCompacted)
			}
			v.takeOver(answered.Events)
		case <-v.kick:
			return false
		}
	}
}

// takeOver applies the revisions that a watch has told of.
func (v follower) takeOver(list []*clientv3.Event) {
	for len(list) > 0 {
		rev := list[0].Kv.ModRevision
		n := slices.IndexFunc(list, func(e *clientv3.Event) bool { return e.Kv.ModRevision != rev })
		if n < 0 {
			n = len(list)
		}
		events := make([]event, 0, n)
		for _, e := range list[:n] {
			one := v.eventOf(e.Kv)
			if e.Type == mvccpb.DELETE {
				one.value, one.held = nil, held{}
			}
			events = append(events, one)
		}
		v.applied(rev, events, false)
		list = list[n:]
	}
}

func (v follower) eventOf(kv *mvccpb.KeyValue) event {
	value := kv.Value
	if value == nil {
		value = []byte{}
	}
	return event{strings.TrimPrefix(string(kv.Key), v.key("")), value, held{kv.ModRevision, kv.Version, kv.CreateRevision}}
}

// readAll reads everything as of one revision.
func (v follower) readAll(ctx context.Context) (events []event, rev int64, err error) {
	from, end := v.key(""), clientv3.GetPrefixRangeEnd(v.key(""))
	for {
		options := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(pageOf)}
		if rev != 0 {
			options = append(options, clientv3.WithRev(rev))
		}
		answered, err := v.client.Get(ctx, from, options...)
		if err != nil {
			return nil, 0, err
		}
		if rev == 0 {
			rev = answered.Header.Revision
		}
		for _, kv := range answered.Kvs {
			events = append(events, v.eventOf(kv))
		}
		if !answered.More || len(answered.Kvs) == 0 {
			return events, rev, nil
		}
		from = string(answered.Kvs[len(answered.Kvs)-1].Key) + "\x00"
	}
}

// readAnew brings the mirror up to date with a read of everything.
func (v follower) readAnew() error {
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	events, rev, err := v.readAll(ctx)
	if err != nil {
		return err
	}
	v.mu.RLock()
	older := rev < v.mirror.rev
	events = append(events, v.mirror.missing(events)...)
	v.mu.RUnlock()
	if older {
		v.kill("read", errOlder)
		return v.Err()
	}
	v.applied(rev, events, true)
	return nil
}

// missing are the events of what is in the mirror and not among those of a read of
// everything.
func (m *mirror) missing(events []event) (gone []event) {
	there := make(map[string]bool, len(events))
	for _, e := range events {
		there[e.name] = true
	}
	lack := func(name string) {
		if !there[name] {
			gone = append(gone, event{name: name})
		}
	}
	for kind, k := range m.kinds {
		for name := range k.byName {
			lack(name)
		}
		lack(membersOf(kind))
	}
	for id := range m.journal {
		lack(entryName(id))
	}
	for id := range m.slots {
		lack(dirSlots + id)
	}
	if m.headEnv != nil {
		lack(keyHead)
	}
	return gone
}
