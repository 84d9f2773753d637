package parts

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// SignIn opens who is signed in to the account page, nil where none is served.
func SignIn(k *keeper.Keeper, c config.Page) (*signin.SignIn, error) {
	if c.Listen == "" || len(c.May) == 0 {
		return nil, nil
	}
	password, err := c.Password()
	if err != nil {
		return nil, err
	}
	address := strings.TrimRight(c.PublicURL, "/")
	if address == "" {
		address = "http://" + c.Listen
	}
	return signin.Open(k.Store(), signin.Options{Address: address, Password: password, Shared: !k.Shared().Alone()})
}

// Examine looks at the keeper from outside, and tells what it found in a language.
type Examine func(ctx context.Context, lang string) []Finding

// Finding is what came of one look.
type Finding = accountpage.Finding

// Page builds what is served in a browser. It does not listen; in may be nil, then
// there are the login pages alone.
func Page(k *keeper.Keeper, c config.Config, in *signin.SignIn, channels func() *alert.Channels, outputs func() *engine.Outputs,
	examine Examine) (*page.Page, error) {
	key, err := k.Store().SecretKey("page", func() []byte {
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
	var account *accountpage.Parts
	if in != nil {
		account = &accountpage.Parts{Keeper: k, Channels: channels, Outputs: outputs, SignIn: in, May: c.Page.May, Examine: examine}
	}
	return page.New(page.Config{
		Keeper: k, Key: key, PublicURL: c.Page.PublicURL, Locale: keeper.Locale(c.Locale),
		CaptchaOrigin: originOf(c.Endpoints.GeetestJS), QR: qr.PNG, Proxies: proxies, Account: account, Log: *k.Log(),
	})
}

// Reachable is how a browser on this machine reaches a listener.
func Reachable(listens net.Addr) string {
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
