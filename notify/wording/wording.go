package wording

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/notify"
)

// Measure is how a service counts the length of a text.
type Measure func(string) int

// Bytes counts the bytes of UTF-8.
func Bytes(s string) int { return len(s) }

// Runes counts characters.
func Runes(s string) int { return utf8.RuneCountInString(s) }

// UTF16 counts as JavaScript does, where an emoji is two.
func UTF16(s string) int { return len(utf16.Encode([]rune(s))) }

const ellipsis = "…"

// Link is where a message leads to: the login page, which has a code that works
// whenever it is opened, or the address that the code stands for, which the
// site's own app can open on the same phone. It is "" where there is none.
func Link(m notify.Message) string {
	switch {
	case m.Login == nil:
		return m.PageURL
	case m.Login.PageURL != "":
		return m.Login.PageURL
	}
	return m.Login.URL.Reveal()
}

// AppLink opens the message's code in the site's app on the same phone. It is ""
// where there is none, and where the link leads to the login page, which has it.
func AppLink(m notify.Message) string {
	if m.Login == nil || m.Login.PageURL != "" {
		return ""
	}
	return m.Login.AppURL.Reveal()
}

// Missing is Link where what people are shown of the text does not have it, else "".
func Missing(m notify.Message, shown string) string {
	link := Link(m)
	if strings.Contains(shown, link) {
		return ""
	}
	return link
}

// Clip cuts a text down to limit. Of an address it leaves nothing rather than a
// part, which would lead nowhere.
func Clip(s string, limit int, size Measure) string {
	if size(s) <= limit {
		return s
	}
	room := limit - size(ellipsis)
	var b strings.Builder
	for _, r := range s {
		if room -= size(string(r)); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	if limit < size(ellipsis) {
		return ""
	}
	kept := b.String()
	for _, at := range Addresses(s) {
		if at[0] < len(kept) && len(kept) < at[1] {
			kept = kept[:at[0]]
		}
	}
	return strings.TrimRight(kept, " \n") + ellipsis
}

// Body is the message's text with its link, and the one for the app, each in a
// line of its own.
func Body(m notify.Message, limit int, size Measure) string {
	return withLinks(m.Text, m, limit, size)
}

// Whole is Body with the title in a line before it.
func Whole(m notify.Message, limit int, size Measure) string {
	return withLinks(strings.TrimRight(m.Title+"\n"+m.Text, "\n"), m, limit, size)
}

// withLinks adds what the text does not have, and leaves a link out where it does not fit, since half of one leads to
// nowhere: the one for the app where the two would take more than half of the room.
func withLinks(text string, m notify.Message, limit int, size Measure) string {
	tail, app := "", ""
	if link := Missing(m, Clip(text, limit, size)); link != "" {
		tail = "\n" + link
	}
	if link := AppLink(m); link != "" {
		app = "\n" + link
	}
	if size(tail)+size(app) <= limit/2 {
		tail += app
	}
	if size(tail) > limit {
		tail = ""
	}
	return Clip(text, limit-size(tail), size) + tail
}
