package output

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
)

// Info is what there is to know about a format before it is rendered.
type Info struct {
	Name        string
	ContentType string
	// RefreshToken is true where the format has a place for the refresh token.
	RefreshToken bool
	// Whole is true where the text is a file of the tool as it is, for one
	// account. Where it is false, the tool keeps other things in its file as
	// well (its settings, other accounts), and they would be lost if the text
	// took the file's place.
	Whole bool
}

type format struct {
	name        string
	contentType string
	token       bool
	whole       bool
	// intl is true where the reader takes a login of bilibili.tv for one.
	intl bool
	// holds tells which names and values the format, and the header into which
	// its reader puts them, can carry.
	holds  func(text string) bool
	render func(c keeper.Credential, o Options) ([]byte, error)
}

const (
	textPlain = "text/plain; charset=utf-8"
	jsonType  = "application/json"
	tomlType  = "application/toml"
	yamlType  = "application/yaml"
	anySite   = true
	thatPlace = true
	whole     = true
)

// formatTemplate is the one format that needs a text from outside.
const formatTemplate = "template"

// table holds the formats in the order in which people are told of them.
func table() []format {
	return []format{
		{"header", textPlain, false, whole, anySite, cookie.Sendable, header},
		{"json", jsonType, thatPlace, whole, anySite, utf8.ValidString, full},
		{"netscape", textPlain, false, whole, anySite, cookie.Sendable, netscape},
		{"env", textPlain, thatPlace, whole, anySite, noNUL, env},
		{formatTemplate, textPlain, thatPlace, whole, anySite, utf8.ValidString, fill},
		{"bilibili-api", jsonType, thatPlace, whole, false, utf8.ValidString, bilibiliAPI},
		{"biliup", jsonType, false, whole, false, unicodeLine, biliup},
		{"bbdown", textPlain, false, whole, false, cookie.Sendable, bbdown},
		{"yutto", tomlType, false, whole, false, unicodeLine, yutto},
		{"rsshub", textPlain, false, whole, false, unicodeLine, rsshub(func(s string) string { return s })},
		{"rsshub-systemd", textPlain, false, whole, false, unicodeLine, rsshub(systemdQuote)},
		{"rsshub-shell", textPlain, false, whole, false, unicodeLine, rsshub(shellQuote)},
		{"blrec", tomlType, false, false, false, unicodeLine, blrec},
		{"bililive-recorder", jsonType, false, false, false, unicodeLine, bililiveRecorder},
		{"bili-sync", jsonType, thatPlace, false, false, utf8.ValidString, biliSync},
		{"toolpro", jsonType, false, whole, false, unicodeLine, toolpro},
		{"bililive-go", yamlType, false, false, false, unicodeLine, bililiveGo},
		{"playwright", jsonType, thatPlace, whole, anySite, utf8.ValidString, playwright},
		{"cookiecloud", jsonType, thatPlace, whole, anySite, utf8.ValidString, cookieCloud},
	}
}

func find(name string) (format, bool) {
	all := table()
	i := slices.IndexFunc(all, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, false
	}
	return all[i], true
}

// Formats returns the names that Render knows.
func Formats() []string {
	var names []string
	for _, f := range table() {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// Describe returns what there is to know about a format; ok is false where
// there is none of that name.
func Describe(name string) (info Info, ok bool) {
	f, ok := find(name)
	if !ok {
		return Info{}, false
	}
	return Info{Name: f.name, ContentType: f.contentType, RefreshToken: f.token, Whole: f.whole}, true
}

// unicodeLine is for readers that decode: what is not UTF-8 would come back as
// something else.
func unicodeLine(text string) bool { return cookie.Sendable(text) && utf8.ValidString(text) }

func noNUL(text string) bool { return !strings.Contains(text, "\x00") }
