package control

import (
	"context"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// The keeper's parts, as this package calls them. Their errors are
// *client.Problem; any other counts as an internal failure. What they return
// belongs to the caller.

// Accounts tells of the accounts and forgets them.
type Accounts interface {
	Status() client.Status
	Get(name string) (client.Account, error)
	Patch(ctx context.Context, name string, p client.AccountPatch) (client.Account, error)
	Forget(ctx context.Context, name string) error
}

// Checker asks the site.
type Checker interface {
	Check(ctx context.Context, name string, force bool) (client.CheckResult, error)
}

// Refresher rotates a credential.
type Refresher interface {
	Refresh(ctx context.Context, name string, force bool) (client.RefreshResult, error)
}

// Mover takes logins over from other tools, and ends them at the site.
type Mover interface {
	Import(ctx context.Context, r client.ImportRequest) (client.ImportResult, error)
	Logout(ctx context.Context, name string) (client.LogoutResult, error)
}

// Credentials hands out credentials and records who got them, and who did not.
type Credentials interface {
	// Get returns a credential; one that is known to be dead only where stale.
	Get(name string, stale bool) (keeper.Credential, error)
	// NoteRead records a reading. It is called before the bytes go out, and they
	// do not when it fails.
	NoteRead(r audit.Reading) error
	// NoteRefused records a refusal. The account may be one that does not exist.
	NoteRefused(r audit.Reading)
}

// Logins runs logins.
type Logins interface {
	Start(ctx context.Context, r client.LoginRequest) (client.Login, error)
	Cancel(ctx context.Context, id string) error
	LoginReader
}

// LoginReader tells of logins.
type LoginReader interface {
	Get(id string) (client.Login, error)
	// Await returns a login once it has another revision than one, and what there
	// is of it when ctx ends.
	Await(ctx context.Context, id string, revision uint64) (client.Login, error)
}

// SMS carries the dialogue of a login by SMS.
type SMS interface {
	Captcha(ctx context.Context, id string) (client.Captcha, error)
	SendSMS(ctx context.Context, id string, s client.SMSSend) (client.Login, error)
	SubmitSMS(ctx context.Context, id string, c client.SMSCode) (client.Login, error)
}

// Journal is the ring of events.
type Journal interface {
	// Events returns up to limit entries after an id, in order; the problem
	// fell-out where entries right after it have left the ring.
	Events(after uint64, limit int) ([]client.Event, error)
	// Changed is closed when the next entry is there.
	Changed() <-chan struct{}
	JournalEnds
}

// JournalEnds are the ids of the journal's first and last entry: where there is
// none, Oldest is one more than Newest.
type JournalEnds interface {
	Oldest() uint64
	Newest() uint64
}

// Channels tells of the notification channels and tries them.
type Channels interface {
	Channels() []client.Channel
	TestChannel(ctx context.Context, name string) (client.ChannelTest, error)
}

// Outputs tells of the outputs and writes them.
type Outputs interface {
	Outputs() []client.Output
	RunOutput(ctx context.Context, name string) (client.Output, error)
}

// Reloader reads the configuration again.
type Reloader interface {
	Reload(ctx context.Context) (client.Reloaded, error)
}
