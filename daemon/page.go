package daemon

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// linkLife is how long a link in a message works. The next reminder brings the
// next one.
const linkLife = 24 * time.Hour

// kindSecret holds random keys that must outlive a restart.
const kindSecret = "secret"

// openPage builds the login page and its listener, if one is configured.
func (k *Keeper) openPage(c config.Config) (*page.Page, net.Listener, error) {
	if c.Page.Listen == "" {
		return nil, nil, nil
	}
	key, err := k.pageKey()
	if err != nil {
		return nil, nil, fmt.Errorf("the key of the login page's links: %w", err)
	}
	p, err := page.New(page.Config{
		Logins: k, SMS: k, Accounts: k, Key: key, PublicURL: c.Page.PublicURL,
		Locale: locale(c.Locale), CaptchaOrigin: originOf(c.Endpoints.GeetestJS), QR: qr.PNG, Log: k.log,
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := page.Listen(c.Page.Listen)
	return p, l, err
}

func (k *Keeper) pageKey() ([]byte, error) {
	var kept struct {
		Key []byte `json:"key"`
	}
	revision, err := k.store.getJSON(kindSecret, "page", &kept)
	if err != nil || revision != 0 {
		return kept.Key, err
	}
	kept.Key = make([]byte, 32)
	_, _ = rand.Read(kept.Key)
	return kept.Key, k.store.putJSON(kindSecret, "page", kept, nil)
}

// originOf is the scheme and host of an address, "" if it is none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Subjects returns what a link to the login page may stand for now.
func (k *Keeper) Subjects(name string) []string {
	a := k.find(name)
	if a == nil {
		return nil
	}
	r := a.shown.Load()
	var subjects []string
	if r.Incident != nil {
		subjects = append(subjects, r.Incident.ID)
	}
	if r.Login.Active() {
		subjects = append(subjects, r.Login.ID)
	}
	return subjects
}

// link returns the address of the login page for what an event tells of, ""
// where no page is served. It is the same each time for the same event.
func (k *Keeper) link(account string, data told, at time.Time) string {
	p := k.page.Load()
	subject := data.Incident
	if subject == "" {
		subject = data.Login
	}
	if p == nil || subject == "" {
		return ""
	}
	return p.Link(account, subject, at.Add(linkLife))
}
