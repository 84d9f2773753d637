//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"bytes"
	"errors"
	"image"
	"image/draw"
	"image/png"
)

// maxSide is far above a code's picture; more would be megabytes on the bus.
const maxSide = 1024

// picture turns a PNG into the pixels that a notification's image-data wants:
// tightly packed, from the origin.
func picture(data []byte) (*image.RGBA, error) {
	header, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, errors.New("the picture is not a PNG")
	}
	if header.Width > maxSide || header.Height > maxSide {
		return nil, errors.New("the picture is too large")
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, errors.New("the picture is damaged")
	}
	rgba := image.NewRGBA(image.Rect(0, 0, header.Width, header.Height))
	draw.Draw(rgba, rgba.Bounds(), img, img.Bounds().Min, draw.Src)
	return rgba, nil
}
