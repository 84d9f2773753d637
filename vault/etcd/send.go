package etcd

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// mark is a key of this opening of the vault alone. Each of its transactions compares its
// revision and writes it, whether it comes to its end or others were quicker: so etcd
// itself knows what came of each, and one that was not answered can be kept from
// happening late by writing the mark anew.
//
// Its value is a letter for what came of it, and the number of the transaction.
type mark struct {
	name string
	mod  int64 // 0 before it was written first
	// old are the marks of earlier openings from here.
	old []string
}

const (
	markCommitted = 'c'
	markConflict  = 'x'
	markFence     = 'f'
)

func markValue(letter byte, nonce, padding string) string { return string(letter) + nonce + padding }

// outcome is what came of a batch. Where it was neither committed nor ended with an
// error, others were quicker.
type outcome struct {
	committed bool
	err       error
	local     error // of what was to be written on this host behind it
	// lost are the guards that do not hold.
	lost map[string]bool
	rev  int64
}

const (
	// probePadding is what a probe writes, so that a full disk is found.
	probePadding = 4 << 10
	// asksPause bounds the time between two questions after what came of a transaction.
	asksPause = 2 * time.Second
)

// writeMark writes the mark for the first time, and removes those of earlier openings:
// what was sent then and not answered does not happen any more.
func (v *writer) writeMark() error {
	if v.mark.mod != 0 {
		return nil
	}
	ops := []clientv3.Op{clientv3.OpPut(v.key(v.mark.name), markValue(markFence, rand.Text(), ""))}
	for _, name := range v.mark.old {
		ops = append(ops, clientv3.OpDelete(v.key(name)))
	}
	ctx, cancel := context.WithTimeout(v.ctx, asked)
	defer cancel()
	answered, err := v.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		why, certain := refused(err)
		return v.unsent(why, certain)
	}
	v.mark.mod, v.mark.old = answered.Header.Revision, nil
	return v.copy.setMeta(metaMarks, []byte(v.mark.name))
}

// unsent is the error of what was not done, for certain or because it never left.
func (v *writer) unsent(why error, certain bool) error {
	if errors.Is(why, fault.ErrDenied) {
		why, certain = fault.Join(fault.ErrUnavailable, why), false
	}
	if !certain {
		v.reach.lost(why)
	}
	return fault.New("write", v.o.place(), why)
}

// markSays reports whether an event is the word of a mark on a transaction.
func markSays(e event, letter byte, nonce string) bool {
	return strings.HasPrefix(e.name, dirMark) && strings.HasPrefix(string(e.value), markValue(letter, nonce, ""))
}

// send commits a batch. When it returns, the mirror has what came of it, and all that
// follows is done.
func (v *writer) send(b *batch, ran []*update) outcome {
	if err := v.writeMark(); err != nil {
		return outcome{err: err}
	}
	f := &flight{nonce: rand.Text(), b: b, ran: ran, told: make(chan struct{})}
	v.mu.Lock()
	v.flight = f
	v.mu.Unlock()
	came := v.transmit(f)
	if v.land(f, came.committed) {
		came = outcome{committed: true, local: f.err}
	}
	return came
}

