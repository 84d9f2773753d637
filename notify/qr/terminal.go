package qr

import (
	"strings"

	"rsc.io/qr"
)

// TerminalOptions says what the terminal can do.
type TerminalOptions struct {
	// Color lets black and white be asked for. Without it the light modules are
	// drawn and the dark ones left out, which is right on a dark terminal; on a
	// light one the code is a negative, and not every reader takes those.
	Color bool
	// Width and Height are the columns and lines there are; 0 means enough.
	Width, Height int
}

// Black and white of the 256-colour cube: themes change the first sixteen
// colours, and with some of them "white" is too dark to be read.
const (
	ink   = "\x1b[38;5;16;48;5;231m"
	reset = "\x1b[0m"
)

// Terminal draws a code with half blocks, two modules to a line. It takes the
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
		if fits(side, o.Width) && fits((side+1)/2, o.Height) {
			return draw(code, form.quiet, o.Color), nil
		}
		err = ErrTooSmall
	}
	return "", err
}

func fits(need, have int) bool { return have <= 0 || need <= have }

func draw(code *qr.Code, quiet int, color bool) string {
	var b strings.Builder
	side := code.Size + 2*quiet
	// The side is odd: the last line's lower half widens the quiet zone.
	for y := 0; y < side; y += 2 {
		if color {
			b.WriteString(ink)
		}
		for x := range side {
			upper := code.Black(x-quiet, y-quiet)
			lower := code.Black(x-quiet, y+1-quiet)
			if !color {
				upper, lower = !upper, !lower
			}
			b.WriteString(halfBlock(upper, lower))
		}
		if color {
			b.WriteString(reset)
		}
		b.WriteByte('\n')
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
