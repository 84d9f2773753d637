package page

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
)

// Config holds the keeper and what the page needs beside it.
type Config struct {
	Keeper *keeper.Keeper
	// Key is at least 32 random bytes. Links outlive a restart as it does.
	Key []byte
	// PublicURL is what links start with; "" makes none.
	PublicURL string
	// Locale is the language of a page whose reader asks for none that there
	// is: "zh-CN", or anything else for English.
	Locale string
	// CaptchaOrigin is where the captcha's script comes from; "" is Geetest's.
	CaptchaOrigin string
	// QR draws a code as PNG.
	QR func(content string) ([]byte, error)
	// Proxies are believed when they say whose a request is.
	Proxies clientaddr.Proxies
	// Account is what the account page shows; nil is none.
	Account *accountpage.Parts
	Log     zerolog.Logger
}

const (
	minKey         = 32
	geetest        = "https://static.geetest.com"
	maxBody        = 64 << 10
	maxHeaderBytes = 16 << 10
)

func (c *Config) validate() error {
	switch {
	case c.Keeper == nil, c.QR == nil:
		return errors.New("page: Keeper and QR have to be there")
	case len(c.Key) < minKey:
		return fmt.Errorf("page: the key has %d bytes, it needs %d", len(c.Key), minKey)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.PublicURL != "" && !browser.IsAddress(c.PublicURL) {
		return errors.New("page: PublicURL is no plain http or https address")
	}
	if c.CaptchaOrigin == "" {
		c.CaptchaOrigin = geetest
	}
	if origin := browser.OriginOf(c.CaptchaOrigin); origin == "" || origin != c.CaptchaOrigin {
		// It becomes a part of a header, where a blank or a semicolon would
		// say something else.
		return errors.New("page: CaptchaOrigin is no origin, as in " + geetest)
	}
	return nil
}

// Page is what is served to browsers.
type Page struct {
	parts  Config
	site   browser.Site
	logins *loginPages
	// account is nil where there is no account page.
	account *accountpage.Page
	// proxies are believed when they say whose a request is.
	proxies atomic.Pointer[clientaddr.Proxies]
	// strangers limits what an address may send that leads nowhere.
	strangers *buckets
	handler   http.Handler
	http      *http.Server
	closing   chan struct{}
	shutdown  func()
}

// New makes a page that does not listen yet.
func New(c Config) (*Page, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	p := &Page{parts: c, site: browser.Site{PublicURL: c.PublicURL}, closing: make(chan struct{}),
		strangers: newBuckets(addressRate, addressBurst)}
	p.Trust(c.Proxies)
	var err error
	if p.logins, err = newLoginPages(p); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if c.Account != nil {
		if p.account, err = accountpage.New(*c.Account, p.frame()); err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
	}
	p.handler = p.guard(p.site.Below(p.mux()))
	p.prepareServer()
	return p, nil
}

// frame is what the account page has of this one.
func (p *Page) frame() accountpage.Frame {
	d := p.logins.documents
	sms := accountpage.SMSPage{Form: d.smsForm, Texts: func(lang string) string { return d.tables[lang] }, Policy: captchaPolicy(p.parts.CaptchaOrigin)}
	return accountpage.Frame{Site: p.site, QR: p.parts.QR, SMS: sms, Label: p.logins.sealer.label("cookie"), Locale: p.parts.Locale, Log: p.parts.Log, Closing: p.closing,
		Client: func(r *http.Request) netip.Addr { return p.proxies.Load().Client(r) },
		LoginToken: func(account, subject string, until time.Time) string {
			return p.logins.sealer.seal(claim{account: account, subject: subject, until: until})
		}}
}

// Trust replaces the proxies that are believed, from the next request on.
func (p *Page) Trust(proxies clientaddr.Proxies) { p.proxies.Store(&proxies) }

// client is whom a request is counted for.
func (p *Page) client(r *http.Request) netip.Prefix {
	return clientaddr.Network(p.proxies.Load().Client(r))
}

// Handler is the page without a listener.
func (p *Page) Handler() http.Handler { return p.handler }

// Link returns the address of an account's page, for one of its subjects and
// until a time. The same arguments give the same link. It is "" where there is
// no public address. Whoever holds a link can see a code and answer it.
func (p *Page) Link(account, subject string, until time.Time) string {
	if p.site.PublicURL == "" {
		return ""
	}
	return p.site.PublicURL + "/l/" + p.logins.sealer.seal(claim{account: account, subject: subject, until: until})
}

// loginPages are the pages that pushed links open.
type loginPages struct {
	parts     Config
	site      browser.Site
	sealer    sealer
	documents *documents
	links     *links
	// guesses limits what an address may send with tokens that stand for nothing.
	guesses *buckets
	client  func(*http.Request) netip.Prefix
	closing <-chan struct{}
	mends   browser.Mends
}

func newLoginPages(p *Page) (*loginPages, error) {
	s, err := newSealer(p.parts.Key)
	if err != nil {
		return nil, err
	}
	d, err := newDocuments(p.parts.Locale)
	if err != nil {
		return nil, err
	}
	return &loginPages{parts: p.parts, site: p.site, sealer: s, documents: d, links: newLinks(), guesses: newBuckets(guessRate, guessBurst),
		client: p.client, closing: p.closing, mends: browser.Mends{Log: p.parts.Log}}, nil
}
