package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"rsc.io/qr"
)

// The reasons of a code that is not drawn.
var (
	ErrEmpty    = errors.New("there is nothing to draw")
	ErrTooLong  = errors.New("the content is too long for a QR code")
	ErrTooSmall = errors.New("the terminal is too small for the QR code")
)

const (
	scale     = 8 // pixels to a module
	fullQuiet = 4 // modules; what the standard asks for
	lowQuiet  = 2 // modules; what readers still accept
)

// Image draws a code with two colours.
func Image(content string) (*image.Paletted, error) {
	code, err := encode(content, qr.M)
	if err != nil {
		return nil, err
	}
	side := (code.Size + 2*fullQuiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		row := img.Pix[y*img.Stride:][:side]
		for x := range row {
			if code.Black(x/scale-fullQuiet, y/scale-fullQuiet) {
				row[x] = 1
			}
		}
	}
	return img, nil
}

// PNG is the picture of Image; about 1 kB for a login's URL.
func PNG(content string) ([]byte, error) {
	img, err := Image(content)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&buf, img); err != nil {
		return nil, fmt.Errorf("encode the picture: %w", err)
	}
	return buf.Bytes(), nil
}

func encode(content string, level qr.Level) (*qr.Code, error) {
	if content == "" {
		return nil, ErrEmpty
	}
	code, err := qr.Encode(content, level)
	if err != nil {
		return nil, ErrTooLong // the one error that there is
	}
	return code, nil
}
