// Package etcdvault opens the vault in etcd that a configuration names, and gets the
// keeper its part among those that share it. It is a package of its own so that a program
// which keeps accounts in a file alone does not link etcd's client.
//
// Guarantee: a password or a key that the configuration names is in no error.
package etcdvault

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// Open opens the vault, and makes it where there is none.
func Open(o parts.Opening) (vault.Vault, error) {
	with, err := options(o)
	if err != nil {
		return nil, fmt.Errorf("%w: store: %w", parts.ErrConfiguration, err)
	}
	if o.Alone {
		if err := alone(with); err != nil {
			return nil, err
		}
	}
	if o.Host != nil {
		with.Fence = fence(o.Host)
		o.Host.Joins(func(v vault.Vault) (*parts.Part, error) { return join(o, with, v) })
	}
	v, err := etcd.Open(with)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func options(o parts.Opening) (etcd.Options, error) {
	secure, err := o.Store.TLS(o.Places.ReadSecret)
	if err != nil {
		return etcd.Options{}, err
	}
	password, err := o.Store.Password(o.Places.ReadSecret)
	if err != nil {
		return etcd.Options{}, err
	}
	return etcd.Options{
		Endpoints: o.Store.Endpoints, Prefix: o.Store.Prefix, TLS: secure, Username: o.Store.User, Password: password,
		Reread: func() (secret.String, error) { return o.Store.Password(o.Places.ReadSecret) },
		Copy:   filepath.Join(o.Places.StateDir, parts.CopyFile), KeyFile: filepath.Join(o.Places.StateDir, parts.KeyFile),
		Keys: o.Keys, Existing: o.Existing, Seed: o.Seed, JournalAge: o.JournalAge(), Lost: o.Lost,
		Clear: clear, Local: store.Local, Refused: o.Refused, Socket: o.Places.Socket,
	}, nil
}

// clear are the kinds of which etcd may see the keys: names of accounts.
func clear(kind string) bool { return kind == store.KindAccount }

// asked is how long etcd has for an answer.
const asked = 5 * time.Second

// alone refuses a vault that other hosts use: each that lives has a key there.
func alone(o etcd.Options) error {
	c, err := o.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), asked)
	defer cancel()
	hosts, err := c.Get(ctx, path.Join(o.Prefix, "hosts")+"/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return fmt.Errorf("reach etcd: %w: %w", vault.ErrUnavailable, err)
	}
	for _, kv := range hosts.Kvs {
		return fmt.Errorf("%w: %s", parts.ErrShared, path.Base(string(kv.Key)))
	}
	return nil
}
