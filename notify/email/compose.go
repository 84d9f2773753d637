package email

import (
	"bytes"
	"html"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"github.com/bilikeeper/bilikeeper/internal/plain"
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
var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

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
	msg.SetBodyString(mail.TypeTextPlain, wording.Body(m, maxText, wording.Runes)+"\n")
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

func id(s string) string { return strings.Trim(odd.ReplaceAllString(s, "_"), ".") }

// page is the text as HTML.
func (c *Channel) page(m notify.Message, picture bool) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><body>\n")
	for line := range strings.Lines(wording.Clip(m.Text, maxText, wording.Runes)) {
		b.WriteString("<p>" + wording.HTML(strings.TrimSuffix(line, "\n")) + "</p>\n")
	}
	if picture {
		b.WriteString(`<p><img alt="QR" src="cid:` + pictureID + `"></p>` + "\n")
	}
	if link := wording.Link(m); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, c.open) + "<br>" + html.EscapeString(link) + "</p>\n")
	}
	if link := wording.AppLink(m); link != "" {
		b.WriteString("<p>" + wording.Anchor(link, link) + "</p>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}
