package input_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
)

// canary stands for every secret in the fuzzed text, wherever the fuzzer moves
// it: in a name, a domain, a number.
const (
	canary = "c0ffee00c0ffee00"
	// whole is a SESSDATA made of it.
	whole = canary + "%2C1799999999%2C" + canary
)

// Whatever the bytes: no panic, a login with a usable SESSDATA or one of the
// sentinels, and nothing of the text in what people are told.
func FuzzParse(f *testing.F) {
	mark := func(text string) string {
		for _, s := range secrets() {
			text = strings.ReplaceAll(text, s, "$")
		}
		return text
	}
	add := func(text string) {
		f.Add(uint8(0), mark(text))
		f.Add(uint8(0), text)
	}
	for _, tt := range toolFiles() {
		add(tt.text)
	}
	add(three)
	add("Cookie: " + three + "; ac_time_value=" + token + "; bili_ticket=" + ticket)
	add("# Netscape HTTP Cookie File\n" + row("#HttpOnly_.bilibili.com", "TRUE", "/", "TRUE", "1799999999", "SESSDATA", sessdata))
	add(`SESSDATA="a\054b"; SESSDATA=a%252Cb; buvid4=a==`)
	for _, text := range pastedTexts(f) {
		add(text)
	}
	add("DedeUserID=1E1,SESSDATA=0$000000000000000")
	add("\xff\xfeS\x00E\x00")
	formats := append([]string{input.Auto}, input.Formats()...)
	for i := range formats {
		f.Add(uint8(i), `{"cookies":[{"name":"SESSDATA","value":"$","expires":$}],"$":1}`)
	}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		text = strings.ReplaceAll(text, "$", whole)
		format := formats[int(n)%len(formats)]
		login, err := input.Parse(format, []byte(text))
		if err != nil {
			refused(t, err)
			return
		}
		accepted(t, login, format, text)
	})
}

// notOctet is what RFC 6265 (4.1.1) keeps out of a cookie's value.
func notOctet(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r)
}

func refused(t *testing.T, err error) {
	t.Helper()
	known := []error{input.ErrUnknownFormat, input.ErrNoSession, input.ErrUnreadable, input.ErrSeveral, input.ErrDamaged}
	if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
		t.Errorf("an error of no kind: %v", err)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("an error holds a secret: %v", err)
	}
}

func accepted(t *testing.T, login input.Login, format, text string) {
	t.Helper()
	if format != input.Auto && login.Format != format {
		t.Errorf("%s became %s", format, login.Format)
	}
	notes := strings.Join(login.Notes, "\n")
	if strings.Contains(notes, canary) {
		t.Errorf("a note holds a secret: %s", notes)
	}
	names := map[string]bool{}
	for _, c := range login.Cookies {
		v := c.Value.Reveal()
		if names[c.Name] || c.Name == "" || v == "" || strings.ContainsAny(c.Name+v, ";\r\n\t\x00\x7f") ||
			strings.HasPrefix(c.Name, "bili_ticket") || c.Name == "ac_time_value" || c.Name == "refresh_token" {
			t.Errorf("%q=%q is no cookie to keep", c.Name, v)
		}
		if strings.ContainsFunc(v, notOctet) {
			t.Errorf("%q=%q holds what is no cookie-octet", c.Name, v)
		}
		if cookie.CheckName(c.Name) != nil || cookie.CheckValue(v) != nil || cookie.CheckPath(c.Path) != nil || cookie.CheckDomain(c.Domain) != nil {
			t.Errorf("%q=%q, path %q, domain %q cannot be handed on", c.Name, v, c.Path, c.Domain)
		}
		if c.Domain == "" || c.Path == "" || c.Expires.Year() > 9999 {
			t.Errorf("%q has domain %q, path %q, end %v", c.Name, c.Domain, c.Path, c.Expires)
		}
		names[c.Name] = true
		if c.Name == "SESSDATA" && len(v) >= 24 && strings.Contains(notes, v) {
			t.Errorf("a note holds SESSDATA: %s", notes)
		}
		// JSON and the mends change bytes, and a number that a spreadsheet has written
		// becomes one again; any other plain pair stays as it is.
		mended := c.Name == "SESSDATA" || c.Name == "DedeUserID" || c.Name == "buvid4" || strings.Contains(notes, "quotes") || strings.Contains(notes, "UTF-16")
		if login.Format == "header" && !mended && !strings.Contains(text, v) {
			t.Errorf("%s=%q is not in the text", c.Name, v)
		}
	}
	if !names["SESSDATA"] {
		t.Error("a login without SESSDATA")
	}
}
