package control

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// The keeper's parts, as this package calls them. Their errors are
// *client.Problem; any other counts as an internal failure. What they return
// belongs to the caller.

// Accounts tells of the accounts and forgets them.
type Accounts interface {
	Status() client.Status
	Account(name string) (client.Account, error)
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

// CredentialQuery says in which shape a credential is wanted.
type CredentialQuery struct {
	Format                  string
	WithRefreshToken, Stale bool
}

// Credential is a secret, ready to be sent.
type Credential struct {
	Body        []byte
	ContentType string
	Generation  uint64
}

// Format implements [fmt.Formatter], so that no verb prints Body.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credential of generation "+strconv.FormatUint(c.Generation, 10)+" [redacted]")
}

// Reading is a credential on its way out, or a refusal to let it go.
type Reading struct {
	// Account is "" where one of several was refused; Tag is "" where one was
	// asked for by name.
	Account, Tag     string
	Format           string
	Generation       uint64
	WithRefreshToken bool
	By               socket.Peer
	// User is By's name, or its number.
	User string
	// Verb is what was lacking, of a refusal.
	Verb string
}

// Credentials hands out credentials and records who got them, and who did not.
type Credentials interface {
	Credential(name string, q CredentialQuery) (Credential, error)
	// Read records a reading. It is called before the bytes go out, and they
	// do not when it fails.
	Read(ctx context.Context, r Reading) error
	// Refused records a refusal. The account may be one that does not exist.
	Refused(ctx context.Context, r Reading)
}

// Logins runs logins.
type Logins interface {
	StartLogin(ctx context.Context, r client.LoginRequest) (client.Login, error)
	Login(id string) (client.Login, error)
	CancelLogin(ctx context.Context, id string) error
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