// transmit asks etcd to commit a batch, and finds out what came of it.
func (v *writer) transmit(f *flight) outcome {
	b, r, padding := f.b, f.b.request, ""
	if b.probe {
		padding = string(make([]byte, probePadding))
	}
	owners := make([]string, 0, len(b.guards))
	no := []clientv3.Op{clientv3.OpPut(v.key(v.mark.name), markValue(markConflict, f.nonce, ""))}
	for owner := range b.guards {
		owners = append(owners, owner)
		no = append(no, clientv3.OpGet(owner, clientv3.WithKeysOnly()))
	}
	yes := append(r.ops, clientv3.OpPut(v.key(v.mark.name), markValue(markCommitted, f.nonce, padding)))
	compares := append(r.compares, clientv3.Compare(clientv3.ModRevision(v.key(v.mark.name)), "=", v.mark.mod))

	ctx, cancel := context.WithTimeout(v.ctx, asked)
	ctx, sent := watchSent(ctx)
	answered, err := v.client.Txn(ctx).If(compares...).Then(yes...).Else(no...).Commit()
	cancel()
	came := outcome{}
	switch why, certain := error(nil), false; {
	case err == nil:
		v.reach.reached()
		came = outcome{committed: answered.Succeeded, rev: answered.Header.Revision}
		v.mark.mod = answered.Header.Revision
		if !answered.Succeeded {
			came.lost = lostOf(answered, owners, b.guards)
		}
	default:
		if why, certain = refused(err); certain || !sent.Load() {
			return outcome{err: v.unsent(why, certain)}
		}
		v.reach.lost(why)
		if came = v.resolve(f); came.err != nil {
			return came
		}
	}
	if err := v.settle(came.rev); err != nil && !came.committed {
		came.err = err
	}
	return came
}

// lostOf are the guards that do not hold any more.
func lostOf(answered *clientv3.TxnResponse, owners []string, guards map[string]int64) map[string]bool {
	lost := map[string]bool{}
	for i, owner := range owners {
		if i+1 >= len(answered.Responses) {
			break
		}
		kvs := answered.Responses[i+1].GetResponseRange().GetKvs()
		if len(kvs) == 0 || kvs[0].CreateRevision != guards[owner] {
			lost[owner] = true
		}
	}
	return lost
}

// settle waits until the mirror has come to a revision. What needs nothing of etcd goes
// on meanwhile.
func (v *writer) settle(rev int64) error {
	for {
		ctx, cancel := context.WithTimeout(v.ctx, time.Second)
		err := v.await(ctx, rev)
		cancel()
		if err == nil || v.ctx.Err() != nil || v.Err() != nil || v.closing() {
			return err
		}
		v.meanwhile()
	}
}

var errUnknown = errors.New("it is unknown whether the last change arrived, the vault has to be opened again")

// resolve finds out what came of a transaction that was sent and not answered. It writes
// the mark anew under the condition that it is what it was before: either that
// transaction can never happen from then on, or it has happened and its mark says how.
func (v *writer) resolve(f *flight) outcome {
	key, fences := v.key(v.mark.name), []string{}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, asksPause) {
		fence := markValue(markFence, rand.Text(), "")
		fences = append(fences, fence)
		ctx, cancel := context.WithTimeout(v.ctx, asked)
		answered, err := v.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(key), "=", v.mark.mod)).
			Then(clientv3.OpPut(key, fence)).Else(clientv3.OpGet(key)).Commit()
		cancel()
		if err == nil {
			v.reach.reached()
			return v.told(answered, f.nonce, fences)
		}
		why, _ := refused(err)
		v.reach.lost(fault.Join(fault.ErrUnavailable, why))
		v.meanwhile()
		select {
		case <-f.told: // the watch has told of it
			return outcome{committed: true}
		default:
		}
		if v.closing() || v.Err() != nil {
			v.kill("write", fault.Join(fault.ErrStorage, errUnknown))
			return outcome{err: v.Err()}
		}
		pause(v.ctx, wait)
	}
}

// told reads what the mark says.
func (v *writer) told(answered *clientv3.TxnResponse, nonce string, fences []string) outcome {
	if answered.Succeeded {
		v.mark.mod = answered.Header.Revision
		return outcome{rev: v.mark.mod} // it never happened; it may be tried again
	}
	var value string
	if kvs := answered.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
		value, v.mark.mod = string(kvs[0].Value), kvs[0].ModRevision
	}
	switch {
	case len(value) > len(nonce) && value[1:1+len(nonce)] == nonce:
		return outcome{committed: value[0] == markCommitted, rev: v.mark.mod}
	case slices.Contains(fences, value):
		return outcome{rev: v.mark.mod}
	}
	v.kill("write", fault.Join(fault.ErrStorage, errUnknown))
	return outcome{err: v.Err()}
}
