package account

import (
	"context"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// loginView shows a login: in place on a terminal, line by line elsewhere, as
// JSON objects with --json.
type loginView interface {
	show(l client.Login) error
	// during waits for a change and keeps the view alive meanwhile.
	during(ctx context.Context, wait func(context.Context) (client.Login, error)) (client.Login, error)
	note(text string)
}

func newLoginView(env *cli.Env, mine bool) loginView {
	if out := env.Out(); out.TTY && !env.JSON {
		return &codeView{panel: cli.Panel{Screen: out}, mine: mine}
	}
	return &plainView{env: env}
}

// plainView writes what changed, a line at a time.
type plainView struct {
	env         *cli.Env
	code, state string
}

func (v *plainView) show(l client.Login) error {
	if v.env.JSON {
		return v.env.Stream(l)
	}
	if l.URL != "" && l.URL != v.code {
		v.code = l.URL
		v.env.Say("Open this as a QR code and scan it with the Bilibili app (code %d, works until %s):", l.Code, clock(v.env.Language(), l.ExpiresAt))
		v.env.Print("%s\n", l.URL)
	}
	if l.State != v.state && !l.Ended() {
		v.state = l.State
		v.env.Say("%s", sentence(v.env.Language(), l))
	}
	return nil
}

func (v *plainView) during(ctx context.Context, wait func(context.Context) (client.Login, error)) (client.Login, error) {
	return wait(ctx)
}

func (v *plainView) note(text string) { v.env.Say("%s", cli.Format(text)) }

// codeView draws the code and a line with the state, and draws over itself when
// either changes.
type codeView struct {
	panel  cli.Panel
	login  client.Login
	mine   bool // the command began the login, and ends it
	remark string
}

func (v *codeView) show(l client.Login) error {
	v.login, v.remark = l, ""
	v.panel.Draw(v.content)
	return nil
}

func (v *codeView) note(text string) {
	v.remark = v.panel.Screen.Told(text)
	v.panel.Draw(v.content)
}

// during redraws once a second, so that the time that is left counts down.
func (v *codeView) during(ctx context.Context, wait func(context.Context) (client.Login, error)) (client.Login, error) {
	type answer struct {
		login client.Login
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		l, err := wait(ctx)
		done <- answer{l, err}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case r := <-done:
			return r.login, r.err
		case <-tick.C:
			v.panel.Draw(v.content)
		}
	}
}

func (v *codeView) content(screen cli.Screen) string {
	l := v.login
	if l.Ended() {
		return ""
	}
	var b strings.Builder
	if l.URL != "" && l.State == client.LoginWaiting {
		address := l.URL
		if l.AppURL != "" {
			address += "\n" + screen.Text("on the phone that has the app: %s", l.AppURL)
		}
		below := 2 + cli.Rows(address, screen.Width)
		draw := func(height int) (string, error) {
			return qr.Terminal(l.URL, qr.TerminalOptions{Color: screen.Colour, Blanks: !screen.UTF8, Width: screen.Width, Height: height})
		}
		code, err := draw(screen.Height - below)
		if err != nil {
			code, err = draw(screen.Height - 1)
		}
		if err != nil {
			b.WriteString(cli.Wrap(notDrawn(screen), screen.Width) + "\n")
		} else {
			b.WriteString(strings.TrimRight(code, "\n") + "\n")
		}
		if err != nil || screen.Height == 0 || cli.Rows(code, screen.Width)+below <= screen.Height {
			b.WriteString(screen.Paint(cli.Faint, address) + "\n")
		}
	}
	line := sentence(screen.Language, l)
	if l.State == client.LoginWaiting && l.ExpiresAt != nil {
		left := max(time.Until(*l.ExpiresAt), 0).Round(time.Second)
		leave := cli.Format("Ctrl-C leaves it to the keeper")
		if v.mine {
			leave = cli.Format("Ctrl-C cancels")
		}
		line += screen.Paint(cli.Faint, screen.Text("  code %d, %d:%02d left, %s", l.Code, int(left.Minutes()), int(left.Seconds())%60, leave))
	}
	if v.remark != "" {
		line = v.remark
	}
	b.WriteString(screen.Fold(line, 2) + "\n")
	return b.String()
}

// notDrawn says why there is no code, and how to get it all the same.
func notDrawn(screen cli.Screen) string {
	if !screen.UTF8 && !screen.Colour {
		return screen.Text("The code cannot be drawn without colours in this character set. Write the picture to a file with --qr-file, or use the address:")
	}
	return screen.Text("The terminal is too small for the code. Enlarge it, write the picture to a file with --qr-file, or use the address:")
}

func sentence(in cli.Language, l client.Login) string {
	switch l.State {
	case client.LoginWaiting:
		if l.Detail != "" {
			return in.Text("Waiting for the scan (%s)", cli.Format(l.Detail))
		}
		return in.Text("Scan with the Bilibili app as %s.", l.Account)
	case client.LoginScanned:
		if l.Detail != "" {
			return in.Text("Scanned. Asking the site whether it is confirmed (%s)", cli.Format(l.Detail))
		}
		if l.Site == client.SiteIntl {
			return in.Text("Scanned. Confirm the login on the phone.")
		}
		return in.Text("Scanned. Confirm the login on the phone. Do not choose the 24-hour login (短期登录) there.")
	case client.LoginVerifying:
		if l.Detail != "" {
			return in.Text("Granted and saved; asking the site whose it is (%s)", cli.Format(l.Detail))
		}
		return in.Text("Granted and saved; asking the site whose it is.")
	}
	return l.State
}

func clock(in cli.Language, t *time.Time) string {
	if t == nil {
		return in.Text("soon")
	}
	return t.Local().Format("15:04:05 MST")
}
