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

// buttonForDefault is said of a service that shows the default action as a button
// among the others, where the standard has it as a click on the whole.
const buttonForDefault = "x-bilikeeper-button-for-default"

// notification is the arguments of a Notify call, and what its button opens: a
// page, or a picture as PNG, or neither.
type notification struct {
	replaces    uint32
	icon        string
	title, body string
	actions     []string
	hints       map[string]dbus.Variant
	timeout     int32
	page        string
	png         []byte
}

// compose writes a message as a notification for a service with these
// capabilities.
func compose(cfg Config, m notify.Message, can []string, now time.Time) notification {
	n := notification{
		icon: "dialog-information", title: m.Title, body: bodyOf(m, can), actions: []string{},
		hints:   map[string]dbus.Variant{},
		timeout: int32(notifications.ExpireTimeoutSetByNotificationServer.Milliseconds()),
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
	img, err := picture(m.Login.PNG)
	if err == nil {
		n.add(notifications.HintImageDataRGBA(img))
	}
	switch {
	case !slices.Contains(can, "actions"):
	case webPage(m.Login.PageURL):
		n.page = m.Login.PageURL
	case err == nil && cfg.PictureDir != "":
		n.png = m.Login.PNG
	}
	if n.page != "" || n.png != nil {
		n.actions = []string{actionDefault, cfg.OpenLabel}
		if !slices.Contains(can, buttonForDefault) {
			n.actions = append(n.actions, actionOpen, cfg.OpenLabel)
		}
	}
	return n
}

// bodyOf is the text in the form that the service takes. Where a button opens
// the page its address is only in the way: nobody types in what is as long as a
// key.
func bodyOf(m notify.Message, can []string) string {
	body := m.Text
	if m.Login != nil && webPage(m.Login.PageURL) && slices.Contains(can, "actions") {
		u, _ := url.Parse(m.Login.PageURL)
		body = strings.ReplaceAll(body, m.Login.PageURL, u.Scheme+"://"+u.Host+"/…")
	}
	if slices.Contains(can, "body-markup") {
		body = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(body)
	}
	return body
}

func (n *notification) add(hint notifications.Hint) { n.hints[hint.ID] = hint.Variant }

// webPage keeps what is handed to the desktop's opener to web addresses: it
// would run programs for others.
func webPage(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
