package parts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/vault"
)

// ErrConfiguration says that something in the configuration cannot be carried out.
var ErrConfiguration = errors.New("the configuration cannot be used")

// Carry carries out a request that another host has handed over, and returns the answer.
type Carry = func(ctx context.Context, from string, request []byte) ([]byte, error)

// Part is a part in a cluster, as the package that speaks to the cluster makes it.
type Part struct {
	cluster.Membership
	// Joined waits until the host has its part. It returns at once where another process
	// has the host's name.
	Joined func(ctx context.Context) error
	// Serve says who carries out the requests of other hosts.
	Serve func(Carry)
}

// Host is this keeper's part among those that share its accounts. It begins without one,
// and stays so where the accounts are in a file: then everything that it is asked does
// nothing. The vault, the cluster and the keeper, which need one another, meet here, so
// that each can be made before the next.
type Host struct {
	Log     zerolog.Logger
	Version string

	joins  func(vault.Vault) (*Part, error)
	part   atomic.Pointer[Part]
	keeper atomic.Pointer[keeper.Keeper]
	leave  sync.Once
	taken  chan error // holds one
	left   chan struct{}
}

// NewHost makes a host that has no part yet.
func NewHost(version string, log zerolog.Logger) *Host {
	return &Host{Version: version, Log: log, taken: make(chan error, 1), left: make(chan struct{})}
}

// Joins says how this host gets its part. Who opens a vault that hosts share says so.
func (h *Host) Joins(join func(vault.Vault) (*Part, error)) { h.joins = join }

// Join begins to get this host's part among those that share the vault. It waits for
// nobody: the keeper serves from its copy while the cluster is away.
func (h *Host) Join(v vault.Vault) error {
	if h.joins == nil {
		return nil
	}
	part, err := h.joins(v)
	if err != nil {
		return err
	}
	h.part.Store(part)
	go h.watchName(part)
	return nil
}

// Membership is what the keeper sees of the others, nil where it is alone.
func (h *Host) Membership() cluster.Membership {
	if part := h.part.Load(); part != nil {
		return part
	}
	return nil
}

// Keeps says which keeper looks after what this host owns. It comes before the keeper's
// work begins.
func (h *Host) Keeps(k *keeper.Keeper) { h.keeper.Store(k) }

// Serve says who carries out what other hosts hand over.
func (h *Host) Serve(carry Carry) {
	if part := h.part.Load(); part != nil {
		part.Serve(carry)
	}
}

// Taken tells once that a living process has this host's name, and has had it since
// before this one began.
func (h *Host) Taken() <-chan error { return h.taken }

// Fence names the key that makes this host the owner of an account, or with "" the one
// that sends messages, and the revision that created it, 0 where it is not the owner or has no part yet.
func (h *Host) Fence(account string) (ownerKey string, createRevision int64) {
	part := h.part.Load()
	if part == nil {
		return "", 0
	}
	ownerKey, createRevision, owned := part.Fence(account)
	if !owned {
		return ownerKey, 0
	}
	return ownerKey, createRevision
}

// Gained tells which accounts this host has begun to own. What comes before there is a
// keeper is passed over: that one asks when its work begins.
func (h *Host) Gained(accounts []string) {
	if k := h.keeper.Load(); k != nil {
		k.Shared().Gained(accounts)
	}
}

// Lost tells which accounts this host has ceased to own.
func (h *Host) Lost(accounts []string) {
	if k := h.keeper.Load(); k != nil {
		k.Shared().Lost(accounts)
	}
}

// Yield asks to let go of an account. Before there is a keeper nobody could say that
// nothing is begun for it.
func (h *Host) Yield(account string) bool {
	k := h.keeper.Load()
	return k != nil && k.Shared().Yield(account)
}

// Sender tells that this host has begun, or ceased, to be the one that sends messages.
func (h *Host) Sender(sends bool) {
	if k := h.keeper.Load(); k != nil {
		k.Shared().Sending().Set(sends)
	}
}

// leaving is how long the cluster has to take a goodbye. Without one the others wait for
// the lease to run out.
const leaving = 5 * time.Second

// Leave gives everything that this host owns to the others. Whoever acts for it has
// stopped before. It may come twice.
func (h *Host) Leave() {
	part := h.part.Load()
	if part == nil {
		return
	}
	h.leave.Do(func() {
		close(h.left)
		ctx, cancel := context.WithTimeout(context.Background(), leaving)
		defer cancel()
		if err := part.Close(ctx); err != nil {
			h.Log.Warn().Err(err).Msg("the other hosts were not told of the end, and take over when this one's lease has run out")
		}
	})
}

// watchName looks until this host has joined whether a process that lives has its name.
// One that was killed keeps the name until its lease has run out.
func (h *Host) watchName(part *Part) {
	const pause = 500 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-h.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		err := part.Joined(ctx)
		switch {
		case errors.Is(err, cluster.ErrNameHeld):
			h.taken <- fmt.Errorf("%w: store.host: %w", ErrConfiguration, err)
			return
		case !errors.Is(err, cluster.ErrNameTaken), !attempt.Sleep(ctx, pause):
			return
		}
	}
}
