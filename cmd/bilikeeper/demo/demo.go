// Package demo has the command that shows an account's whole life offline, with
// the simulator of the site and a phone of its own. The keeper in it is the real
// one; a behaviour that only the demo has may not come in.
//
// What the package guarantees: nothing leaves the machine, and nothing is left
// behind on it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	return []*cobra.Command{{
		Use:   "demo",
		Short: "Show an account's whole life in half a minute, offline, and leave nothing behind",
		Long: `Shows an account's whole life: a login by QR, a check, a refresh, the session's
death, the pushed code, the scan, the recovery. Everything is real but the site, which is a
simulator on this machine, and the phone. With --json it streams the keeper's
events instead.`,
		Args: cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 28*time.Second)
			defer cancel()
			return run(ctx, env)
		},
	}}
}

// errOver ends the stream of events after the last one.
var errOver = errors.New("the story is over")

const (
	account = "main"
	mid     = 100200300
	uname   = "example"
)

// demo is a keeper with a throw-away vault, a simulator of the site, and a
// phone that gets the messages and scans the codes.
type demo struct {
	env    *cli.Env
	out    cli.Screen
	site   *passporttest.Site
	phone  *phone
	client *client.Client
	step   int
}

func run(ctx context.Context, env *cli.Env) (err error) {
	dir, err := os.MkdirTemp("", "bilikeeper-demo-")
	if err != nil {
		return cli.Fail(cli.ExitFailed, "", "make a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	d := &demo{env: env, out: env.Out(), site: passporttest.New(passporttest.WithUser(mid, uname))}
	server, err := d.site.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	if d.phone, err = newPhone(); err != nil {
		return err
	}
	defer d.phone.close()

	socket := filepath.Join(dir, "control.sock")
	d.client = &client.Client{Socket: socket}
	running, stop := context.WithCancel(ctx)
	ready, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		stopped <- daemon.Run(running, daemon.Options{
			Config: configuration(d.site, server.URL, d.phone.url), Version: env.Version,
			Places: config.Places{StateDir: filepath.Join(dir, "state"), Socket: socket},
			Log:    zerolog.Nop(), Ready: func() { close(ready) },
			Transport: passport.Options{CorrespondKey: d.site.Refresh.CorrespondKey()},
		})
	}()
	select {
	case <-ready:
		err = d.play(ctx)
		stop()
		return errors.Join(err, <-stopped)
	case err := <-stopped:
		stop()
		return err
	}
}

// configuration is the default configuration with the times of a life in seconds.
func configuration(site *passporttest.Site, base, phone string) config.Config {
	c := config.Default()
	e := site.Endpoints(base)
	c.Endpoints = config.Endpoints{
		Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame,
		PassportIntl: e.PassportIntl, APIIntl: e.APIIntl, GeetestJS: base + "/gt.js",
	}
	c.Check.Jitter = 0
	c.Check.ConfirmAfter = config.Duration(2 * time.Second)
	c.Login.Poll = config.Duration(300 * time.Millisecond)
	c.Limits.RequestsPerMinute = 600
	c.Notify = []config.Notify{{
		Name: "phone", Type: "webhook", Keys: &webhook.Keys{Keys: post.Keys{URL: phone}}, Events: config.DefaultEvents(), Accounts: []string{"*"},
	}}
	return c
}

// play goes through the life, as a story or as a stream of events.
func (d *demo) play(ctx context.Context) error {
	if !d.env.JSON {
		return d.story(ctx)
	}
	ctx, done := context.WithCancel(ctx)
	streamed := make(chan error, 1)
	go func() {
		streamed <- d.client.Follow(ctx, 0, func(e client.Event) error {
			if err := d.env.Stream(e); err != nil {
				return err
			}
			if e.Type == client.EventNotifyDelivered && strings.Contains(string(e.Data), client.EventLoginSucceeded) && d.phone.count(client.EventLoginSucceeded) > 1 {
				return errOver
			}
			return nil
		})
	}()
	err := d.story(ctx)
	if err != nil {
		done()
		<-streamed
		return err
	}
	defer done()
	if err := <-streamed; !errors.Is(err, errOver) {
		return err
	}
	return nil
}

func (d *demo) story(ctx context.Context) error {
	d.headline("bilikeeper keeps a Bilibili login alive. Here is one account's life, in fast motion.")
	d.say("The site is a simulator on this machine, and so is the phone; the keeper is the real one, " +
		"with a sealed vault in a temporary directory. Nothing leaves this machine.")
	for _, act := range []func(context.Context) error{d.login, d.use, d.rotate, d.die, d.pushed, d.recover} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	d.say("")
	d.say("That was all. The temporary directory is gone, and nothing else was written.")
	d.say("To do it for real: bilikeeper daemon, and in another terminal bilikeeper login main")
	return nil
}

func (d *demo) login(ctx context.Context) error {
	d.act("A person logs in by scanning a code: bilikeeper login %s", account)
	l, err := d.client.StartLogin(ctx, client.LoginRequest{Account: account, Attend: 60})
	if err != nil {
		return err
	}
	d.picture(l.URL)
	d.pause(ctx, 2*time.Second)
	if err := d.scan(l.URL); err != nil {
		return err
	}
	acc, err := d.await(ctx, client.StateValid)
	if err != nil {
		return err
	}
	d.good("logged in as %s, mid %d; saved and fsynced before anything else was asked", acc.Uname, *acc.Mid)
	return nil
}

func (d *demo) use(ctx context.Context) error {
	d.act("A tool reads the cookie: bilikeeper get %s", account)
	if err := d.showCookie(ctx); err != nil {
		return err
	}
	d.pause(ctx, time.Second)
	d.act("The keeper asks the site now and then whether the session lives: bilikeeper check %s", account)
	r, err := d.client.Check(ctx, account, false)
	if err != nil {
		return err
	}
	if r.Outcome != client.CheckOK {
		return fmt.Errorf("the check of a live session said %s (%s)", r.Outcome, r.Detail)
	}
	d.good("it does; the next check is due %s, and every 8 hours from then on", d.out.Until(r.Account.NextCheckAt, time.Now()))
	d.pause(ctx, time.Second)
	return nil
}

func (d *demo) rotate(ctx context.Context) error {
	d.act("Weeks later the site says that the credential is due: bilikeeper refresh %s", account)
	d.site.Refresh.SetDue(mid, true)
	r, err := d.client.Refresh(ctx, account, false)
	if err != nil {
		return err
	}
	d.good("%s: the new pair was saved, proven and handed out before the old one was given up", r.Outcome)
	if err := d.showCookie(ctx); err != nil {
		return err
	}
	d.pause(ctx, time.Second)
	return nil
}

func (d *demo) die(ctx context.Context) error {
	d.act("Far away, the site ends the session. The keeper notices at its next check.")
	d.site.Kill(mid)
	started := time.Now()
	r, err := d.client.Check(ctx, account, false)
	if err != nil {
		return err
	}
	if r.Outcome != client.CheckDead {
		return fmt.Errorf("the check of a dead session said %s (%s)", r.Outcome, r.Detail)
	}
	d.bad("%s: %s", r.Outcome, cli.Format(r.Detail))
	d.say("  The site had to say so twice, %.0f s apart; a site that is down or blocks never counts.", time.Since(started).Seconds())
	return nil
}

func (d *demo) pushed(ctx context.Context) error {
	d.act("The keeper starts a login by itself and pushes the code to the phone.")
	m, err := d.phone.next(ctx, client.EventLoginCode)
	if err != nil {
		return err
	}
	d.say("  %s", d.out.Paint(cli.Bold, m.Data.Title))
	d.say("  %s", m.Data.Text)
	d.picture(m.Data.Login.URL)
	d.say("  with a picture of %d bytes for phones that show one", len(m.Data.Login.PNG))
	d.pause(ctx, 3*time.Second)
	d.act("The person scans it and taps on the phone.")
	return d.scan(m.Data.Login.URL)
}

func (d *demo) recover(ctx context.Context) error {
	if _, err := d.await(ctx, client.StateValid); err != nil {
		return err
	}
	d.good("%s is back; the tools get the new cookie:", account)
	if err := d.showCookie(ctx); err != nil {
		return err
	}
	// The first login was told to the phone as well; this is the second.
	for d.phone.count(client.EventLoginSucceeded) < 2 {
		if _, err := d.phone.next(ctx, client.EventLoginSucceeded); err != nil {
			return err
		}
	}
	d.good("and the phone is told that the matter is over")
	return nil
}

// scan is the phone's camera, and the tap a moment later.
func (d *demo) scan(url string) error {
	if err := d.site.QR.Scan(url, mid); err != nil {
		return err
	}
	d.say("  the phone scans ...")
	time.Sleep(700 * time.Millisecond)
	d.say("  ... and confirms")
	return d.site.QR.Confirm(url, mid)
}

func (d *demo) await(ctx context.Context, state string) (client.Account, error) {
	for {
		acc, err := d.client.Account(ctx, account)
		if err != nil || acc.State == state {
			return acc, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return acc, fmt.Errorf("the account did not become %s: %w", state, ctx.Err())
		}
	}
}

func (d *demo) showCookie(ctx context.Context) error {
	c, err := d.client.Credential(ctx, account, client.CredentialOptions{Format: "header"})
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(c.Body))
	if len(text) > 78 {
		text = text[:77] + "…"
	}
	d.say("  %s", d.out.Paint(cli.Faint, text))
	return nil
}

