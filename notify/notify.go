package notify

import (
	"context"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Message is one thing to tell people. Its text is already written; a channel
// only brings it into the shape that its service wants.
type Message struct {
	// ID stays the same on every try of the same message, over restarts too.
	ID string
	// Type is the event's type, "login.code" for example.
	Type    string
	Time    time.Time
	Account string
	Site    string
	Mid     int64
	Uname   string
	Title   string
	Text    string
	// Thread groups the messages of one incident. A later message of the same
	// thread and type takes the place of the one before it.
	Thread string
	// Login is set where the message brings a code.
	Login *Login
	// Position is the message's place in its Source.
	Position uint64

	// Group: messages of different accounts with the same non-empty Group may be
	// made into one. One with a Login never is.
	Group string
	// HoldUntil says that more messages of the same Group are likely before this
	// time; what the first of them says counts, half a minute at the most. Zero:
	// nothing is waited for.
	HoldUntil time.Time
	// Gather says how messages of the Group are gathered when they follow each
	// other. The zero value never waits for what may come.
	Gather Gather
	// Passing is true for a message that is worth nothing once a later one of the
	// same account and thread tells of the login.
	Passing bool
	// Silent is true for the end of a login that people need not be told of: it
	// makes the login's codes outdated and is sent to nobody.
	Silent bool
	// NeedsLogin is true where a login is what the message asks for: a channel that
	// can be written to offers a code with it.
	NeedsLogin bool
	// PageURL is the address of the login page, where a code comes whenever it is
	// opened, for a message that brings none; "" where there is no page.
	PageURL string
	// For names the only channel that the message is for, whichever types that one
	// wants. It is "" for all others.
	For string
	// About names the channel that the message tells of: it is not sent there. It
	// is "" for all others.
	About string
	// Members is what a message that stands for several says of each; it is empty
	// for a message about one account.
	Members []Member
}

// Gather is how messages of a Group are gathered: after so many of them within
// an hour, what follows a message waits for so long, and goes out as one. Before
// that, fewer than Least at a time go out each for itself.
type Gather struct {
	After, Least int
	For          time.Duration
}

// Member is one account of a message that stands for several.
type Member struct {
	Account, Site string
	Mid           int64
	Uname         string
	// PageURL is the address of the account's own login page or "".
	PageURL string
}

// Login is the code that a message brings.
type Login struct {
	ID  string
	URL secret.String
	// AppURL opens the code in the site's app on the same phone, empty where
	// there is no such address.
	AppURL secret.String
	// PNG is the picture of URL, PageURL the login page's address or "".
	PNG       []byte
	PageURL   string
	ExpiresAt time.Time
}

// Expired reports whether the message brings a code that no longer works.
func (m Message) Expired(now time.Time) bool {
	return m.Login != nil && !now.Before(m.Login.ExpiresAt)
}

// Handle is what a service calls a message that it took, in the words of its
// channel, which alone can read it. It is kept over restarts and is no secret.
type Handle string

// Receipt is what a service answered to a message that it took.
type Receipt struct {
	// Answer is a short, harmless text for people: a status, an id.
	Answer string
	// Handle is set where the channel can replace or retract the message.
	Handle Handle
}

// Channel brings a message to people. Send tries once; the pipeline decides
// about another try by the error, which should be a *SendError. Any other
// error counts as one that may be tried again.
type Channel interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Replacer is a Channel that can put a message in the place of an earlier one
// without a sound. Its receipt has the handle that holds from then on; an empty
// one means that the earlier handle still does. An error that makes no sense to
// try again has the message sent anew: the earlier one may be gone.
type Replacer interface {
	Replace(ctx context.Context, m Message, earlier Handle) (Receipt, error)
}

// Retractor is a Channel that can take an earlier message back. An error that
// makes no sense to try again ends the matter: the message may be gone already.
type Retractor interface {
	Retract(ctx context.Context, earlier Handle) error
}

// SendError says why a message did not arrive, and whether another try makes
// sense. Its text must be free of secrets: no URL with a query or a path, no
// token, no code.
type SendError struct {
	// Retry is false where the service will never take this message.
	Retry bool
	// After is how long the service asked to be left alone, 0 if it did not.
	After time.Duration
	Err   error
}

func (e *SendError) Error() string { return e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// The reasons of a message that was not sent, and of a try that was not made.
var (
	// ErrSuperseded is recorded for a message that was dropped because a newer
	// one took its place.
	ErrSuperseded = errors.New("a newer message took its place")
	// ErrExpired is recorded for a message whose code no longer works.
	ErrExpired = errors.New("its code has expired")
	// ErrNoChannel is the answer to a name that no channel bears.
	ErrNoChannel = errors.New("no such channel")
	// ErrBusy says that the send before this one has not come back.
	ErrBusy = errors.New("the send before this one has not come back")
	// ErrTimeout says that a channel did not answer in time.
	ErrTimeout = errors.New("no answer in time")
	// ErrPanicked says that a channel's own code failed.
	ErrPanicked = errors.New("the channel's code panicked")
)
