package account

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func loginCommand(env *cli.Env) *cobra.Command {
	var req client.LoginRequest
	var timeout time.Duration
	var picture string
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
		Args:              cli.Accounts(0, 1),
		ValidArgsFunction: cli.CompleteAccounts(env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Account = "default"
			if len(args) == 1 {
				req.Account = args[0]
			}
			if timeout < time.Second {
				return cli.Fail(cli.ExitUsage, "", "--timeout must be a second at least")
			}
			kept, err := pictureIn(cmd.Context(), env, picture)
			if err != nil {
				return err
			}
			req.Attend = int(timeout.Seconds())
			return login(cmd.Context(), env, req, timeout, kept)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Site, "site", "web", "web or intl")
	f.StringVar(&req.Method, "method", "qr", "qr or sms")
	f.DurationVar(&timeout, "timeout", 5*time.Minute, "give up after this long")
	f.StringVar(&picture, "qr-file", "", "keep the code's picture in a `file` (PNG, 0600) while it works")
	cli.OneOf(cmd, "site", client.SiteWeb, client.SiteIntl)
	cli.OneOf(cmd, "method", client.MethodQR, client.MethodSMS)
	cli.OneOf(cmd, "timeout", "1m", "5m", "15m")
	cli.FileFlag(cmd, "qr-file")
	return cmd
}

// LogIn logs an account in by a code in the terminal, whose picture is kept in a
// file if one is named.
func LogIn(ctx context.Context, env *cli.Env, name, picture string) error {
	const timeout = 5 * time.Minute
	kept, err := pictureIn(ctx, env, picture)
	if err != nil {
		return err
	}
	req := client.LoginRequest{Account: name, Site: "web", Method: client.MethodQR, Attend: int(timeout.Seconds())}
	return login(ctx, env, req, timeout, kept)
}

// login starts or joins a login and stays with it to its end.
func login(ctx context.Context, env *cli.Env, req client.LoginRequest, timeout time.Duration, picture *qrPicture) error {
	c := env.Client()
	l, err := startLogin(ctx, c, req)
	if err != nil {
		return err
	}
	mine := !l.Joined
	followed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if l.State == client.LoginCaptcha || l.State == client.LoginSMSSent {
		l, err = dialogue(followed, env, l)
	}
	if err == nil {
		l, err = followLogin(followed, env, l, newLoginView(env, mine), picture)
	}
	if err != nil {
		late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		// Where the site does not say what came of the code, somebody may have
		// confirmed it: the keeper goes on asking while there can be an answer.
		over := mine && !(late && unanswered(l)) && abandon(c, l)
		switch {
		case late:
			return overdue(newest(ctx, c, l), timeout)
		case ctx.Err() != nil && over:
			return cli.Fail(cli.ExitFailed, "", "interrupted; the code no longer works")
		case ctx.Err() != nil:
			return cli.Fail(cli.ExitFailed, "", "interrupted; the keeper goes on with this login")
		}
		return err
	}
	return loginEnd(ctx, env, l)
}

// overdue says what a login has come to for which no more time is left.
func overdue(l client.Login, timeout time.Duration) error {
	const again = "run the command again for a new code"
	switch {
	case l.Granted:
		return away(l)
	case l.Method == client.MethodSMS:
		return cli.Fail(cli.ExitFailed, "run the command again", "the login was not finished within %s", timeout)
	case unanswered(l):
		return openQuestion(l, timeout)
	case l.State == client.LoginScanned:
		return cli.Fail(cli.ExitFailed, again, "the code was scanned, and not confirmed on the phone within %s", timeout)
	}
	return cli.Fail(cli.ExitFailed, again, "nobody scanned the code within %s", timeout)
}

// newest is what the keeper now says of a login, or what it said last.
func newest(ctx context.Context, c *client.Client, l client.Login) client.Login {
	ctx, cancel := context.WithTimeout(ctx, giveUpAfter)
	defer cancel()
	if now, err := c.Login(ctx, l.ID); err == nil && !now.Ended() {
		return now
	}
	return l
}

