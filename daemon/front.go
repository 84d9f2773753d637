package daemon

import (
	"context"
	"errors"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
)

// front is the keeper as the control API and the login page call it.
type front struct {
	keeper.Accounts
	keeper *keeper.Keeper
}

func newFront(k *keeper.Keeper) front { return front{k.Accounts(), k} }

func (f front) Account(name string) (client.Account, error) { return f.Accounts.Get(name) }

func (f front) Credential(name string, q control.CredentialQuery) (control.Credential, error) {
	c, err := f.keeper.Credentials().Get(name, q.Stale)
	if err != nil {
		return control.Credential{}, err
	}
	out, err := output.Render(q.Format, engine.FromKeeper(c), output.Options{WithRefreshToken: q.WithRefreshToken})
	if wrong, ok := errors.AsType[*output.Error](err); ok {
		return control.Credential{}, account.BadRequest("%s", wrong)
	}
	return control.Credential{Body: out.Body, ContentType: out.ContentType, Generation: c.Generation}, err
}

func (f front) Read(_ context.Context, r control.Reading) error {
	return f.keeper.Credentials().NoteRead(readingOf(r))
}

func (f front) Refused(_ context.Context, r control.Reading) {
	f.keeper.Credentials().NoteRefused(readingOf(r))
}

func readingOf(r control.Reading) audit.Reading {
	return audit.Reading{Account: r.Account, Tag: r.Tag, Format: r.Format, Generation: r.Generation,
		WithRefreshToken: r.WithRefreshToken, By: r.By, User: r.User, Verb: r.Verb}
}

func (f front) StartLogin(ctx context.Context, r client.LoginRequest) (client.Login, error) {
	return f.keeper.Logins().Start(ctx, r)
}
func (f front) Login(id string) (client.Login, error) { return f.keeper.Logins().Get(id) }
func (f front) CancelLogin(ctx context.Context, id string) error {
	return f.keeper.Logins().Cancel(ctx, id)
}
func (f front) Captcha(ctx context.Context, id string) (client.Captcha, error) {
	return f.keeper.Logins().Captcha(ctx, id)
}
func (f front) SendSMS(ctx context.Context, id string, s client.SMSSend) (client.Login, error) {
	return f.keeper.Logins().SendSMS(ctx, id, s)
}
func (f front) SubmitSMS(ctx context.Context, id string, c client.SMSCode) (client.Login, error) {
	return f.keeper.Logins().SubmitSMS(ctx, id, c)
}
func (f front) Subjects(name string) []string { return f.keeper.Logins().Subjects(name) }
func (f front) Events(after uint64, limit int) ([]client.Event, error) {
	return f.keeper.Store().Events(after, limit)
}
func (f front) Changed() <-chan struct{}             { return f.keeper.Store().Changed() }
func (f front) Newest() uint64                       { return f.keeper.Store().Newest() }
func (f front) VaultInfo() (client.VaultInfo, error) { return f.keeper.Vault().Info() }
func (f front) VerifyVault(ctx context.Context) (client.VaultCheck, error) {
	return f.keeper.Vault().Verify(ctx)
}
func (f front) BackupVault(ctx context.Context) (control.Backup, error) {
	b, err := f.keeper.Vault().Backup(ctx)
	return control.Backup(b), err
}
func (f front) AddSlot(ctx context.Context, r client.VaultSlotRequest) (client.VaultSlotAdded, error) {
	return f.keeper.Vault().AddSlot(ctx, r)
}
func (f front) RemoveSlot(ctx context.Context, id, relyOn string) error {
	return f.keeper.Vault().RemoveSlot(ctx, id, relyOn)
}
func (f front) Messages(ctx context.Context, after uint64, limit int, mayLogin func(string) bool) (client.MessageList, error) {
	return alert.NewReader(f.keeper).Read(ctx, after, limit, mayLogin)
}

// channels and outputs are those that run now.
type channels struct{ *runner[*alert.Channels] }

func (c channels) Channels() []client.Channel { return c.current().Status() }
func (c channels) TestChannel(ctx context.Context, name string) (client.ChannelTest, error) {
	return c.current().Test(ctx, name)
}

type outputs struct{ *runner[*engine.Outputs] }

func (o outputs) Outputs() []client.Output { return o.current().Status() }
func (o outputs) RunOutput(ctx context.Context, name string) (client.Output, error) {
	return o.current().RunNow(ctx, name)
}
