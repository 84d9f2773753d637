// Package plain makes one plain line of a text that came from elsewhere: from
// the site, a service, a program, a file. It is the only place that says what may
// not come through to a terminal, a header, a log or a person: line ends, control
// characters, what hides a part of the text and what turns its direction.
//
// Quoting for one format (HTML, a shell, Markdown) may not come in.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is a text on one line, with single blanks between its words.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Clip is Line, cut after limit bytes between two characters and marked then.
func Clip(text string, limit int) string {
	text = Line(text)
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.TrimSpace(text[:limit]) + "…"
}
