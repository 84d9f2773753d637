package daemon

import (
	"context"
	"sync/atomic"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
)

// pageKeeper is the keeper as the login page calls it.
type pageKeeper struct {
	keeper.Logins
	keeper *keeper.Keeper
}

func (p pageKeeper) Account(name string) (client.Account, error) {
	return p.keeper.Accounts().Get(name)
}
func (p pageKeeper) Changed() <-chan struct{}              { return p.keeper.Store().Changed() }
func (p pageKeeper) Login(id string) (client.Login, error) { return p.Get(id) }
func (p pageKeeper) CancelLogin(ctx context.Context, id string) error {
	return p.Cancel(ctx, id)
}
func (p pageKeeper) StartLogin(ctx context.Context, r client.LoginRequest) (client.Login, error) {
	return p.Start(ctx, r)
}

// reporting is the accounts with what the daemon adds to their status.
type reporting struct {
	keeper.Accounts
	waiting *atomic.Pointer[[]string]
}

func (r reporting) Status() client.Status {
	s := r.Accounts.Status()
	if keys := r.waiting.Load(); keys != nil {
		s.Daemon.NeedsRestart = *keys
	}
	return s
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
