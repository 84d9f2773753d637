package wording

import (
	"html"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
)

// address finds addresses in a text: what is not ASCII ends one, so that the
// words around it need no space. Brackets are for a host in IPv6 alone.
var address = lazyregexp.New(`(?:https?|bilibili)://(?:\[[0-9A-Fa-f:.]+\]|[!#-;=?-Z^-~])[!#-;=?-Z^-~]*`)

// Addresses lists where the addresses in a text begin and end, in bytes.
func Addresses(s string) [][]int {
	found := address().FindAllStringIndex(s, -1)
	for i, at := range found {
		// What closes a sentence or a bracket is no part of the address in it.
		found[i][1] = at[0] + len(strings.TrimRight(s[at[0]:at[1]], ".,:;!?'*_)]}"))
	}
	return found
}

// Mark rewrites a text for a service that takes some characters for markup:
// plain gets what is between the addresses, link each address. Escaping a whole
// text would leave its addresses leading nowhere.
func Mark(s string, plain, link func(string) string) string {
	var b strings.Builder
	end := 0
	for _, at := range Addresses(s) {
		b.WriteString(plain(s[end:at[0]]))
		b.WriteString(link(s[at[0]:at[1]]))
		end = at[1]
	}
	b.WriteString(plain(s[end:]))
	return b.String()
}

// Escape puts a backslash before the characters of a text that a service takes for
// markup.
func Escape(s, markup string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(markup, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// HTML escapes a text and makes its addresses into links.
func HTML(s string) string {
	return Mark(s, html.EscapeString, func(to string) string { return Anchor(to, to) })
}

// Anchor is a link in HTML.
func Anchor(to, text string) string {
	return `<a href="` + html.EscapeString(to) + `">` + html.EscapeString(text) + `</a>`
}
