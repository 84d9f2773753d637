package qr

import (
	"strings"

	"rsc.io/qr"
)

// TerminalOptions says what the terminal can do.
type TerminalOptions struct {
	// Color lets black and white be asked for. Without it the code is right on a
	// dark terminal; on a light one it is a negative, and not every reader takes
	// those.
	Color bool
	// Blanks draws without block characters, for a terminal whose character set
	// has none: each module is two blanks on black or white, so it takes Color and
	// twice the room in both directions.
	Blanks bool
	// Width and Height are the columns and lines there are; 0 means enough.
	Width, Height int
}

// Black and white of the 256-colour cube: themes change the first sixteen
// colours, and with some of them "white" is too dark to be read.
const (
	chalk = "\x1b[38;5;231;48;5;16m"
	light = "\x1b[48;5;231m"
	dark  = "\x1b[48;5;16m"
	reset = "\x1b[0m"
)

// Terminal draws a code with half blocks, two modules to a line. The light
// modules are the blocks and the dark ones the background: fonts leave seams
// between blocks, and a dark line through a light module does not keep a reader
// from its work as a light line through a dark one does. It takes the
// sturdiest form that fits: level M with the full quiet zone, then level L, then
// a narrow zone. A login's URL fits 80×24 in the last.
func Terminal(content string, o TerminalOptions) (string, error) {
	forms := []struct {
		level qr.Level
		quiet int
	}{{qr.M, fullQuiet}, {qr.L, fullQuiet}, {qr.L, lowQuiet}}
	err := ErrTooSmall
	for _, form := range forms {
		code, e := encode(content, form.level)
		if e != nil {
			err = e
			continue
		}
		side := code.Size + 2*form.quiet
		switch {
		case o.Blanks && o.Color && fits(2*side, o.Width) && fits(side, o.Height):
			return blanks(code, form.quiet), nil
		case !o.Blanks && fits(side, o.Width) && fits((side+1)/2, o.Height):
			return blocks(code, form.quiet, o.Color), nil
		}
		err = ErrTooSmall
	}
	return "", err
}

func fits(need, have int) bool { return have <= 0 || need <= have }

func blocks(code *qr.Code, quiet int, color bool) string {
	var b strings.Builder
	side := code.Size + 2*quiet
	// The side is odd: the last line's lower half widens the quiet zone.
	for y := 0; y < side; y += 2 {
		if color {
			b.WriteString(chalk)
		}
		for x := range side {
			b.WriteString(halfBlock(!code.Black(x-quiet, y-quiet), !code.Black(x-quiet, y+1-quiet)))
		}
		if color {
			b.WriteString(reset)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func blanks(code *qr.Code, quiet int) string {
	var b strings.Builder
	side := code.Size + 2*quiet
	for y := range side {
		for x := range side {
			ground := light
			if code.Black(x-quiet, y-quiet) {
				ground = dark
			}
			b.WriteString(ground + "  ")
		}
		b.WriteString(reset + "\n")
	}
	return b.String()
}

func halfBlock(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	default:
		return " "
	}
}
