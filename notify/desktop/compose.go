//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	notifications "github.com/esiqveland/notify"
	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/notify"
)

// The actions of a notification. A click on the notification itself is the
// default one.
const (
	actionOpen    = "open"
	actionDefault = "default"
)

// notification is the arguments of a Notify call, and the page behind it.
type notification struct {
	replaces    uint32
	icon        string
	title, body string
	actions     []string
	hints       map[string]dbus.Variant
	timeout     int32
	page        string
}

// compose writes a message as a notification for a service with these
// capabilities.
func compose(cfg Config, m notify.Message, can []string, now time.Time) notification {
	n := notification{
		icon: "dialog-information", title: m.Title, body: m.Text, actions: []string{},
		hints:   map[string]dbus.Variant{},
		timeout: int32(notifications.ExpireTimeoutSetByNotificationServer.Milliseconds()),
	}
	if slices.Contains(can, "body-markup") {
		n.body = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.Text)
	}
	urgency := notifications.UrgencyNormal
	switch m.Type {
	case "login.required", "login.code", "login.failed", "account.attention":
		urgency, n.icon = notifications.UrgencyCritical, "dialog-password"
	}
	n.add(notifications.HintUrgency(urgency))
	if m.Login == nil {
		return n
	}
	left := m.Login.ExpiresAt.Sub(now).Milliseconds()
	n.timeout = int32(min(max(left, 1), math.MaxInt32)) // 0 would mean for ever
	// A code that cannot be drawn is still worth a click.
	if img, err := picture(m.Login.PNG); err == nil {
		n.add(notifications.HintImageDataRGBA(img))
	}
	if webPage(m.Login.PageURL) && slices.Contains(can, "actions") {
		n.page = m.Login.PageURL
		n.actions = []string{actionDefault, cfg.OpenLabel, actionOpen, cfg.OpenLabel}
	}
	return n
}

func (n *notification) add(hint notifications.Hint) { n.hints[hint.ID] = hint.Variant }

// webPage keeps what is handed to the desktop's opener to web addresses: it
// would run programs for others.
func webPage(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
