package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

func accountPath(name, rest string) string { return "/v1/accounts/" + url.PathEscape(name) + rest }
func loginPath(id, rest string) string     { return "/v1/logins/" + url.PathEscape(id) + rest }

// Health asks whether the keeper answers. Everyone who can connect may ask.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return call[Health](ctx, c, request{method: http.MethodGet, path: "/v1/healthz"})
}

// Readiness tells which parts of the keeper work; part names one, "" is all. That
// one does not work is no error. Problems: [ProblemNotFound] where there is no
// such part.
func (c *Client) Readiness(ctx context.Context, part string) (Readiness, error) {
	path := "/v1/readyz"
	if part != "" {
		path += "/" + url.PathEscape(part)
	}
	return call[Readiness](ctx, c, request{method: http.MethodGet, path: path, also: http.StatusServiceUnavailable})
}

// Status tells what the keeper knows, without asking the site. It lists the
// accounts that the caller may see; [ProblemNotPermitted] means none at all.
func (c *Client) Status(ctx context.Context) (Status, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/v1/status"})
	if err != nil {
		return Status{}, err
	}
	defer resp.Body.Close()
	return readStatus(ctx, resp.Body)
}

// StatusOf is Status with the one account that is named. Problems: [ProblemNoAccount];
// [ProblemBadRequest] by a keeper of a version that tells of all alone.
func (c *Client) StatusOf(ctx context.Context, name string) (Status, error) {
	return call[Status](ctx, c, request{method: http.MethodGet, path: "/v1/status", query: url.Values{"account": {name}}})
}

// Accounts lists the accounts that the caller may see, by name.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	list, err := call[AccountList](ctx, c, request{method: http.MethodGet, path: "/v1/accounts"})
	return list.Accounts, err
}

// Account tells what the keeper knows of one account. Problems:
// [ProblemNoAccount].
func (c *Client) Account(ctx context.Context, name string) (Account, error) {
	return call[Account](ctx, c, request{method: http.MethodGet, path: accountPath(name, "")})
}

// Patch changes what is kept of an account's settings; fields that are nil stay as
// they are. It is on disk and in force when the call returns. Problems:
// [ProblemNoAccount], [ProblemBadRequest], [ProblemConfigured] where the
// configuration file says what one of them is, [ProblemStorage].
func (c *Client) Patch(ctx context.Context, name string, patch AccountPatch) (Account, error) {
	return call[Account](ctx, c, request{method: http.MethodPatch, path: accountPath(name, ""), body: patch})
}

// Forget removes an account here and leaves its session at the site alone. It
// is on disk when the call returns. Problems: [ProblemNoAccount],
// [ProblemStorage].
func (c *Client) Forget(ctx context.Context, name string) error {
	return c.order(ctx, request{method: http.MethodDelete, path: accountPath(name, "")})
}

// Check asks the site and returns when it is done. Without force nothing is
// sent while the site is to be left alone, and Asked is false. An unreachable
// or blocking site is an Outcome, not an error. Problems: [ProblemNoAccount],
// [ProblemNeedsLogin] where there is nothing to check, [ProblemBusy].
func (c *Client) Check(ctx context.Context, name string, force bool) (CheckResult, error) {
	return call[CheckResult](ctx, c, request{method: http.MethodPost, path: accountPath(name, "/check"),
		body: CheckRequest{Force: force}})
}

// Refresh rotates the credential if the site says that it is due, or with force
// in any case, and answers when that is done. Callers at the same time share
// one rotation. Errors are those of [Client.Check], needs-login where the
// session cannot be refreshed, and busy while a login is in progress.
func (c *Client) Refresh(ctx context.Context, name string, force bool) (RefreshResult, error) {
	return call[RefreshResult](ctx, c, request{method: http.MethodPost, path: accountPath(name, "/refresh"), body: CheckRequest{Force: force}})
}

// Import takes over an existing login after the site has proven whose it is.
// The problem is bad-request where the data holds no usable login, needs-login
// where the site denies it, site-away where the site could not be asked;
// nothing is kept then.
func (c *Client) Import(ctx context.Context, r ImportRequest) (ImportResult, error) {
	return call[ImportResult](ctx, c, request{method: http.MethodPost, path: "/v1/accounts", body: r})
}

// Logout ends the session at the site and removes the account from the keeper.
// On an error the account stays.
func (c *Client) Logout(ctx context.Context, name string) (LogoutResult, error) {
	return call[LogoutResult](ctx, c, request{method: http.MethodPost, path: accountPath(name, "/logout")})
}

