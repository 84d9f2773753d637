package cli

import (
	"testing"
	"time"
)

var fixedNow = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := fixedNow.Add(d)
	return &t
}

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                              "0s",
		-3 * time.Second:               "3s",
		89 * time.Second:               "89s",
		90 * time.Second:               "2m",
		89 * time.Minute:               "89m",
		90 * time.Minute:               "2h",
		35 * time.Hour:                 "35h",
		36 * time.Hour:                 "2d",
		180*24*time.Hour - time.Minute: "180d",
	} {
		if got := distance(d).String(); got != want {
			t.Errorf("distance(%s) = %s, want %s", d, got, want)
		}
	}
	if got := English.Until(at(100*time.Millisecond), fixedNow); got != "now" {
		t.Errorf("a moment ahead is %q", got)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"  ok one two", 8, "  ok one\n  two"},
		{"\n1. one", 40, "\n1. one"},
		{"\x1b[1m1.\x1b[0m one", 6, "\x1b[1m1.\x1b[0m one"},
		{"a-word-that-is-too-long yes", 5, "a-word-that-is-too-long\nyes"},
		{"", 10, ""},
		{"例子例子", 4, "例子\n例子"},
		{"例子，例子", 4, "例\n子，\n例子"},
		{"例（子）例", 6, "例\n（子）\n例"},
		{"运行 bilikeeper login 即可", 16, "运行 bilikeeper\nlogin 即可"},
	}
	for _, tt := range tests {
		if got := Wrap(tt.text, tt.width); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestHang(t *testing.T) {
	tests := []struct {
		first, text string
		columns     int
		want        string
	}{
		{"  ok  ", "one two", 0, "  ok  one two"},
		{"  ok  ", "one  two", 14, "  ok  one  two"},
		{"  ok  ", "one two", 9, "  ok  one\n    two"},
		{"  warning  ", "one two", 12, "  warning\n    one two"},
		{"", "Do what helps: chmod 700 /a/b # others see it", 20, "Do what helps:\n    chmod 700 /a/b\n    # others see it"},
		{"", "in it: a = \"b c\" # d", 14, "in it:\n    a = \"b c\"\n    # d"},
		{"", "start one: bilikeeper daemon; then wait", 24, "start one:\n    bilikeeper daemon;\n    then wait"},
		{"", "在登录：bilikeeper login a 会显示", 22, "在登录：\n    bilikeeper login a\n    会显示"},
		{"", "它没有运行：bilikeeper daemon；完成", 20, "它没有运行：\n    bilikeeper daemon；\n    完成"},
	}
	for _, tt := range tests {
		if got := Hang(tt.first, tt.text, tt.columns, 4); got != tt.want {
			t.Errorf("hang(%q, %q, %d) = %q, want %q", tt.first, tt.text, tt.columns, got, tt.want)
		}
	}
}

func TestNarrowScreen(t *testing.T) {
	s := Screen{Width: 20}
	if got, want := s.Fold("short\n  a line that is long", 2), "short\n  a line that is\n    long"; got != want {
		t.Errorf("folded is %q, want %q", got, want)
	}
	rows := [][]string{{"NAME", "TYPE", "LAST"}, {"phone", "webhook", "3m ago"}, {"mail", "email", "it never was"}}
	if got, want := s.Table(rows), "NAME  phone\nTYPE  webhook\nLAST  3m ago\n\nNAME  mail\nTYPE  email\nLAST  it never was\n"; got != want {
		t.Errorf("the table is %q, want %q", got, want)
	}
	if got, want := s.Pairs([][]string{{"note", "more than fits into it"}}), "note  more than fits\n      into it\n"; got != want {
		t.Errorf("the pairs are %q, want %q", got, want)
	}
	if got, want := (Screen{}).Table(rows), Table(rows); got != want {
		t.Errorf("without a width it is %q, want %q", got, want)
	}
}

func TestNarrowedHelp(t *testing.T) {
	const help = `Prints what it is asked for, and more.

  bilikeeper get main --format netscape > cookies.txt

Flags:
      --format string   the form that it is printed in
  -h, --help            help for it
`
	const want = `Prints what it is asked for, and
more.

  bilikeeper get main --format netscape > cookies.txt

Flags:
      --format string
          the form that it is printed
          in
  -h, --help            help for it
`
	if got := narrowed(help, 37); got != want {
		t.Errorf("it is\n%s", got)
	}
	if got := narrowed(help, 0); got != help {
		t.Errorf("without a screen it is\n%s", got)
	}
	if got := narrowed("      --format string   the form that it is printed in\n", 48); got != "      --format string   the form that it is\n                        printed in\n" {
		t.Errorf("where there is room it is\n%s", got)
	}
}

func TestRows(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  int
	}{
		{"", 80, 0},
		{"a\n", 80, 1},
		{"12345\n", 5, 1},
		{"123456\n", 5, 2},
		{"\x1b[2m12345\x1b[0m\n", 5, 1},
		{"12345678901\nb\n", 5, 4},
		{"12345678901\n", 0, 1},
		{"例子例子\n", 7, 2},
	}
	for _, tt := range tests {
		if got := Rows(tt.text, tt.width); got != tt.want {
			t.Errorf("Rows(%q, %d) = %d, want %d", tt.text, tt.width, got, tt.want)
		}
	}
}
