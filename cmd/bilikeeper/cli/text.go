package cli

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// Table sets the rows in columns, a line each. Text/tabwriter counts characters,
// and names are Chinese more often than not, whose characters take two columns
// each.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], visible(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i < len(row)-1 {
				cell = Pad(cell, widths[i]+2)
			}
			line.WriteString(cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n") // the last cells may be empty
	}
	return b.String()
}

// Pad makes a text at least as wide as a number of columns.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-visible(text), 0))
}

// visible counts the columns that a line takes. Escape sequences take none.
func visible(line string) int {
	if n := len(strings.TrimRight(line, "\n")); plain(line[:n]) {
		return n
	}
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
			if wide(r) {
				n++
			}
		}
	}
	return n
}

// plain reports whether each byte of a line is a column, as it most often is.
func plain(line string) bool {
	for i := range len(line) {
		if line[i] >= 0x80 || line[i] == '\x1b' {
			return false
		}
	}
	return true
}

// wide reports whether a character takes two columns. A line can be broken before
// and after one.
func wide(r rune) bool {
	kind := width.LookupRune(r).Kind()
	return kind == width.EastAsianWide || kind == width.EastAsianFullwidth
}

// Moment is the layout of a time that people are told: with its zone.
const Moment = "2006-01-02 15:04:05 MST"

// Ago and Until say how far a time is away, in one unit: exact times are in --json.
func (l Language) Ago(t *time.Time, now time.Time) string {
	if t == nil {
		return l.Text("never")
	}
	return l.Text("%s ago", distance(now.Sub(*t)))
}

func (l Language) Until(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	if d := t.Sub(now); d >= time.Second/2 {
		return l.Text("in %s", distance(d))
	}
	return l.Text("now")
}

func distance(d time.Duration) Message {
	switch d = d.Abs(); {
	case d < 90*time.Second:
		return Format("%ds", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return Format("%dm", int(d.Round(time.Minute).Minutes()))
	case d < 36*time.Hour:
		return Format("%dh", int(d.Round(time.Hour).Hours()))
	default:
		return Format("%dd", int(d.Hours()/24+0.5))
	}
}

// Dash stands for what is not known.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
