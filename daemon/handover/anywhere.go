package handover

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// Operations are those that only an account's owner may carry out. Who may ask for them
// is decided by who calls them.
type Operations struct{ keeper *keeper.Keeper }

// Anywhere returns the operations of a keeper, of which it has other hosts carry out what
// is theirs.
func Anywhere(k *keeper.Keeper) Operations { return Operations{k} }

// Check is [keeper.Accounts.Check] by the owner.
func (o Operations) Check(ctx context.Context, name string, force bool) (client.CheckResult, error) {
	return byOwner(ctx, o, of(http.MethodPost, accountPath(name)+"/check", name, client.CheckRequest{Force: force}), func() (client.CheckResult, error) {
		return o.keeper.Accounts().Check(ctx, name, force)
	})
}

// Refresh is [keeper.Accounts.Refresh] by the owner.
func (o Operations) Refresh(ctx context.Context, name string, force bool) (client.RefreshResult, error) {
	return byOwner(ctx, o, of(http.MethodPost, accountPath(name)+"/refresh", name, client.CheckRequest{Force: force}), func() (client.RefreshResult, error) {
		return o.keeper.Accounts().Refresh(ctx, name, force)
	})
}

// Patch is [keeper.Accounts.Patch] by the owner.
func (o Operations) Patch(ctx context.Context, name string, patch client.AccountPatch) (client.Account, error) {
	return byOwner(ctx, o, of(http.MethodPatch, accountPath(name), name, patch), func() (client.Account, error) {
		return o.keeper.Accounts().Patch(ctx, name, patch)
	})
}

// Start is [keeper.Logins.Start] by the owner.
func (o Operations) Start(ctx context.Context, req client.LoginRequest) (client.Login, error) {
	return byOwner(ctx, o, of(http.MethodPost, "/v1/logins", req.Account, req), func() (client.Login, error) {
		return o.keeper.Logins().Start(ctx, req)
	})
}

// StartSingle is [keeper.Logins.StartSingle] by the owner.
func (o Operations) StartSingle(ctx context.Context, req client.LoginRequest) (client.Login, error) {
	r := of(http.MethodPost, "/v1/logins", req.Account, req)
	r.Single = true
	return byOwner(ctx, o, r, func() (client.Login, error) { return o.keeper.Logins().StartSingle(ctx, req) })
}

// Cancel is [keeper.Logins.Cancel] by the owner.
func (o Operations) Cancel(ctx context.Context, id string) error {
	_, err := ofLogin(ctx, o, http.MethodDelete, id, "", struct{}{}, func() (struct{}, error) { return struct{}{}, o.keeper.Logins().Cancel(ctx, id) })
	return err
}

// Captcha is [keeper.Logins.Captcha] by the owner.
func (o Operations) Captcha(ctx context.Context, id string) (client.Captcha, error) {
	return ofLogin(ctx, o, http.MethodPost, id, client.StepCaptcha, struct{}{}, func() (client.Captcha, error) { return o.keeper.Logins().Captcha(ctx, id) })
}

// SendSMS is [keeper.Logins.SendSMS] by the owner.
func (o Operations) SendSMS(ctx context.Context, id string, s client.SMSSend) (client.Login, error) {
	return ofLogin(ctx, o, http.MethodPost, id, client.StepSend, s, func() (client.Login, error) { return o.keeper.Logins().SendSMS(ctx, id, s) })
}

// SubmitSMS is [keeper.Logins.SubmitSMS] by the owner.
func (o Operations) SubmitSMS(ctx context.Context, id string, c client.SMSCode) (client.Login, error) {
	return ofLogin(ctx, o, http.MethodPost, id, client.StepCode, c, func() (client.Login, error) { return o.keeper.Logins().SubmitSMS(ctx, id, c) })
}

func accountPath(name string) string { return "/v1/accounts/" + url.PathEscape(name) }

// unsent is a request whose body has yet to be written.
type unsent struct {
	Request
	body any
}

func of(method, target, account string, body any) unsent {
	return unsent{Request{Method: method, Target: target, Kind: "application/json", Account: account, May: socket.Verbs()}, body}
}

// ofLogin is byOwner for a login in progress, of whatever account it is.
func ofLogin[T any](ctx context.Context, o Operations, method, id, step string, body any, here func() (T, error)) (T, error) {
	if o.keeper.Shared().Alone() {
		return here()
	}
	l, err := o.keeper.Logins().Get(id)
	if err != nil {
		var none T
		return none, err
	}
	target := "/v1/logins/" + url.PathEscape(id)
	if step != "" {
		target += "/" + step
	}
	return byOwner(ctx, o, of(method, target, l.Account, body), here)
}

// byOwner does something here, or has the request carried out by the host that looks
// after the account.
func byOwner[T any](ctx context.Context, o Operations, r unsent, here func() (T, error)) (got T, err error) {
	hosts := o.keeper.Shared()
	if hosts.Alone() {
		return here()
	}
	if r.Body, err = json.Marshal(r.body); err != nil {
		return got, err
	}
	err = ByOwner(ctx, hosts, r.Account, func() (err error) {
		got, err = here()
		return err
	}, func(host string) error {
		answer, err := r.Ask(ctx, hosts, host)
		if err == nil && len(answer.Body) > 0 {
			err = json.Unmarshal(answer.Body, &got)
		}
		return err
	})
	return got, err
}
