package email

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/wording"
)

const (
	maxSubject = 200
	maxText    = 10_000
)

const (
	pictureName = "qr.png"
	pictureID   = "qr@bilikeeper"
)

// odd is what has no place in a message id.
var odd = lazyregexp.New(`[^A-Za-z0-9._-]+`)

// compose writes the mail. Beside its date and the boundaries of its parts it
// depends on the message alone.
func (c *Channel) compose(m notify.Message, to []*netmail.Address, now time.Time) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(c.from)
	msg.ToMailAddress(to...)
	msg.Subject(wording.Clip(plain.Line(m.Title), maxSubject, wording.Runes))
	msg.SetDateWithValue(now)
	_, domain, _ := strings.Cut(c.from.Address, "@")
	msg.SetMessageIDWithValue(id(m.ID) + "@" + domain)
	if m.Thread != "" {
		thread := "<" + id(m.Thread) + "@" + domain + ">"
		msg.SetGenHeader(mail.HeaderInReplyTo, thread)
		msg.SetGenHeader(mail.HeaderReferences, thread)
	}
	// Out-of-office replies to a machine help nobody.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	picture := m.Login != nil && len(m.Login.PNG) > 0
	msg.SetBodyString(mail.TypeTextPlain, wording.Body(withoutApp(m), maxText, wording.Runes)+"\n")
	msg.AddAlternativeString(mail.TypeTextHTML, c.page(m, picture))
	if !picture {
		return msg, nil
	}
	if err := msg.EmbedReader(pictureName, bytes.NewReader(m.Login.PNG), mail.WithFileContentID("<"+pictureID+">"), mail.WithFileContentType("image/png")); err != nil {
		return nil, err
	}
	// Readers that do not show the HTML still have the picture as a file.
	err := msg.AttachReader(pictureName, bytes.NewReader(m.Login.PNG), mail.WithFileContentType("image/png"))
	return msg, err
}

func id(s string) string { return strings.Trim(odd().ReplaceAllString(s, "_"), ".") }

// withoutApp is a message with one link alone: what opens the app can be followed in
// the HTML, and in plain text it is noise.
func withoutApp(m notify.Message) notify.Message {
	if m.Login != nil {
		login := *m.Login
		login.AppURL = secret.String{}
		m.Login = &login
	}
	return m
}

// page is the text as HTML, for screens as narrow as a phone's. Readers strip style
// sheets and keep what stands with an element.
func (c *Channel) page(m notify.Message, picture bool) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html>
<html><head><meta name="viewport" content="width=device-width"></head>
<body style="overflow-wrap:anywhere">
`)
	for line := range strings.Lines(wording.Clip(m.Text, maxText, wording.Runes)) {
		b.WriteString("<p>" + wording.HTML(strings.TrimSuffix(line, "\n")) + "</p>\n")
	}
	if picture {
		b.WriteString(`<p><img alt="QR" src="cid:` + pictureID + `" style="max-width:100%;height:auto"></p>` + "\n")
	}
	if link := wording.Link(m); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, c.open) + "</p>\n")
	}
	if link := wording.AppLink(m); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, "App") + "</p>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}
