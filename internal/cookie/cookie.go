// Package cookie is the one form in which a cookie travels through the program:
// from the site or from what a person pasted, to the vault, to what tools read.
//
// It knows what a cookie is and what it may look like, and nothing else: which
// cookies a login consists of belongs to passport, and how a tool wants them
// written to daemon/output.
//
// Guarantees: a value's bytes are never changed; a value is a secret, does not
// print and stands in no error; names are compared whole and exactly; no
// function changes the list that it is given.
package cookie

import (
	"slices"
	"strings"
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

// Find returns the first cookie of a name. DedeUserID is a prefix of
// DedeUserID__ckMd5, so names are compared whole.
func Find(list []Cookie, name string) (Cookie, bool) {
	if i := index(list, name); i >= 0 {
		return list[i], true
	}
	return Cookie{}, false
}

// Value returns the value of the first cookie of a name, "no secret" where
// there is none.
func Value(list []Cookie, name string) secret.String {
	c, _ := Find(list, name)
	return c.Value
}

// Has reports whether the first cookie of a name has a value.
func Has(list []Cookie, name string) bool { return !Value(list, name).IsZero() }

// Set returns the list with the given cookies set in it one after the other, as
// in a browser's jar: in the place of the first cookie of the same name, or at
// the end. The list itself stays as it is.
func Set(list []Cookie, cookies ...Cookie) []Cookie {
	list = slices.Clone(list)
	for _, c := range cookies {
		if i := index(list, c.Name); i >= 0 {
			list[i] = c
		} else {
			list = append(list, c)
		}
	}
	return list
}

func index(list []Cookie, name string) int {
	return slices.IndexFunc(list, func(c Cookie) bool { return c.Name == name })
}

// Header returns the content of one Cookie header, "a=b; c=d", with the values
// byte for byte. What has no name or no value, or is not [Sendable], is left
// out. net/http's AddCookie would put values with a comma in quotes.
func Header(list []Cookie) secret.String {
	var line strings.Builder
	for _, c := range list {
		if !c.Sendable() {
			continue
		}
		if line.Len() == 0 {
			line.Grow(1 << 10) // as long as most get
		} else {
			line.WriteString("; ")
		}
		line.WriteString(c.Name)
		line.WriteByte('=')
		line.WriteString(c.Value.Reveal())
	}
	return secret.New(line.String())
}

// Sendable reports whether a cookie has a name and a value, and both can stand
// in a Cookie header.
func (c Cookie) Sendable() bool {
	return c.Name != "" && !c.Value.IsZero() && Sendable(c.Name) && Sendable(c.Value.Reveal())
}