func (d *demo) picture(url string) {
	if d.env.JSON {
		return
	}
	code, err := qr.Terminal(url, qr.TerminalOptions{Color: d.out.Colour, Blanks: !d.out.UTF8, Width: d.out.Width, Height: d.out.Height})
	if err != nil || !d.out.TTY {
		// Without a terminal the blocks are noise; the address says it all.
		d.env.Print("  %s\n", url)
		return
	}
	d.env.Print("%s\n", strings.TrimRight(code, "\n"))
}

func (d *demo) pause(ctx context.Context, t time.Duration) {
	if d.env.JSON || !d.out.TTY {
		t = min(t, 300*time.Millisecond)
	}
	select {
	case <-time.After(t):
	case <-ctx.Done():
	}
}

func (d *demo) say(format string, args ...any) {
	if !d.env.JSON {
		d.env.Print("%s\n", cli.Wrap(d.out.Text(format, args...), d.out.Width))
	}
}

func (d *demo) headline(text string) { d.say("%s", d.out.Paint(cli.Bold, d.out.Told(text))) }

func (d *demo) act(format string, args ...any) {
	d.step++
	d.say("\n%s %s", d.out.Paint(cli.Bold, fmt.Sprintf("%d.", d.step)), d.out.Text(format, args...))
}

func (d *demo) good(format string, args ...any) {
	d.say("  %s %s", d.out.Paint(cli.Green, "ok"), d.out.Text(format, args...))
}

func (d *demo) bad(format string, args ...any) {
	d.say("  %s %s", d.out.Paint(cli.Red, "!!"), d.out.Text(format, args...))
}
