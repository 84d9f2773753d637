// Package cookie is the one form in which a cookie travels through the program:
// from the site or from what a person pasted, to the vault, to what tools read.
//
// It knows what a cookie is and what it may look like, and nothing else: which
// cookies a login consists of belongs to passport, and how a tool wants them
// written to daemon/output.
//
// Guarantees: a value's bytes are never changed; a value is a secret and does
// not print.
package cookie

import (
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Cookie is one cookie as the site set it. The value's bytes are those of the
// Set-Cookie line: decoding and encoding SESSDATA again would change it, as
// "*" is written both plainly and as %2A.
type Cookie struct {
	Name     string
	Value    secret.String
	Domain   string
	Path     string
	Expires  time.Time // zero for a cookie of the browser's session
	HTTPOnly bool
	Secure   bool
	SameSite string // "", "Lax", "Strict" or "None"
}
