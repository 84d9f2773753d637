package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

func (a *app) loginCommand() *cobra.Command {
	var req client.LoginRequest
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "login [ACCOUNT]",
		Short: "Log an account in, by scanning a code or by SMS",
		Long: `Shows a QR code to scan with the Bilibili app, follows the scan, and replaces the
code when it expires. ACCOUNT is a name of your own, "default" if none is given;
a new name adds an account. If a login of the account is already in progress,
for example one that the keeper began by itself, its code is shown.

With --method sms the site sends a code to a phone, after a captcha that you
solve: on the login page where the keeper serves one, else by typing in what the
captcha's widget returned. --site intl logs in to bilibili.tv, whose accounts are
separate and whose sessions cannot be refreshed.`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Account = "default"
			if len(args) == 1 {
				req.Account = args[0]
			}
			if timeout < time.Second {
				return fail(exitUsage, "", "--timeout must be a second at least")
			}
			req.Attend = int(timeout.Seconds())
			return a.login(cmd.Context(), req, timeout)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Site, "site", "web", "web or intl")
	f.StringVar(&req.Method, "method", "qr", "qr or sms")
	f.DurationVar(&timeout, "timeout", 5*time.Minute, "give up after this long")
	f.StringVar(&a.qrFile, "qr-file", "", "keep the code's picture in a `file` (PNG, 0600) while it works")
	cmd.ValidArgsFunction = a.completeAccounts(1)
	oneOf(cmd, "site", "web", "intl")
	oneOf(cmd, "method", client.MethodQR, client.MethodSMS)
	return cmd
}

// login starts or joins a login and stays with it to its end.
func (a *app) login(ctx context.Context, req client.LoginRequest, timeout time.Duration) error {
	c := a.client()
	l, err := startLogin(ctx, c, req)
	if err != nil {
		return err
	}
	mine := !l.Joined
	followed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if l.State == client.LoginCaptcha || l.State == client.LoginSMSSent {
		l, err = a.smsDialogue(followed, c, l)
	}
	if err == nil {
		l, err = a.followLogin(followed, c, l, mine)
	}
	if err != nil {
		over := mine && a.abandon(c, l)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return overdue(l, timeout)
		case ctx.Err() != nil && over:
			return fail(exitFailed, "", "interrupted; the code no longer works")
		case ctx.Err() != nil:
			return fail(exitFailed, "", "interrupted; the keeper goes on with this login")
		}
		return err
	}
	return a.loginEnd(ctx, c, l)
}

// overdue says what a login has come to for which no more time is left.
func overdue(l client.Login, timeout time.Duration) error {
	const again = "run the command again for a new code"
	switch {
	case l.Granted:
		return away(l)
	case l.State == client.LoginScanned:
		return fail(exitFailed, again, "the code was scanned, and not confirmed on the phone within %s", timeout)
	case l.Detail != "":
		return fail(exitSiteAway, again, "the site did not say within %s whether the code was scanned: %s", timeout, l.Detail)
	}
	return fail(exitFailed, again, "nobody scanned the code within %s", timeout)
}

// away says that a login was granted, and that the site has yet to say whose it
// is. Nobody has to scan again.
func away(l client.Login) error {
	text := "the site has yet to say whose it is"
	if l.Detail != "" {
		text = "the site could not be asked whose it is: " + l.Detail
	}
	if l.RetryAt != nil {
		text += "; it is asked again at " + l.RetryAt.Local().Format("15:04:05 MST")
	}
	return fail(exitSiteAway, "nobody has to scan again; to ask at once, run: bilikeeper check --force "+l.Account,
		"%s: the login is granted and saved; %s", l.Account, text)
}

// longWait is how far off the next question to the site may lie for the command to
// wait for it.
const longWait = 15 * time.Second

