// Package secret keeps credentials from being printed by accident.
//
// A cookie value, a token or a QR key is held as a [String]. Every way in
// which Go, encoding/json or zerolog turns a value into text yields a fixed
// mark instead of the bytes; the bytes themselves come out of [String.Reveal]
// alone, so that each place that handles them in the clear can be found by
// its name. Nothing else belongs in here.
//
// Guarantee: a String never prints its content, and a zero String says so.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/rs/zerolog"
)

// Redacted stands in a text where a secret would have been.
const Redacted = "[redacted]"

// String is a text that must not be shown. The zero value is "no secret".
//
// It wraps a struct, not a string type, because a conversion string(s) would
// otherwise undo everything that the methods below do.
type String struct{ value string }

// New wraps a text that must not be shown.
func New(value string) String { return String{value: value} }

// Reveal returns the bytes. Call it where they leave for the site, the vault
// or a permitted reader, and nowhere else.
func (s String) Reveal() string { return s.value }

// IsZero reports whether there is no secret at all.
func (s String) IsZero() bool { return s.value == "" }

// Equal compares in constant time.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

func (s String) mark() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// String implements [fmt.Stringer].
func (s String) String() string { return s.mark() }

// GoString implements [fmt.GoStringer].
func (s String) GoString() string { return s.mark() }

// Format implements [fmt.Formatter], so that no verb reaches the bytes: %x and
// %d would otherwise print the field.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.mark()) }

// MarshalText implements [encoding.TextMarshaler].
func (s String) MarshalText() ([]byte, error) { return []byte(s.mark()), nil }

// MarshalJSON implements [encoding/json.Marshaler].
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + s.mark() + `"`), nil }

// MarshalZerologObject implements [zerolog.LogObjectMarshaler].
func (s String) MarshalZerologObject(e *zerolog.Event) { e.Str("secret", s.mark()) }
