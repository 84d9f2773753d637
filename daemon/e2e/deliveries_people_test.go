//go:build unix

package e2e_test

import (
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// show brings a message to somebody, who looks at each code once.
func (d *deliveries) show(p parcel) {
	if p.Data.Login == nil {
		return
	}
	content, who := p.Data.Login.URL, int64(0)
	for _, a := range d.accounts {
		if a.name == p.Data.Account {
			who = a.mid
		}
	}
	d.mu.Lock()
	seen := d.helped[content]
	d.helped[content] = true
	d.mu.Unlock()
	if !seen {
		d.people.Go(func() { d.help(d.t.Context(), content, who) })
	}
}

// help is a person with a phone: most of them scan, after a while. The code may
// be dead by then, which is their own fault.
func (d *deliveries) help(ctx context.Context, content string, who int64) {
	lot, pause := d.draw(100), d.between(0, 800*time.Millisecond/deliveryPace)
	switch {
	case d.calm.Load() || lot < 60:
		if d.calm.Load() {
			pause = 0
		}
		if wait(ctx, pause) && d.site.QR.Scan(content, who) == nil && wait(ctx, pause/4) {
			_ = d.site.QR.Confirm(content, who)
		}
	case lot < 70: // scans, and puts the phone away
		_ = d.site.QR.Scan(content, who)
	case lot < 78: // is somebody else
		if wait(ctx, pause) && d.site.QR.Scan(content, stranger) == nil {
			_ = d.site.QR.Confirm(content, stranger)
		}
	}
}

// reap lets sessions die.
func (d *deliveries) reap(ctx context.Context) {
	for wait(ctx, d.between(200*time.Millisecond, 5*time.Second/deliveryPace)) {
		d.site.Kill(d.accounts[d.draw(len(d.accounts))].mid)
	}
}

// attend is a person at a terminal, who now and then begins a login or joins
// one, and scans its code, or ends it, or leaves.
func (d *deliveries) attend(ctx context.Context) {
	for wait(ctx, d.between(time.Second, 8*time.Second/deliveryPace)) {
		a, lot := d.accounts[d.draw(len(d.accounts))], d.draw(3)
		l, err := d.client.StartLogin(ctx, client.LoginRequest{Account: a.name, Site: a.site, Attend: 2})
		if err != nil {
			continue // the keeper is away
		}
		switch lot {
		case 0:
			if d.site.QR.Scan(l.URL, a.mid) == nil {
				_ = d.site.QR.Confirm(l.URL, a.mid)
			}
		case 1:
			_ = d.client.CancelLogin(ctx, l.ID)
		}
	}
}
