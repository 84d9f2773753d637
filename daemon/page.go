package daemon

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// pageListener is what the page is called in the status.
const pageListener = "login page"

// openPage builds the page and its listener, if one is configured.
func (d *daemon) openPage() (*page.Page, net.Listener, error) {
	if d.Config.Page.Listen == "" {
		return nil, nil, nil
	}
	l, err := page.Listen(d.Config.Page.Listen)
	if err != nil {
		return nil, nil, err
	}
	p, err := d.newPage(l.Addr())
	if err != nil {
		_ = l.Close()
		return nil, nil, err
	}
	return p, l, nil
}

func (d *daemon) newPage(listens net.Addr) (*page.Page, error) {
	c := d.Config
	key, err := d.keeper.Store().SecretKey("page", func() []byte {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return key
	})
	if err != nil {
		return nil, fmt.Errorf("the key of the login page's links: %w", err)
	}
	proxies, err := clientaddr.New(c.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	account, err := d.accountPage(listens)
	if err != nil {
		return nil, err
	}
	k := pageKeeper{d.keeper.Logins(), d.keeper}
	return page.New(page.Config{
		Logins: k, SMS: k, Accounts: k, Key: key, PublicURL: c.Page.PublicURL,
		Locale: keeper.Locale(c.Locale), CaptchaOrigin: originOf(c.Endpoints.GeetestJS), QR: qr.PNG, Proxies: proxies, Account: account, Log: d.Log,
	})
}

// accountPage is what the account page shows, nil where page.may allows nothing.
func (d *daemon) accountPage(listens net.Addr) (*accountpage.Parts, error) {
	c := d.Config.Page
	if len(c.May) == 0 {
		return nil, nil
	}
	password, err := c.Password()
	if err != nil {
		return nil, err
	}
	address := strings.TrimRight(c.PublicURL, "/")
	if address == "" {
		address = "http://" + reachable(listens)
	}
	if d.signIn, err = signin.Open(d.keeper.Store(), signin.Options{Address: address, Password: password}); err != nil {
		return nil, err
	}
	return &accountpage.Parts{Keeper: d.keeper, Channels: d.channels.current, Outputs: d.outputs.current, SignIn: d.signIn, May: c.May}, nil
}

// reachable is how a browser on this machine reaches a listener.
func reachable(listens net.Addr) string {
	ap, err := netip.ParseAddrPort(listens.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return listens.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ap.Port())))
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
