package etcdvault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
	members "github.com/bilikeeper/bilikeeper/daemon/cluster/etcd"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// fence guards the records that only one host may write.
func fence(h *parts.Host) func(kind, key string) (ownerKey string, createRevision int64, guarded bool) {
	return func(kind, key string) (string, int64, bool) {
		account, guarded := store.Guarded(kind, key)
		if !guarded {
			return "", 0, false
		}
		ownerKey, createRevision := h.Fence(account)
		return ownerKey, createRevision, true
	}
}

// join gets a host its part among those that share a vault. It has a connection of its
// own: a lease is not renewed behind whatever large the vault reads or writes.
func join(o parts.Opening, with etcd.Options, v vault.Vault) (*parts.Part, error) {
	seed, err := v.Seed()
	if err != nil {
		return nil, err
	}
	seal, err := members.NewSeal(seed.DataKey, seed.ID)
	if err != nil {
		return nil, err
	}
	name, err := hostName(o.Store.Host)
	if err != nil {
		return nil, err
	}
	client, err := with.Connect()
	if err != nil {
		return nil, err
	}
	m, err := members.Join(members.Options{
		Client: client, Prefix: with.Prefix, Host: name, Version: o.Host.Version, Seal: seal, Log: o.Host.Log,
		Gained: o.Host.Gained, Lost: o.Host.Lost, Yield: o.Host.Yield, Sender: o.Host.Sender,
		Lag: func() time.Duration {
			f, _ := vault.FiguresOf(v)
			return f.Lag
		},
	})
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("%w: store.host: %w", parts.ErrConfiguration, err)
	}
	return &parts.Part{Membership: part{m, client}, Joined: m.Joined, Serve: m.Serve}, nil
}

// hostName is the name that is configured, or else the machine's.
func hostName(configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	machine, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("%w: store.host names none, and the machine has no name: %w", parts.ErrConfiguration, err)
	}
	return machine, nil
}

// part is a membership with the connection that is its alone.
type part struct {
	cluster.Membership
	client *clientv3.Client
}

// Close implements [cluster.Membership].
func (p part) Close(ctx context.Context) error {
	return errors.Join(p.Membership.Close(ctx), p.client.Close())
}
