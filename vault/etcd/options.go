package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/handshake"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// What Options mean where they say nothing.
const (
	defaultPrefix     = "/bilikeeper"
	defaultJournalMax = 10_000
	defaultJournalAge = 90 * 24 * time.Hour
	defaultKeyName    = "vault.key"
)

// Options say where the vault is and how it is opened.
type Options struct {
	// Endpoints are the members of the etcd cluster, and Prefix is where its keys begin,
	// "" for /bilikeeper.
	Endpoints []string
	Prefix    string
	// TLS is nil where the way is not encrypted. A certificate has to name the host as the
	// endpoint does; a ServerName is not heeded. Username and Password are empty where
	// etcd asks for none.
	TLS *tls.Config
	// Reread is the password as it is now, nil where it never changes.
	Username string
	Password secret.String
	Reread   func() (secret.String, error)
	// Copy is the file of this host's own: the copy of everything, and the records of
	// local kinds. Its directory is made, private, where it is missing.
	Copy string
	// KeyFile opens the vault; it is made together with a new vault. "" means vault.key
	// beside the copy. Keys are the other ways to open it.
	KeyFile string
	Keys    vault.Keys
	// Existing refuses to make a new vault, with ErrNotFound.
	Existing bool
	// Seed is what a new vault is begun with, in the place of a new data key and key
	// file. Nil means those.
	Seed *vault.Seed
	// JournalMax and JournalAge say when the journal's oldest entries go; 0
	// means 10,000 entries and 90 days.
	JournalMax int
	JournalAge time.Duration
	// Lost is the value of the entry that takes the place of one in the journal that
	// is damaged. Where it is nil, reading it is an error.
	Lost []byte
	// Clear tells of which kinds etcd may see the keys. Of all others it sees a keyed
	// digest. Nil means none.
	Clear func(kind string) bool
	// Local tells which kinds stay on this host, in the copy's file alone. Nil means none.
	Local func(kind string) bool
	// Fence returns for a record that only its owner may write the key in etcd (all of
	// it) that says who that is, and the create revision under which this host is; 0
	// where it is not. Nil means that all hosts may write everything.
	Fence func(kind, key string) (ownerKey string, createRevision int64, guarded bool)
	// Refused is told in a sentence of each change in etcd that is not taken over,
	// because it was not made by who has the data key. It waits for nothing.
	Refused func(text string)
	// Socket is where the holder of the copy can be reached; others are told.
	Socket string
}

func (o Options) complete() (Options, error) {
	if len(o.Endpoints) == 0 || o.Copy == "" {
		return o, fault.New("open", "", errors.New("no endpoint, or no file for the copy, is given"))
	}
	o.Prefix = path.Clean("/" + o.Prefix)
	if o.Prefix == "/" {
		o.Prefix = defaultPrefix
	}
	var err error
	if o.Copy, err = filepath.Abs(o.Copy); err != nil {
		return o, fault.Disk("open", o.Copy, err)
	}
	o.Keys.Dir = filepath.Dir(o.Copy)
	if o.KeyFile == "" {
		o.KeyFile = filepath.Join(o.Keys.Dir, defaultKeyName)
	}
	if o.KeyFile, err = filepath.Abs(o.KeyFile); err != nil {
		return o, fault.Disk("open", o.KeyFile, err)
	}
	if o.JournalMax <= 0 {
		o.JournalMax = defaultJournalMax
	}
	if o.JournalAge <= 0 {
		o.JournalAge = defaultJournalAge
	}
	if o.Clear == nil {
		o.Clear = func(string) bool { return false }
	}
	if o.Local == nil {
		o.Local = func(string) bool { return false }
	}
	if o.Fence == nil {
		o.Fence = func(string, string) (string, int64, bool) { return "", 0, false }
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	return o, nil
}

// place names the vault for people.
func (o Options) place() string { return "etcd " + strings.Join(o.Endpoints, ",") + o.Prefix }

// prepare looks whether the copy's directory is private.
func (o Options) prepare() error {
	dir := filepath.Dir(o.Copy)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fault.Disk("open", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fault.Disk("open", dir, err)
	}
	if err := keys.CheckPrivate("open", dir, dir, info); err != nil {
		return err
	}
	if filepath.Dir(o.KeyFile) != dir {
		return keys.CheckDir(dir, o.KeyFile)
	}
	return nil
}

const (
	// aliveEvery and aliveWithin bound how long a connection that is dead is taken for
	// one that lives. Servers refuse to be asked more often.
	aliveEvery  = 10 * time.Second
	aliveWithin = 3 * time.Second
	// asked is how long a request may take.
	asked = 5 * time.Second
	// connectPause is the longest that a connection that could not be made waits to be
	// tried again.
	connectPause = 2 * time.Second
	// mostSent is more than any server takes by default.
	mostSent = 32 << 20
)

// tryEach says of each endpoint why no connection can be made to it, nil where one can:
// the client tries again without a word.
func (o Options) tryEach(ctx context.Context) error {
	var all []error
	for _, endpoint := range o.Endpoints {
		address := endpoint
		if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
			address = u.Host
		}
		if _, err := handshake.Try(ctx, address, o.TLS); err != nil {
			all = append(all, fmt.Errorf("%s: %w", address, err))
		}
	}
	return errors.Join(all...)
}

