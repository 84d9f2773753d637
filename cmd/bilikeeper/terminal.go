package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// screen is the terminal that a command draws on, if there is one.
type screen struct {
	out           io.Writer
	tty           bool
	colour        bool
	width, height int
}

func (a *app) screen(w io.Writer) screen {
	s := screen{out: w}
	f := file(w)
	if f == nil || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.tty = a.env("TERM") != "dumb"
	s.colour = s.tty && a.env("NO_COLOR") == ""
	return s.measured()
}

// measured returns the screen with the size that it has now: people resize
// windows when a code does not fit.
func (s screen) measured() screen {
	if f := file(s.out); f != nil {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil {
			s.width, s.height = columns, lines
		}
	}
	return s
}

// The colours that carry a meaning: well, wrong, waiting, less important.
const (
	green  = "32"
	red    = "31"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

func (s screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// align sets the rows in columns. Text/tabwriter counts characters, and names
// are Chinese more often than not, whose characters take two columns each.
func align(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], visible(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-visible(cell)+2))
			}
		}
		lines = append(lines, b.String())
	}
	return lines
}

// visible counts the columns that a line takes. Escape sequences take none.
func visible(line string) int {
	n, escape := 0, false
	for _, r := range strings.TrimRight(line, "\n") {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case unicode.Is(unicode.Mn, r):
		default:
			n++
			if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
				n++
			}
		}
	}
	return n
}

// wrap breaks a text between words, so that a terminal does not break it inside
// one. Lines keep the indentation of the first; 0 columns is no limit.
func wrap(text string, columns int) string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " \n"))]
	space := strings.TrimLeft(indent, "\n")
	var b strings.Builder
	b.WriteString(indent)
	used := len(space)
	for i, word := range strings.Fields(text) {
		n := visible(word)
		switch {
		case i == 0:
		case columns > 0 && used+1+n > columns:
			b.WriteString("\n" + space)
			used = len(space)
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// ago and until say how far a time is away, in one unit: exact times are in --json.
func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return distance(now.Sub(*t)) + " ago"
}

func until(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	if d := t.Sub(now); d >= time.Second/2 {
		return "in " + distance(d)
	}
	return "now"
}

func distance(d time.Duration) string {
	switch d = d.Abs(); {
	case d < 90*time.Second:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute).Minutes()))
	case d < 36*time.Hour:
		return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24+0.5))
	}
}
