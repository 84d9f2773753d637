package etcd

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// renewer keeps one lease alive, a question at a time. The client's own way of doing it
// does not say when what is answered was sent, and that is what a lease counts from. One
// stream serves all questions; with a password, each new one would have to prove it.
type renewer struct {
	client *clientv3.Client
	lease  clientv3.LeaseID
	// presence is the key that lies under the lease.
	presence string
	state    *latest

	stream pb.Lease_LeaseKeepAliveClient // nil while there is none
	cancel context.CancelFunc
}

// renew asks once, and returns for how long the lease was renewed. A question without
// an answer ends the stream, so that no answer is ever taken for a later question's.
//
// etcd's leader renews a lease without asking the other members. One that was stopped,
// or cut off from them, may do so after they have another leader, which counts
// differently. So a renewal counts only when a read that needs the majority finds the
// same term after it: there was no other leader in between.
func (r *renewer) renew(ctx context.Context, patience time.Duration) (ttl time.Duration, err error) {
	begun := time.Now()
	ttl, term, err := r.ask(ctx, patience)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience-time.Since(begun))
	defer cancel()
	read, err := r.client.Get(ctx, r.presence)
	if err != nil {
		return 0, failure(err)
	}
	switch {
	case !r.state.see(stateOf(read.Header)):
		return 0, errRestored
	case read.Header.RaftTerm != term:
		return 0, errElection
	case len(read.Kvs) != 1 || clientv3.LeaseID(read.Kvs[0].Lease) != r.lease:
		return 0, errRemoved
	}
	return ttl, nil
}

// ask sends one question, and returns the answer with the term that it was given in.
func (r *renewer) ask(ctx context.Context, patience time.Duration) (ttl time.Duration, term uint64, err error) {
	if r.stream == nil {
		life, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
		r.cancel = cancel
		// What hangs is cut by the timer below.
		stop := time.AfterFunc(patience, cancel)
		r.stream, err = pb.NewLeaseClient(r.client.ActiveConnection()).LeaseKeepAlive(life)
		if !stop.Stop() || err != nil {
			r.close()
			return 0, 0, failure(err)
		}
	}
	stop := time.AfterFunc(patience, r.cancel)
	if err = r.stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(r.lease)}); err == nil {
		var answer *pb.LeaseKeepAliveResponse
		if answer, err = r.stream.Recv(); err == nil {
			ttl, term = time.Duration(answer.TTL)*time.Second, answer.Header.RaftTerm
		}
	}
	if !stop.Stop() || err != nil {
		r.close()
	}
	switch {
	case err != nil:
		return 0, 0, failure(err)
	case ttl <= 0:
		return 0, 0, rpctypes.ErrLeaseNotFound
	}
	return ttl, term, nil
}

var (
	errSilent   = errors.New("etcd does not answer")
	errElection = errors.New("etcd has another leader than the one that renewed the lease")
)

// failure is the error that the server meant. What was cut by the timer has none.
func failure(err error) error {
	if err == nil || status.Code(err) == codes.Canceled {
		return errSilent
	}
	return rpctypes.Error(err)
}

func (r *renewer) close() {
	if r.stream != nil || r.cancel != nil {
		r.cancel()
		r.stream = nil
	}
}
