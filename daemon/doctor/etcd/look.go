// Package etcd looks at etcd for the doctor: by the way that the configuration names, as
// the user that it names. What is made of it is the doctor's matter. It is a package of
// its own so that a program which keeps accounts in a file alone does not link etcd's
// client.
//
// Guarantees: nothing is changed or made, neither in etcd nor here. It ends within some
// seconds. No error holds a password or a key.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	vaultetcd "github.com/bilikeeper/bilikeeper/vault/etcd"
)

const (
	// patience is how long a member has for all that it is asked, and then etcd for what
	// it is asked as a whole.
	patience = 5 * time.Second
	// brief is for what is asked beside.
	brief = 2 * time.Second
)

// Files are the names of what the keeper has in its state directory: this host's copy,
// and the key file.
type Files struct{ Copy, Key string }

// visit is one look at etcd.
type visit struct {
	store    config.Store
	tls      *tls.Config
	password secret.String
	options  vaultetcd.Options
}

// Look looks at etcd. Keys are what opens the vault beside its key file; nobody is asked.
func Look(ctx context.Context, s config.Store, p config.Places, files Files, keys vault.Keys) doctor.Store {
	v := visit{store: s}
	var err error
	if v.tls, err = s.TLS(p.ReadSecret); err != nil {
		return doctor.Store{Err: err}
	}
	if v.password, err = s.Password(p.ReadSecret); err != nil {
		return doctor.Store{Err: err}
	}
	v.options = vaultetcd.Options{
		Endpoints: s.Endpoints, Prefix: s.Prefix,
		Copy: filepath.Join(p.StateDir, files.Copy), KeyFile: filepath.Join(p.StateDir, files.Key), Keys: keys,
	}
	var found doctor.Store
	if v.tls != nil && len(v.tls.Certificates) > 0 && v.tls.Certificates[0].Leaf != nil {
		found.Own = &doctor.Certificate{Ends: v.tls.Certificates[0].Leaf.NotAfter}
	}
	found.Members = v.members(ctx)
	var there []string
	for _, m := range found.Members {
		if m.Err == nil {
			there = append(there, m.Endpoint)
		}
	}
	if len(there) > 0 {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		v.whole(ctx, there, &found)
	}
	return found
}

// members asks each member, all at the same time.
func (v visit) members(ctx context.Context) []doctor.Member {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list := make([]doctor.Member, len(v.store.Endpoints))
	var all sync.WaitGroup
	for i, endpoint := range v.store.Endpoints {
		all.Go(func() { list[i] = v.member(ctx, endpoint) })
	}
	all.Wait()
	return list
}

// client speaks to some members, as the user that is configured or as nobody.
func (v visit) client(ctx context.Context, endpoints []string, named bool) (*clientv3.Client, error) {
	c := clientv3.Config{Context: ctx, Endpoints: endpoints, TLS: v.tls, DialTimeout: patience, Logger: zap.NewNop()}
	if named {
		c.Username, c.Password = v.store.User, v.password.Reveal()
	}
	return clientv3.New(c)
}

// whole asks what all members answer alike.
func (v visit) whole(ctx context.Context, endpoints []string, found *doctor.Store) {
	found.Open = v.open(ctx, endpoints)
	c, err := v.client(ctx, endpoints, true)
	if err != nil {
		found.Access, found.AccessErr = accessOf(err, doctor.AccessUnknown)
		return
	}
	defer func() { _ = c.Close() }()
	if list, err := c.MemberList(ctx); err == nil {
		for _, m := range list.Members {
			if len(m.ClientURLs) > 0 {
				found.Clients = append(found.Clients, m.ClientURLs[0])
			}
		}
	}
	found.Access, found.AccessErr = v.access(ctx, c)
	if found.Access != doctor.AccessFull && found.Access != doctor.AccessReads {
		return
	}
	slot, err := vaultetcd.Openable(ctx, c, v.options)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		found.Empty = true
	case err != nil:
		found.KeyErr = err
	default:
		found.Slot = slot.String()
	}
}

// access finds out what may be done below the prefix. etcd looks whether all of a
// transaction is allowed before it looks what of it is to be done, so one whose condition
// never holds tells it and changes nothing.
func (v visit) access(ctx context.Context, c *clientv3.Client) (doctor.Access, error) {
	below := v.store.Prefix + "/"
	if _, err := c.Get(ctx, below, clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly()); err != nil {
		return accessOf(err, doctor.AccessNone)
	}
	_, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(below), "<", 0)).
		Then(clientv3.OpPut(below, ""), clientv3.OpDelete(below+"\x00", clientv3.WithRange(clientv3.GetPrefixRangeEnd(below)))).Commit()
	if err != nil {
		return accessOf(err, doctor.AccessReads)
	}
	return doctor.AccessFull, nil
}

// accessOf reads an error; denied is what is left where something is not allowed.
func accessOf(err error, denied doctor.Access) (doctor.Access, error) {
	switch {
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return denied, err
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return doctor.AccessRefused, err
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return doctor.AccessNameless, err
	}
	return doctor.AccessUnknown, err
}

// open reports whether etcd lets in who shows neither a certificate nor a name.
func (v visit) open(ctx context.Context, endpoints []string) bool {
	ctx, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	stranger := v
	if v.tls != nil {
		stranger.tls = v.tls.Clone()
		stranger.tls.Certificates, stranger.tls.GetClientCertificate = nil, nil
	}
	c, err := stranger.client(ctx, endpoints, false)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_, err = c.Get(ctx, v.store.Prefix+"/", clientv3.WithKeysOnly())
	return err == nil
}

// address is where an endpoint is.
func address(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return endpoint
}
