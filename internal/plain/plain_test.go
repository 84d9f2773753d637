package plain

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "a name", "a name"},
		{"other scripts", "哔哩哔哩 Ünïcödé", "哔哩哔哩 Ünïcödé"},
		{"line ends", "one\r\ntwo\u2028three\u0085four", "one two three four"},
		{"blanks", "  one\t\u3000 two ", "one two"},
		{"a terminal's sequence", "\x1b[31mred\x1b]0;title\x07", "[31mred]0;title"},
		{"C1 controls", "a\u009b31mb", "a31mb"},
		{"turned direction", "user\u202egnp.exe\u202c \u2066x\u2069", "usergnp.exe x"},
		{"hidden", "pay\u200bpal\ufeff\u00ad", "paypal"},
		{"no text", "a\xff\xfeb", "ab"},
		{"nothing left", "\x00\u202e\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"}, {"longer", 5, "longe…"}, {"two words", 4, "two…"}, {"界界", 4, "界…"}, {"界", 2, "…"},
	} {
		if got := Clip(tt.text, tt.limit); got != tt.want {
			t.Errorf("%q within %d: got %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("one\ntwo\x1b[0m")
	f.Fuzz(func(t *testing.T, text string) {
		line := Line(text)
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\t\x1b\x00\u202e\u2028") || Line(line) != line {
			t.Errorf("%q became %q", text, line)
		}
	})
}
