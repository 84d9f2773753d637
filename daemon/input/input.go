package input

import (
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Auto is the format that stands for whichever it turns out to be.
const Auto = "auto"

// maxInput is far above the size of a browser's whole jar.
const maxInput = 1 << 20

// Login is what a file held.
type Login struct {
	// Format is the format that the file turned out to be in.
	Format string
	// Cookies are in the order of the file, each name once. SESSDATA is among
	// them.
	Cookies []cookie.Cookie
	// RefreshToken is the web refresh token, zero where there is none.
	RefreshToken secret.String
	// Buvid3 and Buvid4 are the device identifiers, Buvid4 not percent-encoded.
	// Where they are set, the cookies hold them too, in the form of a header.
	Buvid3, Buvid4 secret.String
	// Mid is the account's number as the file has it, 0 where it does not say.
	// Only the site's word proves it.
	Mid int64
	// Notes say what was mended or left out, each in a sentence for people.
	Notes []string
}

// form is a format and how it is read.
type form struct {
	name string
	read func(c *collector, text string) *Error
}

// forms are in the order in which people are told of them.
func forms() []form {
	return []form{
		{"header", (*collector).header},
		{"netscape", (*collector).netscape},
		{"json", (*collector).full},
		{"env", (*collector).env},
		{"bilibili-api", (*collector).credential},
		{"bili-sync", (*collector).wrappedCredential},
		{"biliup", (*collector).biliup},
		{"bbdown", (*collector).header},
		{"rsshub", (*collector).env},
		{"toolpro", (*collector).toolpro},
		{"playwright", (*collector).playwright},
		{"cookiecloud", (*collector).cookiecloud},
		{"browser", (*collector).browser},
		{"har", (*collector).har},
		{"devtools", (*collector).devtools},
		{"settings", (*collector).settings},
		{"rsshub-systemd", (*collector).env},
		{"rsshub-shell", (*collector).env},
		{"yutto", (*collector).settings},
		{"blrec", (*collector).settings},
		{"bililive-go", (*collector).settings},
		{"bililive-recorder", (*collector).settings},
	}
}

// Formats returns the names that Parse knows beside [Auto].
func Formats() []string {
	var names []string
	for _, f := range forms() {
		names = append(names, f.name)
	}
	return names
}

// Parse reads a login in a format, or in whichever it is for [Auto]. Every
// error is an [*Error] around one of the sentinels.
func Parse(format string, data []byte) (Login, error) {
	login, err := parse(format, data)
	if err != nil { // not returned as it is: a nil *Error is no nil error
		return Login{}, err
	}
	return login, nil
}

func parse(format string, data []byte) (Login, *Error) {
	if len(data) > maxInput {
		return Login{}, &Error{What: "the input is larger than 1 MiB", Err: ErrUnreadable}
	}
	c := newCollector(time.Now())
	text := c.plainText(data)
	if strings.TrimSpace(text) == "" {
		return Login{}, &Error{What: "the input is empty", Err: ErrUnreadable}
	}
	if format == Auto {
		found, err := detect(text)
		if err != nil {
			return Login{}, err
		}
		format = found
	}
	i := slices.IndexFunc(forms(), func(f form) bool { return f.name == format })
	if i < 0 {
		return Login{}, unknownFormat(format)
	}
	err := forms()[i].read(c, text)
	var login Login
	if err == nil {
		login, err = c.login()
	}
	if err != nil {
		err.Format = format
		if found, unsure := detect(text); unsure == nil && base(found) != base(format) {
			err.What += "; it looks like " + found
		}
		return Login{}, err
	}
	login.Format = format
	return login, nil
}

// base names the format of which another is only a dialect.
func base(format string) string {
	switch format {
	case "bbdown":
		return "header"
	case "rsshub", "rsshub-systemd", "rsshub-shell":
		return "env"
	case "yutto", "blrec", "bililive-go", "bililive-recorder":
		return "settings"
	}
	return format
}

// unknownFormat repeats a name only where it can be one: a cookie that was
// given in its place must not come back in an error.
func unknownFormat(format string) *Error {
	strange := func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }
	what := "there is no such format"
	if format != "" && len(format) <= 20 && !strings.ContainsFunc(format, strange) {
		what = "there is no format " + format
	}
	return &Error{What: what + ", only " + Auto + ", " + strings.Join(Formats(), ", "), Err: ErrUnknownFormat}
}
