package wording

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
)

func TestLink(t *testing.T) {
	code := notify.Message{Login: &notify.Login{URL: secret.New("https://site.example/scan")}}
	asks := notify.Message{PageURL: "https://keeper.example/asks"}
	page := notify.Message{Login: &notify.Login{URL: secret.New("https://site.example/scan"), PageURL: "https://keeper.example/l"}}
	for want, m := range map[string]notify.Message{"": {}, "https://site.example/scan": code, "https://keeper.example/l": page, asks.PageURL: asks} {
		if got := Link(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A link that people read in the text is not told a second time, and one that was cut
// off there is.
func TestLinkInTheText(t *testing.T) {
	const link = "https://keeper.example/l/b64_"
	m := notify.Message{Title: "t", Text: "open " + link + ".", PageURL: link}
	if got := Whole(m, 1000, Bytes); got != "t\nopen "+link+"." {
		t.Errorf("%q", got)
	}
	if got := Whole(notify.Message{Title: "alone"}, 1000, Bytes); got != "alone" {
		t.Errorf("%q", got)
	}
	m.Text = strings.Repeat("long ", 50) + link
	if got := Body(m, 100, Bytes); strings.Count(got, link) != 1 || len(got) > 100 {
		t.Errorf("%q", got)
	}
}

func TestTheAppsLink(t *testing.T) {
	const site, app = "https://site.example/scan", "bilibili://browser?url=https%3A%2F%2Fsite.example%2Fscan"
	m := notify.Message{Text: "scan", Login: &notify.Login{URL: secret.New(site), AppURL: secret.New(app)}}
	if got := Body(m, 1000, Bytes); got != "scan\n"+site+"\n"+app {
		t.Errorf("%q", got)
	}
	if got := Body(m, 100, Bytes); got != "scan\n"+site {
		t.Errorf("with little room: %q", got)
	}
	m.Login.PageURL = "https://keeper.example/l"
	if got := Body(m, 1000, Bytes); got != "scan\nhttps://keeper.example/l" {
		t.Errorf("with a page: %q", got)
	}
	if got := HTML("open " + app); got != `open <a href="`+app+`">`+app+`</a>` {
		t.Error(got)
	}
}

func TestClip(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		size  Measure
		want  string
	}{
		{"abc", 3, Bytes, "abc"},
		{"abcdef", 5, Bytes, "ab…"},
		{"扫码登录", 12, Bytes, "扫码登录"},
		{"扫码登录", 11, Bytes, "扫码…"},
		{"扫码登录", 3, Runes, "扫码…"},
		{"😀😀😀", 5, UTF16, "😀😀…"},
		{"😀😀😀", 4, UTF16, "😀…"},
		{"ab \ncdef", 5, Runes, "ab…"},
		{"abc", 2, Bytes, ""},
		{"abc", 0, Runes, ""},
	}
	for _, tt := range tests {
		if got := Clip(tt.text, tt.limit, tt.size); got != tt.want {
			t.Errorf("%q to %d: %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func TestTheLinkIsNeverCut(t *testing.T) {
	m := notify.Message{Title: "T", Text: strings.Repeat("长", 100), Login: &notify.Login{PageURL: "https://keeper.example/l"}}
	if got := Whole(m, 60, Bytes); len(got) > 60 || !strings.HasSuffix(got, "…\nhttps://keeper.example/l") || !strings.HasPrefix(got, "T\n") {
		t.Errorf("%q", got)
	}
	if got := Body(m, 10, Bytes); strings.Contains(got, "https") || len(got) > 10 {
		t.Errorf("%q", got)
	}
	if got := Body(notify.Message{Text: "x"}, 10, Bytes); got != "x" {
		t.Errorf("%q", got)
	}
}

func TestClipLeavesNoHalfOfAnAddress(t *testing.T) {
	const text = "- main: https://keeper.example/l/main\n- second: https://keeper.example/l/second"
	for limit := range len(text) + 1 {
		for _, got := range Addresses(Clip(text, limit, Bytes)) {
			if address := Clip(text, limit, Bytes)[got[0]:got[1]]; !strings.HasSuffix(address, "/l/main") && !strings.HasSuffix(address, "/l/second") {
				t.Errorf("to %d: %s", limit, address)
			}
		}
	}
}

func TestMark(t *testing.T) {
	for text, want := range map[string]string{
		"":           "()",
		"no address": "(no address)",
		"打开https://a.example/x_1?b=c&d#e。完":      "(打开)<https://a.example/x_1?b=c&d#e>(。完)",
		"(see http://a.example/), or http://b/.": "((see )<http://a.example/>(), or )<http://b/>(.)",
		"[x](https://[::1]:8/y)[http://z]":       "([x]()<https://[::1]:8/y>()[)<http://z>(])",
		"https://a\nhttps://b":                   "()<https://a>(\n)<https://b>()",
	} {
		got := Mark(text, func(s string) string { return "(" + s + ")" }, func(s string) string { return "<" + s + ">" })
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := HTML(`<b> https://a.example/?x&y`); got != `&lt;b&gt; <a href="https://a.example/?x&amp;y">https://a.example/?x&amp;y</a>` {
		t.Error(got)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("扫码 login 😀", 7)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(0, min(limit, 1<<10))
		for _, size := range []Measure{Bytes, Runes, UTF16} {
			got := Clip(text, limit, size)
			if size(got) > limit || utf8.ValidString(text) && !utf8.ValidString(got) {
				t.Errorf("%q to %d: %q", text, limit, got)
			}
		}
	})
}
