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
// "*" is written both plainly and as %2A. The names in JSON are those of the vault.
type Cookie struct {
	Name     string        `json:"name"`
	Value    secret.String `json:"value"`
	Domain   string        `json:"domain,omitempty"`
	Path     string        `json:"path,omitempty"`
	Expires  time.Time     `json:"expires,omitzero"` // zero for a cookie of the browser's session
	HTTPOnly bool          `json:"http_only,omitempty"`
	Secure   bool          `json:"secure,omitempty"`
	SameSite string        `json:"same_site,omitempty"` // "", "Lax", "Strict" or "None"
}
