package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// change is what became of a key. A key's changes come in the order of their revisions,
// though not all of them where the history was compacted meanwhile.
type change struct {
	key, value string
	// created is the revision that created the key, 0 where it is gone; revision the
	// one of the change itself.
	created, revision int64
	lease             clientv3.LeaseID
}

func changeOf(kv *mvccpb.KeyValue) change {
	return change{
		key: string(kv.Key), value: string(kv.Value), created: kv.CreateRevision,
		revision: kv.ModRevision, lease: clientv3.LeaseID(kv.Lease),
	}
}

// follower is told all that is under a prefix, and what becomes of it.
type follower struct {
	client *clientv3.Client
	prefix string
	// patience is how long one read may take.
	patience time.Duration
	// apply takes up changes. whole is true when everything that is there has been
	// told of.
	apply func(changes []change, whole bool)
	// forget comes when etcd's content was put back to an earlier one, whose
	// revisions say nothing about those that were told. first is true where nobody
	// else has noticed that before.
	forget func(first bool)
	// replaced returns a channel that is closed when etcd is seen to be another than
	// before: a watch would wait there for revisions that come much later.
	replaced func() <-chan struct{}

	known map[string]int64 // the revisions that were told
	last  state
	// stale is true when all that was told is to be forgotten.
	stale bool
}

// state is which etcd answered, and how far it was.
type state struct {
	cluster  uint64
	revision int64
}

func stateOf(h *pb.ResponseHeader) state { return state{h.ClusterId, h.Revision} }

// follows reports whether a state came after another: etcd was not put back between.
func (s state) follows(earlier state) bool {
	return earlier == (state{}) || s.cluster == earlier.cluster && s.revision >= earlier.revision
}

// anew is after how long everything is read again though the watch goes on: etcd before
// 3.4.31 and 3.5.13 may lose what a watch was to tell when the history is compacted.
const anew = 5 * time.Minute

var errEnded = errors.New("the watch has ended")

// run follows until the context ends. A watch that ends is begun anew, after a read.
func (f *follower) run(ctx context.Context) {
	f.known = map[string]int64{}
	backoff := attempt.Backoff{First: 100 * time.Millisecond, Most: 2 * time.Second, Spread: 0.5}
	replaced := f.replaced()
	for n := 1; ctx.Err() == nil; n++ {
		select {
		case <-replaced:
			f.stale, replaced = true, f.replaced()
		default:
		}
		read, err := f.read(ctx)
		if err == nil {
			n = 1
			err = f.watch(ctx, read+1, replaced)
		}
		if err != nil && !attempt.Sleep(ctx, backoff.Delay(n)) {
			return
		}
	}
}

// read reads everything and tells what is different from what was told.
func (f *follower) read(ctx context.Context) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.patience)
	defer cancel()
	all, err := f.client.Get(ctx, f.prefix, clientv3.WithPrefix())
	if err != nil {
		return 0, err
	}
	now := stateOf(all.Header)
	if f.stale || !now.follows(f.last) {
		f.forget(!f.stale)
		clear(f.known)
	}
	f.last, f.stale, revision = now, false, now.revision
	there := make(map[string]bool, len(all.Kvs))
	var changes []change
	for _, kv := range all.Kvs {
		there[string(kv.Key)] = true
		if f.known[string(kv.Key)] != kv.ModRevision {
			changes = append(changes, changeOf(kv))
		}
	}
	for key := range f.known {
		if !there[key] {
			changes = append(changes, change{key: key, revision: revision})
		}
	}
	f.tell(changes, true)
	return revision, nil
}

func (f *follower) watch(ctx context.Context, from int64, replaced <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), anew)
	defer cancel()
	watch := f.client.Watch(ctx, f.prefix, clientv3.WithPrefix(), clientv3.WithRev(from))
	for {
		var news clientv3.WatchResponse
		select {
		case news = <-watch:
		case <-replaced:
			return errEnded
		}
		switch {
		case news.Err() != nil:
			return news.Err()
		case news.Header == nil: // the channel is closed
			return errEnded
		}
		changes := make([]change, 0, len(news.Events))
		for _, event := range news.Events {
			c := changeOf(event.Kv)
			if event.Type == clientv3.EventTypeDelete {
				c = change{key: c.key, revision: c.revision}
			}
			changes = append(changes, c)
		}
		f.last.revision = max(f.last.revision, news.Header.Revision)
		f.tell(changes, false)
	}
}

func (f *follower) tell(changes []change, whole bool) {
	for _, c := range changes {
		if c.created == 0 {
			delete(f.known, c.key)
		} else {
			f.known[c.key] = c.revision
		}
	}
	f.apply(changes, whole)
}

// latest is the newest state of etcd that reads of the majority showed.
type latest struct {
	mu      sync.Mutex // guards all below
	state   state
	changed chan struct{}
}

func newLatest() *latest { return &latest{changed: make(chan struct{})} }

func (l *latest) replaced() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// see takes up a state, and reports whether it follows the one before; where it does
// not, all followers begin anew. States are seen in the order in which they were asked
// for.
func (l *latest) see(now state) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	follows := now.follows(l.state)
	if !follows {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	l.state = now
	return follows
}
