package main

import (
	"context"
	"fmt"
	"strings"
	"time"

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

func (a *app) loginView(mine bool) loginView {
	out := a.screen(a.stdout)
	switch {
	case a.json:
		return &plainView{app: a, json: true}
	case out.tty:
		return &panel{screen: out, mine: mine}
	default:
		return &plainView{app: a}
	}
}

// plainView writes what changed, a line at a time.
type plainView struct {
	app         *app
	json        bool
	code, state string
}

func (v *plainView) show(l client.Login) error {
	if v.json {
		return v.app.streamJSON(l)
	}
	if l.URL != "" && l.URL != v.code {
		v.code = l.URL
		v.app.say("Open this as a QR code and scan it with the Bilibili app (code %d, works until %s):", l.Code, clock(l.ExpiresAt))
		fmt.Fprintln(v.app.stdout, l.URL)
	}
	if l.State != v.state && !l.Ended() {
		v.state = l.State
		v.app.say("%s", sentence(l))
	}
	return nil
}

func (v *plainView) during(ctx context.Context, wait func(context.Context) (client.Login, error)) (client.Login, error) {
	return wait(ctx)
}

func (v *plainView) note(text string) { v.app.say("%s", text) }

// panel draws the code and a line with the state, and draws over itself when
// either changes.
type panel struct {
	screen screen
	login  client.Login
	mine   bool // the command began the login, and ends it
	lines  int
	remark string
}

func (p *panel) show(l client.Login) error {
	p.login, p.remark = l, ""
	p.draw()
	return nil
}

func (p *panel) note(text string) {
	p.remark = text
	p.draw()
}

// during redraws once a second, so that the time that is left counts down.
func (p *panel) during(ctx context.Context, wait func(context.Context) (client.Login, error)) (client.Login, error) {
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
			p.draw()
		}
	}
}

func (p *panel) draw() {
	var b strings.Builder
	p.screen = p.screen.measured()
	if p.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", p.lines)
	}
	text := p.content()
	b.WriteString(text)
	fmt.Fprint(p.screen.out, b.String())
	p.lines = rows(text, p.screen.width)
}

func (p *panel) content() string {
	l := p.login
	if l.Ended() {
		return ""
	}
	var b strings.Builder
	if l.URL != "" && l.State == client.LoginWaiting {
		below := 2 + (len(l.URL)+p.screen.width-1)/max(p.screen.width, 1)
		code, err := qr.Terminal(l.URL, qr.TerminalOptions{Color: p.screen.colour, Width: p.screen.width, Height: p.screen.height - below})
		if err != nil {
			code, err = qr.Terminal(l.URL, qr.TerminalOptions{Color: p.screen.colour, Width: p.screen.width, Height: p.screen.height - 1})
		}
		if err != nil {
			b.WriteString("The terminal is too small for the code; enlarge it, or use the address:\n")
		} else {
			b.WriteString(strings.TrimRight(code, "\n") + "\n")
		}
		if err != nil || p.screen.height == 0 || rows(code, p.screen.width)+below <= p.screen.height {
			b.WriteString(p.screen.paint(faint, l.URL) + "\n")
		}
	}
	line := sentence(l)
	if l.State == client.LoginWaiting && l.ExpiresAt != nil {
		left := max(time.Until(*l.ExpiresAt), 0).Round(time.Second)
		leave := "Ctrl-C leaves it to the keeper"
		if p.mine {
			leave = "Ctrl-C cancels"
		}
		line += p.screen.paint(faint, fmt.Sprintf("  code %d, %d:%02d left, %s", l.Code, int(left.Minutes()), int(left.Seconds())%60, leave))
	}
	if p.remark != "" {
		line = p.remark
	}
	b.WriteString(line + "\n")
	return b.String()
}

// rows counts the lines that a text takes on the terminal, those that are
// wrapped included. Escape sequences take no room.
func rows(text string, width int) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if cells := visible(line); width > 0 && cells > width {
			n += (cells - 1) / width
		}
	}
	return n
}

func sentence(l client.Login) string {
	switch l.State {
	case client.LoginWaiting:
		if l.Detail != "" {
			return "Waiting for the scan (" + l.Detail + ")"
		}
		return "Scan with the Bilibili app as " + l.Account + "."
	case client.LoginScanned:
		return "Scanned. Confirm the login on the phone."
	case client.LoginVerifying:
		if l.Detail != "" {
			return "Granted and saved; asking the site whose it is (" + l.Detail + ")"
		}
		return "Granted and saved; asking the site whose it is."
	}
	return l.State
}

func clock(t *time.Time) string {
	if t == nil {
		return "soon"
	}
	return t.Local().Format("15:04:05")
}