// unanswered reports whether a code is out about which the site, asked last, did
// not answer.
func unanswered(l client.Login) bool {
	return (l.State == client.LoginWaiting || l.State == client.LoginScanned) && l.Detail != ""
}

// openQuestion says that the site has yet to answer whether the code was scanned.
func openQuestion(l client.Login, timeout time.Duration) error {
	why := cli.Format("the site did not say within %s whether the code was scanned: %s", timeout, cli.Format(l.Detail))
	if l.State == client.LoginScanned {
		why = cli.Format("the site did not say within %s whether the code was confirmed on the phone: %s", timeout, cli.Format(l.Detail))
	}
	if l.RetryAt != nil {
		why = cli.Format("%s; it is asked again at %s", why, l.RetryAt.Local().Format("15:04:05 MST"))
	}
	return cli.FailWith(cli.ExitSiteAway, cli.Format("the keeper goes on asking while the code works; see: bilikeeper status %s", l.Account),
		"%s: %s", l.Account, why)
}

// away says that a login was granted, and that the site has yet to say whose it
// is. Nobody has to scan again.
func away(l client.Login) error {
	text := cli.Format("the site has yet to say whose it is")
	if l.Detail != "" {
		text = cli.Format("the site could not be asked whose it is: %s", cli.Format(l.Detail))
	}
	if l.RetryAt != nil {
		text = cli.Format("%s; it is asked again at %s", text, l.RetryAt.Local().Format("15:04:05 MST"))
	}
	return cli.FailWith(cli.ExitSiteAway, cli.Format("nobody has to scan again; to ask at once, run: bilikeeper check --force %s", l.Account),
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
func abandon(c *client.Client, l client.Login) bool {
	if l.Ended() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return c.CancelLogin(ctx, l.ID) == nil
}

// followLogin shows each state of the login until it ends. A keeper that goes
// away in the middle (a restart, a crash) comes back with the same login.
func followLogin(ctx context.Context, env *cli.Env, l client.Login, view loginView, picture *qrPicture) (client.Login, error) {
	defer picture.remove()
	for {
		if err := errors.Join(view.show(l), picture.show(l)); err != nil {
			return l, err
		}
		if l.Ended() || l.Granted && l.RetryAt != nil && time.Until(*l.RetryAt) > longWait {
			return l, nil
		}
		next, err := view.during(ctx, func(ctx context.Context) (client.Login, error) {
			return env.Client().WaitLogin(ctx, l.ID, l.Revision, 25*time.Second)
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

// loginEnd says how the login ended.
func loginEnd(ctx context.Context, env *cli.Env, l client.Login) error {
	if !l.Ended() {
		return away(l)
	}
	if l.State != client.LoginSucceeded {
		code, hint := cli.ExitFailed, ""
		switch l.Reason {
		case client.ReasonWrongAccount:
			hint = "scan with the account's own user, or log the other one in under another name"
		case client.ReasonVerification:
			if l.URL != "" {
				env.Say("Prove to the site that it is you, at this address, then log in by QR code:")
				env.Print("%s\n", l.URL)
			}
		case client.ReasonExpired:
			hint = "run the command again for a new code"
		case client.ReasonSite:
			code, hint = cli.ExitSiteAway, "run the command again for a new code"
		}
		return cli.Fail(code, hint, "%s was not logged in: %s", l.Account, cli.Format(l.Detail))
	}
	if env.JSON {
		return nil
	}
	acc, err := env.Client().Account(ctx, l.Account)
	if err != nil {
		return err
	}
	env.Say("%s %s is logged in as %s (mid %s)", env.Screen(env.Stderr).Paint(cli.Green, "ok"), l.Account, cli.Dash(acc.Uname), mid(acc, "?"))
	for _, note := range l.Notes {
		env.Say("note: %s", cli.Format(note))
	}
	return nil
}
