package etcd

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rs/zerolog"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
)

// Usual values of [Options].
const (
	Prefix = "/bilikeeper"
	TTL    = 15 * time.Second
)

// Options are what a member is made of. The callbacks are called one after another, in
// the order of what they tell; they return soon, and may ask the member anything.
type Options struct {
	// Client is the way to etcd. It notices a dead connection by pings (its
	// DialKeepAliveTime), in less time than TTL. Close does not close it.
	Client *clientv3.Client
	// Prefix begins all keys; "" is [Prefix].
	Prefix string
	// Host is the name of this host, which no other has.
	Host, Version string
	// TTL is how long a host that cannot be reached keeps its accounts, in whole
	// seconds; 0 is [TTL]. etcd may grant more than very little.
	TTL time.Duration
	// Timing is how patient the decisions are; the zero value is [cluster.Usual].
	Timing cluster.Timing
	// Seal seals what only hosts may read and write. All hosts have the same, by
	// [NewSeal].
	Seal cipher.AEAD
	Log  zerolog.Logger

	// Gained and Lost tell which accounts this host has begun and ceased to own.
	// Owned has said so since before; whoever asks it needs neither.
	Gained, Lost func(accounts []string)
	// Yield asks to let go of an account. It returns false where something is under
	// way for it; where it returns true, nothing more is begun. It is not called in
	// the order of the others.
	Yield func(account string) bool
	// Sender tells that this host has begun, or ceased, to be the one that sends.
	Sender func(bool)
	// Lag is how far this host's copy of the records is behind, for the others to see.
	Lag func() time.Duration
}

// nameForm is what a host's name may be: it is part of keys, and people read it.
var nameForm = regexp.MustCompile(`^[\p{L}\p{M}\p{Nd}_][\p{L}\p{M}\p{Nd}._-]{0,127}$`)

// complete checks the options, and fills in what was left out.
func (o *Options) complete() error {
	switch {
	case o.Client == nil:
		return errors.New("a member of a cluster needs a client")
	case !nameForm.MatchString(o.Host):
		return fmt.Errorf("%q is no name of a host: letters, digits, dots and hyphens make one", o.Host)
	case o.TTL < 0 || o.TTL%time.Second != 0:
		return fmt.Errorf("a lease lasts whole seconds, not %v", o.TTL)
	case o.Seal == nil || o.Seal.NonceSize() < 24:
		return errors.New("a member of a cluster needs a key whose nonces can be drawn at random")
	}
	if o.Prefix = strings.TrimRight(o.Prefix, "/"); o.Prefix == "" {
		o.Prefix = Prefix
	}
	if o.TTL == 0 {
		o.TTL = TTL
	}
	if o.Timing == (cluster.Timing{}) {
		o.Timing = cluster.Usual()
	}
	if o.Gained == nil {
		o.Gained = func([]string) {}
	}
	if o.Lost == nil {
		o.Lost = func([]string) {}
	}
	if o.Yield == nil {
		o.Yield = func(string) bool { return true }
	}
	if o.Sender == nil {
		o.Sender = func(bool) {}
	}
	if o.Lag == nil {
		o.Lag = func() time.Duration { return 0 }
	}
	return nil
}

// patience is how long one request to etcd may take.
func (o *Options) patience() time.Duration { return max(o.TTL/3, time.Second) }
