package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// refused reports whether etcd has answered that it did not do what it was asked, and
// the outcome that this is. Any other error leaves open whether it was done, unless it was
// never sent.
func refused(err error) (outcome error, certain bool) {
	is := func(list ...error) bool {
		for _, one := range list {
			if errors.Is(err, one) {
				return true
			}
		}
		return false
	}
	code := status.Code(err)
	if e := (rpctypes.EtcdError{}); errors.As(err, &e) {
		code = e.Code()
	}
	switch {
	case is(rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: etcd's quota is used up, and it takes no changes until there is room again (compact, defragment, disarm the alarm)", fault.ErrNoSpace), true
	case is(rpctypes.ErrRequestTooLarge, rpctypes.ErrTooManyOps), code == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than"):
		return fault.Join(fault.ErrTooLarge, err), true
	case is(rpctypes.ErrTooManyRequests):
		return fault.Join(fault.ErrUnavailable, err), true
	case is(rpctypes.ErrAuthFailed):
		return denied("etcd does not take this user with this password (%w)", err), true
	case is(rpctypes.ErrUserEmpty):
		return denied("etcd wants a user and a password (%w)", err), true
	case is(rpctypes.ErrPermissionDenied):
		return denied("no role of this user in etcd has all that is below the prefix (%w)", err), true
	case code == codes.PermissionDenied, code == codes.Unauthenticated, code == codes.InvalidArgument, code == codes.FailedPrecondition, code == codes.OutOfRange:
		return err, true
	}
	return fault.Join(fault.ErrUnavailable, err), false
}

// denied is what etcd does not let this host do. Somebody has to change that; meanwhile
// it is as if etcd were away.
func denied(format string, err error) error {
	return fault.Join(fault.ErrDenied, fmt.Errorf(format, err))
}

// why says why there was no answer, as far as that can be found out.
func (o Options) why(ctx context.Context, err error) error {
	outcome, certain := refused(err)
	if certain {
		return outcome
	}
	ctx, cancel := context.WithTimeout(ctx, aliveWithin)
	defer cancel()
	if each := o.tryEach(ctx); each != nil {
		return fault.Join(fault.ErrUnavailable, each)
	}
	return outcome
}

// answer makes an error of what etcd answered, or of its silence.
func answer(op, path string, err error) error {
	outcome, _ := refused(err)
	return fault.Wrap(op, path, outcome)
}

// sentKey marks a context whose requests are watched.
type sentKey struct{}

// watchSent returns a context that tells whether a request with it has left this
// process. One that waited for a connection in vain has not, and did nothing for certain.
func watchSent(ctx context.Context) (context.Context, *atomic.Bool) {
	sent := new(atomic.Bool)
	return context.WithValue(ctx, sentKey{}, sent), sent
}

// sentHandler sees requests leave.
type sentHandler struct{}

// TagRPC implements [stats.Handler].
func (sentHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (sentHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if sent, ok := ctx.Value(sentKey{}).(*atomic.Bool); ok {
		switch s.(type) {
		case *stats.OutHeader, *stats.OutPayload:
			sent.Store(true)
		}
	}
}

// TagConn implements [stats.Handler].
func (sentHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler].
func (sentHandler) HandleConn(context.Context, stats.ConnStats) {}
