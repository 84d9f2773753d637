package daemon

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// pageListener is what the login page is called in the status.
const pageListener = "login page"

// openPage builds the login page and its listener, if one is configured.
func (d *daemon) openPage() (*page.Page, net.Listener, error) {
	c := d.Config
	if c.Page.Listen == "" {
		return nil, nil, nil
	}
	key, err := d.keeper.Store().SecretKey("page", func() []byte {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return key
	})
	if err != nil {
		return nil, nil, fmt.Errorf("the key of the login page's links: %w", err)
	}
	proxies, err := clientaddr.New(c.TrustedProxies)
	if err != nil {
		return nil, nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	k := pageKeeper{d.keeper.Logins(), d.keeper}
	p, err := page.New(page.Config{
		Logins: k, SMS: k, Accounts: k, Key: key, PublicURL: c.Page.PublicURL,
		Locale: keeper.Locale(c.Locale), CaptchaOrigin: originOf(c.Endpoints.GeetestJS), QR: qr.PNG, Proxies: proxies, Log: d.Log,
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := page.Listen(c.Page.Listen)
	return p, l, err
}

// originOf is the scheme and host of an address, "" if it is none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// pageLink returns the login page's address for what is told of, "" where no page
// is served.
func (d *daemon) pageLink(account, subject string, until time.Time) string {
	if p := d.page.Load(); p != nil {
		return p.Link(account, subject, until)
	}
	return ""
}