// startLogin sees the request through even when a person gives up meanwhile:
// the keeper may have begun, and only who knows the login can end it.
func startLogin(ctx context.Context, c *client.Client, req client.LoginRequest) (client.Login, error) {
	through, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(giveUpAfter, cancel) })()
	return c.StartLogin(through, req)
}

// giveUpAfter is how long an interrupted command waits for the keeper's answer.
const giveUpAfter = 3 * time.Second

// abandon ends a login that this command began and does not follow any more,
// and reports whether it is over. One that was only joined goes on, since it is
// the keeper's or somebody else's, and so does one that was granted meanwhile.
func (a *app) abandon(c *client.Client, l client.Login) bool {
	if l.Ended() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return c.CancelLogin(ctx, l.ID) == nil
}

// followLogin shows each state of the login until it ends. A keeper that goes
// away in the middle (a restart, a crash) comes back with the same login.
func (a *app) followLogin(ctx context.Context, c *client.Client, l client.Login, mine bool) (client.Login, error) {
	view := a.loginView(mine)
	picture := &qrPicture{path: a.qrFile}
	defer picture.remove()
	for {
		if err := errors.Join(view.show(l), picture.show(l)); err != nil {
			return l, err
		}
		if l.Ended() || l.RetryAt != nil && time.Until(*l.RetryAt) > longWait {
			return l, nil
		}
		next, err := view.during(ctx, func(ctx context.Context) (client.Login, error) {
			return c.WaitLogin(ctx, l.ID, l.Revision, 25*time.Second)
		})
		switch {
		case ctx.Err() != nil:
			return l, ctx.Err()
		case errors.Is(err, client.ErrNoKeeper), errors.Is(err, client.ErrBroken):
			view.note("the keeper is away; waiting for it to come back")
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
			}
		case err != nil:
			return l, err
		default:
			l = next
		}
	}
}

// qrPicture is the code as a file, for terminals that cannot show it.
type qrPicture struct {
	path, shown string
}

// show writes the picture of a code that can be scanned, and takes away that of
// one that cannot.
func (p *qrPicture) show(l client.Login) error {
	if p.path == "" || l.URL == p.shown && l.State == client.LoginWaiting {
		return nil
	}
	if l.URL == "" || l.State != client.LoginWaiting {
		p.remove()
		return nil
	}
	png, err := qr.PNG(l.URL)
	if err == nil {
		err = durable.WriteFile(p.path, png, 0o600)
	}
	if err != nil {
		return fail(exitFailed, "", "write the code's picture: %w", err)
	}
	p.shown = l.URL
	return nil
}

func (p *qrPicture) remove() {
	if p.shown != "" {
		_ = os.Remove(p.path)
		p.shown = ""
	}
}

// loginEnd says how the login ended.
func (a *app) loginEnd(ctx context.Context, c *client.Client, l client.Login) error {
	if !l.Ended() {
		return away(l)
	}
	if l.State != client.LoginSucceeded {
		hint := ""
		switch l.Reason {
		case client.ReasonWrongAccount:
			hint = "scan with the account's own user, or log the other one in under another name"
		case client.ReasonVerification:
			if l.URL != "" {
				a.say("Prove to the site that it is you, at this address, then log in by QR code:")
				fmt.Fprintln(a.stdout, l.URL)
			}
		case client.ReasonExpired, client.ReasonSite:
			hint = "run the command again for a new code"
		}
		code := exitFailed
		if l.Reason == client.ReasonSite {
			code = exitSiteAway
		}
		return fail(code, hint, "%s was not logged in: %s", l.Account, l.Detail)
	}
	if a.json {
		return nil
	}
	acc, err := c.Account(ctx, l.Account)
	if err != nil {
		return err
	}
	mid := "?"
	if acc.Mid != nil {
		mid = fmt.Sprint(*acc.Mid)
	}
	out := a.screen(a.stderr)
	a.say("%s %s is logged in as %s (mid %s)", out.paint(green, "ok"), l.Account, dash(acc.Uname), mid)
	return nil
}
