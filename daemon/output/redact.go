package output

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// minSecret is the length from which a value counts as a secret. Shorter ones
// of the site are flags and numbers, and would be found in any text.
const minSecret = 8

// Redact takes the credential's secrets out of a text that another program
// wrote, in each form that a program is likely to write them in: as they are,
// decoded, encoded once more, in pieces, and as base64.
func Redact(c keeper.Credential, text string) string {
	forms := map[string]bool{}
	for _, k := range c.Cookies {
		if k.Name != cookieMid { // the account's number is in every message
			addForms(forms, k.Value.Reveal())
		}
	}
	addForms(forms, c.RefreshToken.Reveal())
	// The longest first: one form may be a piece of another.
	ordered := make([]string, 0, len(forms))
	for f := range forms {
		ordered = append(ordered, f)
	}
	slices.SortFunc(ordered, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, f := range ordered {
		text = strings.ReplaceAll(text, f, secret.Redacted)
	}
	return text
}

func addForms(forms map[string]bool, value string) {
	if len(value) < minSecret {
		return
	}
	add := func(form string) {
		if len(form) < minSecret || strings.Trim(form, "0123456789") == "" {
			return // a time or a number, never a secret by itself
		}
		forms[form] = true
		if quoted, err := json.Marshal(form); err == nil {
			forms[strings.Trim(string(quoted), `"`)] = true
		}
	}
	forms[value] = true
	add(value)
	add(strings.ToLower(value))
	add(url.QueryEscape(value))
	add(base64.StdEncoding.EncodeToString([]byte(value)))
	for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		decoded, err := decode(value)
		if err != nil {
			continue
		}
		add(decoded)
		add(url.QueryEscape(decoded))
		add(base64.StdEncoding.EncodeToString([]byte(decoded)))
		for piece := range strings.SplitSeq(decoded, ",") {
			add(piece)
		}
	}
}
