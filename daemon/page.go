package daemon

import (
	"context"
	"net"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
)

// pageListener is what the login page is called in the status.
const pageListener = "login page"

// openSignIn opens who is signed in to the account page. Without it the login
// pages are served alone, and it is tried again with the next start.
func (d *daemon) openSignIn() {
	var err error
	if d.signIn, err = parts.SignIn(d.keeper, d.Config.Page); err != nil {
		d.keeper.Problems().Set("account page", err)
		d.Log.Error().Err(err).Msg("the account page is left out")
	}
}

// openPage builds the page and its listener.
func (d *daemon) openPage(c config.Config) (*page.Page, net.Listener, error) {
	p, err := parts.Page(d.keeper, c, d.signIn, d.channels.current, d.outputs.current, d.Examine)
	if err != nil {
		return nil, nil, err
	}
	l, err := page.Listen(c.Page.Listen)
	if err == nil && d.signIn != nil && c.Page.PublicURL == "" {
		d.signIn.Reached("http://" + parts.Reachable(l.Addr()))
	}
	return p, l, err
}

// servePage serves the login page, if there is one, until the result is called. A
// page that cannot be served is tried again: at boot its address may not be there
// yet, or somebody else has it. The keeper goes on without it meanwhile, and its
// messages without links.
func (d *daemon) servePage(ctx context.Context) (stop func()) {
	c := d.Config
	if c.Page.Listen == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	p, l, err := d.openPage(c)
	if err == nil {
		d.page.Store(p)
	}
	go func() {
		defer close(done)
		for pause := time.Second; ; pause = min(2*pause, time.Minute) {
			if err == nil {
				err = d.showPage(ctx, p, l)
			}
			if ctx.Err() != nil {
				return
			}
			d.keeper.Problems().Set(pageListener, err)
			d.Log.Error().Err(err).Dur("retry_in", pause).Msg("the login page is not served")
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			p, l, err = d.openPage(c)
		}
	}()
	return func() { cancel(); <-done }
}

// showPage serves the page until the context ends or its listener fails.
func (d *daemon) showPage(ctx context.Context, p *page.Page, l net.Listener) error {
	d.keeper.Problems().Clear(pageListener)
	d.page.Store(p)
	defer d.page.Store(nil)
	d.Log.Info().Str("address", l.Addr().String()).Msg("serving the login page")
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	_ = p.Shutdown(grace)
	return <-served
}

// pageLink returns the login page's address for what is told of, "" where no page
// is served.
func (d *daemon) pageLink(account, subject string, until time.Time) string {
	if p := d.page.Load(); p != nil {
		return p.Link(account, subject, until)
	}
	return ""
}
