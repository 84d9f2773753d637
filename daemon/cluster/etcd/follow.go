package etcd

import (
	"context"
	"errors"
	"time"

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
	// revisions say nothing about those that were told.
	forget func()

	known map[string]int64 // the revisions that were told
	last  int64
}

var errEnded = errors.New("the watch has ended")

// run follows until the context ends. A watch that breaks is begun anew, after a read.
func (f *follower) run(ctx context.Context) {
	f.known = map[string]int64{}
	backoff := attempt.Backoff{First: 100 * time.Millisecond, Most: 2 * time.Second, Spread: 0.5}
	for n := 1; ctx.Err() == nil; n++ {
		read, err := f.read(ctx)
		if err == nil {
			n = 1
			err = f.watch(ctx, read+1)
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
	revision = all.Header.Revision
	if revision < f.last {
		f.forget()
		clear(f.known)
	}
	f.last = revision
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

func (f *follower) watch(ctx context.Context, from int64) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for news := range f.client.Watch(ctx, f.prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := news.Err(); err != nil {
			return err
		}
		changes := make([]change, 0, len(news.Events))
		for _, event := range news.Events {
			c := changeOf(event.Kv)
			if event.Type == clientv3.EventTypeDelete {
				c = change{key: c.key, revision: c.revision}
			}
			changes = append(changes, c)
		}
		f.last = max(f.last, news.Header.Revision)
		f.tell(changes, false)
	}
	return errEnded
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
