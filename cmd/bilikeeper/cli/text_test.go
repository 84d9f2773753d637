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
