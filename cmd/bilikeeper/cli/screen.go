package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// Screen is the terminal that a command draws on, if there is one, and the
// language of who looks at it.
type Screen struct {
	Language
	TTY    bool
	Colour bool
	// UTF8 says that the terminal's character set is UTF-8, as far as its
	// environment says so.
	UTF8          bool
	Width, Height int

	out io.Writer
}

// Out is the screen behind stdout.
func (e *Env) Out() Screen { return e.Screen(e.Stdout) }

// Screen is the terminal behind a stream, or none.
func (e *Env) Screen(w io.Writer) Screen {
	s := Screen{Language: e.Language(), out: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.TTY = e.Getenv("TERM") != "dumb"
	s.Colour = s.TTY && e.Getenv("NO_COLOR") == ""
	s.UTF8 = inUTF8(e.Getenv)
	return s.Measured()
}

// inUTF8 reports whether the locale's character set is UTF-8. Where no locale is
// set at all, as in most containers, nothing is known of the terminal, and nearly
// all of them are.
func inUTF8(env func(string) string) bool {
	locale := cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG"))
	if locale == "" || runtime.GOOS == "windows" {
		return true
	}
	_, charset, _ := strings.Cut(strings.ToUpper(locale), ".")
	return strings.HasPrefix(charset, "UTF-8") || strings.HasPrefix(charset, "UTF8")
}

// Measured returns the screen with the size that it has now: people resize
// windows when a code does not fit.
func (s Screen) Measured() Screen {
	if f, ok := s.out.(*os.File); ok {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width, s.Height = columns, lines
		}
	}
	return s
}

// The colours that carry a meaning: well, wrong, waiting, less important.
const (
	Green  = "32"
	Red    = "31"
	Yellow = "33"
	Faint  = "2"
	Bold   = "1"
)

// Paint colours a text where colours are shown.
func (s Screen) Paint(colour, text string) string {
	if !s.Colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Fits reports whether no line of a text is wider than the screen. One of no
// known width has room.
func (s Screen) Fits(text string) bool {
	for line := range strings.Lines(text) {
		if s.Width > 0 && visible(line) > s.Width {
			return false
		}
	}
	return true
}

// Fold breaks the lines that are wider than the screen. What goes on is indented
// by so many columns more than the line.
func (s Screen) Fold(text string, further int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if s.Width > 0 && visible(line) > s.Width {
			rest := strings.TrimLeft(line, " ")
			space := len(line) - len(rest)
			lines[i] = Hang(line[:space], rest, s.Width, space+further)
		}
	}
	return strings.Join(lines, "\n")
}

// Table sets the rows, of which the first is the heads, in columns. On a screen
// that is too narrow each row is a list, its cells behind their heads.
func (s Screen) Table(rows [][]string) string {
	if text := Table(rows); s.Fits(text) {
		return text
	}
	var lists []string
	for _, row := range rows[1:] {
		var pairs [][]string
		for i, cell := range row {
			pairs = append(pairs, []string{rows[0][i], cell})
		}
		lists = append(lists, s.Pairs(pairs))
	}
	return strings.Join(lists, "\n")
}

// Pairs sets names, and behind each what it stands for, in lines of their own. What
// is too long goes on below itself.
func (s Screen) Pairs(rows [][]string) string {
	names := 0
	for _, row := range rows {
		names = max(names, visible(row[0])+2)
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(Hang(Pad(row[0], names), row[1], s.Width, names) + "\n")
	}
	return b.String()
}

// Panel is a piece of text that is drawn over itself when it changes.
type Panel struct {
	Screen Screen
	lines  int
}

// Draw puts a text where the one before was. It is made for the size that the
// terminal has now.
func (p *Panel) Draw(content func(Screen) string) {
	p.Screen = p.Screen.Measured()
	text, over := content(p.Screen), ""
	if p.lines > 0 {
		over = fmt.Sprintf("\x1b[%dA\r\x1b[J", p.lines)
	}
	fmt.Fprint(p.Screen.out, over+text)
	p.lines = Rows(text, p.Screen.Width)
}

// Rows counts the lines that a text takes on the terminal, those that are
// wrapped included. Escape sequences take no room.
func Rows(text string, width int) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if cells := visible(line); width > 0 && cells > width {
			n += (cells - 1) / width
		}
	}
	return n
}
