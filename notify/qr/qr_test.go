package qr_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/notify/qr"
	"github.com/bilikeeper/bilikeeper/notify/qr/qrtest"
)

// loginURL has the length of what the site gives for a login in the browser.
var loginURL = "https://account.example.com/h5/account-h5/auth/scan-web?navhide=1&callback=close&qrcode_key=" +
	strings.Repeat("0a", 16) + "&from=w"

func decode(t testing.TB, img image.Image) string {
	t.Helper()
	text, err := qrtest.Read(img)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestHardLoginReadsBack guards the reader of the tests: searched for as in a
// photograph, neither of these codes is found by it.
func TestHardLoginReadsBack(t *testing.T) {
	for _, key := range []string{"1e52bb1c89410cd3d987129fff75dc60", "058ee4e5c557284f28711d18c1dc8484"} {
		content := strings.Replace(loginURL, strings.Repeat("0a", 16), key, 1)
		img, err := qr.Image(content)
		if err != nil {
			t.Fatal(err)
		}
		if got := decode(t, img); got != content {
			t.Errorf("read %q, want %q", got, content)
		}
	}
}

func TestPNGReadsBack(t *testing.T) {
	for _, content := range []string{"1", "12345", "HTTPS://EXAMPLE.COM", loginURL, strings.Repeat("x", 1000), "二维码"} {
		data, err := qr.PNG(content)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := img.(*image.Paletted); !ok {
			t.Errorf("the picture is a %T, want two colours", img)
		}
		if got := decode(t, img); got != content {
			t.Errorf("read %q, want %q", got, content)
		}
		for i := range 4 * 8 {
			if r, _, _, _ := img.At(i, i).RGBA(); r != 0xffff {
				t.Fatalf("the quiet zone is not light at %d", i)
			}
		}
	}
}

func TestPNGIsSmall(t *testing.T) {
	data, err := qr.PNG(loginURL)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 3<<10 {
		t.Errorf("a login's picture takes %d bytes", len(data))
	}
}

func TestRefusals(t *testing.T) {
	if _, err := qr.PNG(""); !errors.Is(err, qr.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := qr.Image(strings.Repeat("x", 5000)); !errors.Is(err, qr.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, err := qr.Terminal(strings.Repeat("x", 5000), qr.TerminalOptions{}); !errors.Is(err, qr.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// rasterise paints what a terminal would show: light blocks on a dark ground.
func rasterise(t testing.TB, text string) image.Image {
	t.Helper()
	text = strings.NewReplacer("\x1b[38;5;231;48;5;16m", "", "\x1b[0m", "").Replace(text)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	const px = 4
	width := utf8.RuneCountInString(lines[0])
	img := image.NewGray(image.Rect(0, 0, width*px, 2*len(lines)*px))
	for y, line := range lines {
		if n := utf8.RuneCountInString(line); n != width {
			t.Fatalf("line %d has %d columns, the first %d", y, n, width)
		}
		for x, glyph := range []rune(line) {
			for half, painted := range []bool{glyph == '█' || glyph == '▀', glyph == '█' || glyph == '▄'} {
				shade := color.Gray{}
				if painted {
					shade.Y = 0xff
				}
				for i := range px * px {
					img.SetGray(x*px+i%px, (2*y+half)*px+i/px, shade)
				}
			}
		}
	}
	return img
}

func TestTerminalReadsBack(t *testing.T) {
	if len(loginURL) != 131 {
		t.Fatalf("the sample has %d characters", len(loginURL))
	}
	tests := []struct {
		name          string
		width, height int
		lines         int
	}{
		{"unlimited", 0, 0, 29},
		{"large", 200, 60, 29},
		{"level L", 80, 25, 25},
		{"80x24", 80, 24, 23},
		{"just", 45, 23, 23},
	}
	for _, tt := range tests {
		for _, coloured := range []bool{true, false} {
			text, err := qr.Terminal(loginURL, qr.TerminalOptions{Color: coloured, Width: tt.width, Height: tt.height})
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if n := strings.Count(text, "\n"); n != tt.lines {
				t.Errorf("%s: %d lines, want %d", tt.name, n, tt.lines)
			}
			if strings.Contains(text, "\x1b") != coloured {
				t.Errorf("%s: colour is wrong", tt.name)
			}
			if got := decode(t, rasterise(t, text)); got != loginURL {
				t.Errorf("%s: read %q", tt.name, got)
			}
		}
	}
}

// Without block characters a module is two blanks on its colour.
func TestTerminalOfBlanks(t *testing.T) {
	text, err := qr.Terminal("https://example.com/code", qr.TerminalOptions{Color: true, Blanks: true, Width: 80, Height: 40})
	if err != nil {
		t.Fatal(err)
	}
	// The colours become the blocks that rasterise reads, a line for each half.
	text = strings.NewReplacer("\x1b[48;5;231m  ", "█", "\x1b[48;5;16m  ", " ", "\x1b[0m", "").Replace(text)
	if strings.Trim(text, "█ \n") != "" {
		t.Fatalf("there is more than blanks in %q", text)
	}
	img := rasterise(t, text).(*image.Gray)
	square := image.NewGray(image.Rect(0, 0, img.Rect.Dx(), img.Rect.Dy()/2))
	for y := range square.Rect.Dy() {
		for x := range square.Rect.Dx() {
			square.SetGray(x, y, img.GrayAt(x, 2*y))
		}
	}
	if got := decode(t, square); got != "https://example.com/code" {
		t.Errorf("read %q", got)
	}
}

func TestTerminalTooSmall(t *testing.T) {
	for _, o := range []qr.TerminalOptions{
		{Width: 44}, {Height: 22}, {Width: 1, Height: 1}, {Blanks: true}, {Blanks: true, Color: true, Width: 89}, {Blanks: true, Color: true, Height: 44},
	} {
		if _, err := qr.Terminal(loginURL, o); !errors.Is(err, qr.ErrTooSmall) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func FuzzPNG(f *testing.F) {
	f.Add(loginURL)
	f.Add("A1")
	f.Fuzz(func(t *testing.T, content string) {
		data, err := qr.PNG(content)
		if err != nil {
			return
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		printable := func(r rune) bool { return r > ' ' && r <= '~' }
		if len(content) < 500 && strings.IndexFunc(content, func(r rune) bool { return !printable(r) }) < 0 {
			if got := decode(t, img); got != content {
				t.Errorf("read %q, want %q", got, content)
			}
		}
	})
}
