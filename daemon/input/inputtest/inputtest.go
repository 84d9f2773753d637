// Package inputtest has what people paste and export, for the tests of the reader
// and of the program as a whole.
package inputtest

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// Paste is a text and what has to come of it: "read, refreshable", "read" and the
// like, or "refuse".
type Paste struct{ Name, Encoding, Want, Text string }

// Bytes are the text in its encoding.
func (p Paste) Bytes() []byte {
	var order binary.AppendByteOrder
	switch p.Encoding {
	case "utf-16-le-bom":
		order = binary.LittleEndian
	case "utf-16-be-bom":
		order = binary.BigEndian
	default:
		return []byte(p.Text)
	}
	var data []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + p.Text)) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

//go:embed pasted.json
var pasted []byte

// Pasted returns the texts with values in the places that stand for them: {S}
// SESSDATA, {J} bili_jct, {M} mid, {R} refresh token, {B3} buvid3; {S2} and so on of
// another account. {S:18} is a slice, {M:e} the number as a float.
func Pasted(t testing.TB, values map[string]string) (list []Paste) {
	t.Helper()
	if err := json.Unmarshal(pasted, &list); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Text = fill(list[i].Text, values)
	}
	return list
}

var placeholder = regexp.MustCompile(`\{([A-Z]+[0-9]?)(?::([0-9]*)(:?)|:e)?\}`)

func fill(text string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		parts := placeholder.FindStringSubmatch(m)
		value, ok := values[parts[1]]
		switch {
		case !ok:
			return m
		case strings.HasSuffix(m, ":e}"):
			n, _ := strconv.ParseFloat(value, 64)
			return strconv.FormatFloat(n, 'e', -1, 64)
		case parts[2] == "":
			return value
		}
		n, _ := strconv.Atoi(parts[2])
		if parts[3] != "" {
			return value[n:]
		}
		return value[:n]
	})
}