// StartLogin starts a login, or returns the one that the account has in
// progress, with Joined set. Problems: [ProblemSiteAway], [ProblemBadRequest].
func (c *Client) StartLogin(ctx context.Context, r LoginRequest) (Login, error) {
	return call[Login](ctx, c, request{method: http.MethodPost, path: "/v1/logins", body: r})
}

// Login tells how a login stands. Problems: [ProblemNoLogin].
func (c *Client) Login(ctx context.Context, id string) (Login, error) {
	return call[Login](ctx, c, request{method: http.MethodGet, path: loginPath(id, "")})
}

// WaitLogin returns as soon as the login's revision is not after, and at the
// end of wait with the login as it is then. Problems: [ProblemNoLogin].
func (c *Client) WaitLogin(ctx context.Context, id string, after uint64, wait time.Duration) (Login, error) {
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "wait": {wait.String()}}
	return call[Login](ctx, c, request{method: http.MethodGet, path: loginPath(id, ""), query: query})
}

// LoginPNG is the picture of the code that the login shows now. Problems:
// [ProblemNoLogin], [ProblemNotFound] where no living code is out.
func (c *Client) LoginPNG(ctx context.Context, id string) ([]byte, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: loginPath(id, "/qr.png")})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "image/png" {
		return nil, fmt.Errorf("%w: content type %q", ErrForeign, kind)
	}
	return read(ctx, resp)
}

// Captcha fetches the captcha of a login by SMS, for a person to solve.
// Problems: [ProblemNoLogin], [ProblemSiteAway], [ProblemBadRequest] where the
// login does not wait for it.
func (c *Client) Captcha(ctx context.Context, id string) (Captcha, error) {
	return call[Captcha](ctx, c, request{method: http.MethodPost, path: loginPath(id, "/"+StepCaptcha)})
}

// SendSMS lets the site send a code to a phone. Problems: those of
// [Client.Captcha], and [ProblemSMS] where the site did not take the number or
// the captcha; its detail says which, and what to do.
func (c *Client) SendSMS(ctx context.Context, id string, s SMSSend) (Login, error) {
	return call[Login](ctx, c, request{method: http.MethodPost, path: loginPath(id, "/"+StepSend), body: s})
}

// SubmitSMS logs in with the code from the message. A login whose Reason is
// [ReasonVerification] has ended at an address, its URL, where a person proves
// more. Problems: those of [Client.SendSMS].
func (c *Client) SubmitSMS(ctx context.Context, id string, code SMSCode) (Login, error) {
	return call[Login](ctx, c, request{method: http.MethodPost, path: loginPath(id, "/"+StepCode), body: code})
}

// CancelLogin ends a login. One that has ended already stays as it is.
// Problems: [ProblemNoLogin].
func (c *Client) CancelLogin(ctx context.Context, id string) error {
	return c.order(ctx, request{method: http.MethodDelete, path: loginPath(id, "")})
}

// Channels lists the notification channels and how they have been doing.
func (c *Client) Channels(ctx context.Context) ([]Channel, error) {
	list, err := call[ChannelList](ctx, c, request{method: http.MethodGet, path: "/v1/notify"})
	return list.Channels, err
}

// TestChannel sends a sample and waits for the service's answer. A service
// that refuses is Delivered == false, not an error. Problems:
// [ProblemNoChannel].
func (c *Client) TestChannel(ctx context.Context, name string) (ChannelTest, error) {
	return call[ChannelTest](ctx, c, request{method: http.MethodPost,
		path: "/v1/notify/" + url.PathEscape(name) + "/test"})
}

// Reload makes the keeper read its configuration again. A configuration with a
// fault changes nothing. Problems: [ProblemBadRequest] with the faults.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return call[Reloaded](ctx, c, request{method: http.MethodPost, path: "/v1/reload"})
}

// Outputs tells how each output has been doing.
func (c *Client) Outputs(ctx context.Context) ([]Output, error) {
	list, err := call[OutputList](ctx, c, request{method: http.MethodGet, path: "/v1/outputs"})
	return list.Outputs, err
}

// RunOutput writes an output now, changed or not, and answers with how it
// went. The problem is no-such-output, needs-login where there is nothing alive
// to write, or output-failed.
func (c *Client) RunOutput(ctx context.Context, name string) (Output, error) {
	return call[Output](ctx, c, request{method: http.MethodPost, path: "/v1/outputs/" + url.PathEscape(name) + "/run"})
}