// Connect makes a client that reaches etcd as the vault does. It waits for nobody: the
// password is shown when etcd asks for it.
func (o Options) Connect() (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password.Reveal(),
		DialTimeout: asked, DialKeepAliveTime: aliveEvery, DialKeepAliveTimeout: aliveWithin, PermitWithoutStream: true,
		MaxCallSendMsgSize: mostSent, MaxCallRecvMsgSize: math.MaxInt32,
		Logger: zap.NewNop(), DialOptions: []grpc.DialOption{
			grpc.WithStatsHandler(sentHandler{}), grpc.WithChainUnaryInterceptor(o.show()),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: connectPause},
				MinConnectTimeout: asked,
			}),
		},
	})
	if err != nil {
		return nil, answer("open", o.place(), err)
	}
	return c, nil
}

// show keeps the first showing of the password from leaving, which is the one that a
// client is made with, and would wait for etcd. The client then has no token, as when it
// has run out, and shows the password with the first request. What it shows later is the
// password as it is then.
//
// Who shows a certificate and no token is to etcd the user of the certificate's name, and
// told that this one may not; the client would leave it at that.
func (o Options) show() grpc.UnaryClientInterceptor {
	var shown, known atomic.Bool
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if token, ok := reply.(*etcdserverpb.AuthenticateResponse); ok {
			if !shown.Swap(true) {
				return nil
			}
			err := o.authenticate(ctx, token)
			known.Store(known.Load() || err == nil)
			return err
		}
		err := invoke(ctx, method, req, reply, cc, opts...)
		if o.Username != "" && !known.Load() && errors.Is(rpctypes.Error(err), rpctypes.ErrPermissionDenied) {
			return rpctypes.ErrGRPCUserEmpty // for which it shows the password
		}
		return err
	}
}

// authenticate shows the password, over a connection without a token: there are servers
// (of 3.4) that look at one that has run out first, also where another is asked for, so
// that a client whose token etcd has forgotten would never get one again.
func (o Options) authenticate(ctx context.Context, token *etcdserverpb.AuthenticateResponse) error {
	password := o.Password
	if o.Reread != nil {
		if now, err := o.Reread(); err == nil { // else it may be the one that is known
			password = now
		}
	}
	c, err := clientv3.New(clientv3.Config{Context: ctx, Endpoints: o.Endpoints, TLS: o.TLS, DialTimeout: asked, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	answered, err := c.Authenticate(ctx, o.Username, password.Reveal())
	if err == nil {
		token.Header, token.Token = answered.Header, answered.Token
	}
	return err
}
