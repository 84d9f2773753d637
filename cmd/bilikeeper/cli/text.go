package cli

import (
	"fmt"
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
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-visible(cell)+2))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
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

// Wrap breaks a text between words, so that a terminal does not break it inside
// one. Lines keep the indentation of the first; 0 columns is no limit.
func Wrap(text string, columns int) string {
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

// Ago and Until say how far a time is away, in one unit: exact times are in --json.
func Ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return distance(now.Sub(*t)) + " ago"
}

func Until(t *time.Time, now time.Time) string {
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

// Dash stands for what is not known.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
