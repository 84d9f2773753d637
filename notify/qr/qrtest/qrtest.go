// Package qrtest reads the codes that package qr draws, for the tests of
// everything that shows one.
//
// What was read is not judged here: the test that asked knows what it expects.
package qrtest

import (
	"bytes"
	"fmt"
	"image"
	"image/png"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Read is what a picture says. A picture as it was drawn is read without searching
// for the code in it: the library's search misses about one in 700 that a phone finds,
// by what the code's modules happen to look like. Only what cannot be read so, as one
// that a browser has scaled, is searched.
func Read(picture image.Image) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", fmt.Errorf("prepare the picture: %w", err)
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_CHARACTER_SET: "UTF-8"}
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		delete(hints, gozxing.DecodeHintType_PURE_BARCODE)
		found, err = qrcode.NewQRCodeReader().Decode(bitmap, hints)
	}
	if err != nil {
		return "", fmt.Errorf("read the code: %w", err)
	}
	return found.GetText(), nil
}

// ReadPNG is Read of an encoded picture.
func ReadPNG(data []byte) (string, error) {
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("decode the picture: %w", err)
	}
	return Read(picture)
}
