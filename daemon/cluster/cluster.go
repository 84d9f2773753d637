package cluster

import (
	"context"
	"errors"
	"time"
)

// Errors of [Membership.Ask]. An [AskError] says whether the request may have been
// carried out.
var (
	// ErrUnknownHost says that no host of that name lives.
	ErrUnknownHost = errors.New("no host of that name is there")
	// ErrHostGone says that the host went while it was asked.
	ErrHostGone = errors.New("the host has gone away")
	// ErrUnavailable says that this host has no part in the cluster at the moment.
	ErrUnavailable = errors.New("the cluster is away")
	// ErrTooLarge says that a request or an answer is larger than the cluster carries.
	ErrTooLarge = errors.New("larger than the cluster carries")
	// ErrRefused says that the host answered with an error; the text is the host's.
	ErrRefused = errors.New("the host answered")
	// ErrNameTaken says that another process is this host by its name.
	ErrNameTaken = errors.New("another keeper uses this host's name")
	// ErrNameHeld says of such a process that it lives: it was seen to renew its lease.
	ErrNameHeld = errors.New("it runs now")
)

// AskError is why a request to another host has no answer.
type AskError struct {
	Host string
	// Begun is true where the host may have carried out the request, or part of it.
	Begun bool
	Err   error
}

func (e *AskError) Error() string {
	text := "host " + e.Host + ": " + e.Err.Error()
	if e.Begun {
		text += " (the request may have been carried out)"
	}
	return text
}

func (e *AskError) Unwrap() error { return e.Err }

// Host is one of the hosts that live, as it describes itself.
type Host struct {
	Name, Version string
	// Since is when the host joined, by its own clock.
	Since time.Time
	// Lag is how far its copy of the records is behind.
	Lag time.Duration
	// Accounts is how many accounts it owns.
	Accounts int
	// Self is true for the host that is asked, Sender for the one that sends messages.
	Self, Sender bool
}

// Membership is a host's part in the cluster. Its answers come from memory.
type Membership interface {
	// Owned reports whether this host looks after the account at this moment: the
	// account's owner key is its own, and its lease has not run out.
	Owned(account string) bool
	// Fence names the key that makes this host the account's owner, and the
	// revision that created it: every write of the account compares it. Where the
	// account is another's, owned is false and the revision one that no key has. ""
	// stands for what the sender of messages alone writes.
	Fence(account string) (ownerKey string, createRevision int64, owned bool)
	// LeaseLeft is for how long this host may go on with what it owns, should it not
	// hear from the cluster again. What spends is not begun with less than it may take.
	LeaseLeft() time.Duration
	// Owner names the host that owns an account, "" while nobody does.
	Owner(account string) string
	// SetAccounts says which accounts there are.
	SetAccounts(names []string)
	// Sends reports whether this host is the one that sends messages.
	Sends() bool
	// Hosts are those that live, by name.
	Hosts() []Host
	// Trouble is why this host has no part in the cluster at the moment, nil where it
	// has: it owns nothing then.
	Trouble() error
	// Ask has another host carry out a request, and returns its answer.
	Ask(ctx context.Context, host string, request []byte) ([]byte, error)
	// Close leaves the cluster: what this host owned is free at once.
	Close(ctx context.Context) error
}

// Alone is the membership of a keeper that shares its accounts with nobody: it owns
// them all, for ever.
type Alone struct{ self Host }

// NewAlone makes the membership of a host that is alone.
func NewAlone(name, version string, since time.Time) *Alone {
	return &Alone{Host{Name: name, Version: version, Since: since, Self: true, Sender: true}}
}

// Owned implements [Membership].
func (*Alone) Owned(string) bool { return true }

// Fence implements [Membership]. There is no key, and nothing to compare.
func (*Alone) Fence(string) (ownerKey string, createRevision int64, owned bool) { return "", 0, true }

// LeaseLeft implements [Membership].
func (*Alone) LeaseLeft() time.Duration { return Never }

// Owner implements [Membership].
func (a *Alone) Owner(string) string { return a.self.Name }

// SetAccounts implements [Membership].
func (*Alone) SetAccounts([]string) {}

// Sends implements [Membership].
func (*Alone) Sends() bool { return true }

// Hosts implements [Membership].
func (a *Alone) Hosts() []Host { return []Host{a.self} }

// Trouble implements [Membership].
func (*Alone) Trouble() error { return nil }

// Ask implements [Membership]: there is nobody to ask.
func (*Alone) Ask(_ context.Context, host string, _ []byte) ([]byte, error) {
	return nil, &AskError{Host: host, Err: ErrUnknownHost}
}

// Close implements [Membership].
func (*Alone) Close(context.Context) error { return nil }
