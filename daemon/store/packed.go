package store

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"sync"

	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Packed is a record whose secrets are one short text until somebody needs them.
// That is a third of the memory; most accounts are left alone for hours.
type Packed struct {
	Brief
	// Session is the same number for the same session, 0 for none.
	Session uint64
	secrets secret.String
}

// Format implements [fmt.Formatter], so that no verb prints the secrets.
func (p Packed) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "record of "+p.Name+" [redacted]")
}

// packing is what a record's secrets were unpacked from, as it is packed and as it is
// on disk.
type packing struct {
	secrets    Secrets
	session    uint64
	text, long secret.String
}

// Unpack returns the record.
func (p *Packed) Unpack() (*Record, error) {
	r, long := &Record{Brief: p.Brief}, lengthen(p.secrets)
	if err := (secret.Seal{}).Unmarshal([]byte(long.Reveal()), &r.Secrets); err != nil {
		return nil, fmt.Errorf("read the secrets of account %s: %w", p.Name, err)
	}
	r.Device.Key = r.Name
	was := &packing{r.Secrets, p.Session, p.secrets, long}
	r.packing = func() *packing { return was }
	return r, nil
}

// Pack packs a record.
func (r *Record) Pack() (*Packed, error) {
	if was := r.asPacked(); was != nil {
		return &Packed{Brief: r.Brief, Session: was.session, secrets: was.text}, nil
	}
	data, err := secret.Seal{}.Marshal(&r.Secrets)
	if err != nil {
		return nil, fmt.Errorf("pack the secrets of account %s: %w", r.Name, err)
	}
	return &Packed{Brief: r.Brief, Session: r.SessionNumber(), secrets: shorten(string(data))}, nil
}

// asPacked is what a record was unpacked from, nil where its secrets have changed since:
// most changes are of none.
func (r *Record) asPacked() *packing {
	if r.packing == nil {
		return nil
	}
	was := r.packing()
	if !r.Secrets.same(&was.secrets) {
		return nil
	}
	return was
}

// SessionNumber is the same for records with the same session, 0 where there is none.
func (r *Record) SessionNumber() uint64 {
	return sessionNumber(cookie.Value(r.Credential.Cookies, sessionCookie).Reveal())
}

const sessionCookie = "SESSDATA"

var seed = maphash.MakeSeed()

func sessionNumber(session string) uint64 {
	if session == "" {
		return 0
	}
	return max(maphash.String(seed, session), 1)
}

// Text is an account's record as the vault has it, which nobody has read yet.
type Text struct {
	Name     string
	revision uint64
	text     secret.String
}

// Format implements [fmt.Formatter], so that no verb prints the secrets.
func (t Text) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "record of "+t.Name+" [redacted]")
}

// Pack reads what a text says beside the secrets, and leaves those as they are.
func (t Text) Pack() (*Packed, error) {
	text := t.text.Reveal()
	account, rest, ok := splitAccount(text)
	if !ok {
		r, err := decodeRecord([]byte(text), t.revision)
		if err != nil {
			return nil, err
		}
		return r.Pack()
	}
	p := &Packed{Brief: Brief{Revision: t.revision}}
	if err := json.Unmarshal([]byte(account), &p.Account); err != nil {
		return nil, fmt.Errorf("read an account's record: %w", err)
	}
	p.Counted = p.CheckedAt
	if !json.Valid([]byte(rest)) {
		return nil, fmt.Errorf("read an account's record: it is no JSON")
	}
	secrets, beside, err := splitBeside(rest)
	if err != nil {
		return nil, err
	}
	p.Preferences, p.uncounted = beside.Preferences, beside.Uncounted
	p.Session, p.secrets = sessionNumber(sessionIn(secrets)), shorten(secrets)
	return p, nil
}

// documentHead is how each record's document begins.
const documentHead = `{"account":`

// splitAccount takes the account, which comes first, out of a record's document.
func splitAccount(text string) (account, rest string, ok bool) {
	const head = documentHead
	if !strings.HasPrefix(text, head+"{") {
		return "", "", false
	}
	depth, quoted := 0, false
	for i := len(head); i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				rest, ok := strings.CutPrefix(text[i+1:], ",")
				return text[len(head) : i+1], "{" + rest, ok || rest == "}"
			}
		}
	}
	return "", "", false
}

// splitBeside takes what is there beside the secrets off a document's end.
func splitBeside(rest string) (secrets string, b Beside, err error) {
	// No text has these in it: its quotes are escaped.
	for _, first := range []string{`"preferences":`, `"uncounted":`} {
		if secrets, _, ok := strings.Cut(rest, first); ok {
			if err := json.Unmarshal([]byte("{"+rest[len(secrets):]), &b); err != nil {
				return "", b, fmt.Errorf("read an account's record: %w", err)
			}
			return strings.TrimSuffix(secrets, ",") + "}", b, nil
		}
	}
	return rest, b, nil
}

// sessionIn is the value of the session's cookie among the secrets of a document: of
// the credential, which comes before others.
func sessionIn(secrets string) string {
	_, credential, ok := strings.Cut(secrets, `"credential":`)
	if !ok {
		return ""
	}
	// No text has these in it: its quotes are escaped.
	for _, next := range []string{`,"staged":`, `,"spare":`, `,"old_token":`, `,"code":`} {
		credential, _, _ = strings.Cut(credential, next)
	}
	_, value, ok := strings.Cut(credential, `{"name":"`+sessionCookie+`","value":"`)
	if !ok {
		return ""
	}
	if plain, _, ok := strings.Cut(value, `"`); ok && !strings.Contains(plain, `\`) {
		return plain
	}
	var session string
	if json.NewDecoder(strings.NewReader(`"`+value)).Decode(&session) != nil {
		return ""
	}
	return session
}

// fragments are what most documents have in common. Each stands in a packed one as a
// single control character, of which JSON has none.
var fragments = sync.OnceValue(func() (r struct{ short, long *strings.Replacer }) {
	var shorten, lengthen []string
	for i, fragment := range []string{
		`","domain":"bilibili.com","path":"/","expires":"`, `","domain":"bilibili.com","path":"/"`, `","domain":"`,
		`{"device":{"user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/`,
		`{"device":{"user_agent":"`, `.0.0.0 Safari/537.36 Edg/`, `.0.0.0 Safari/537.36`,
		`"},"credential":{"cookies":[{"name":"SESSDATA","value":"`, `},{"name":"DedeUserID__ckMd5","value":"`, `},{"name":"DedeUserID","value":"`,
		`},{"name":"bili_jct","value":"`, `},{"name":"sid","value":"`, `},{"name":"`, `","value":"`, `","buvid3":"`, `","buvid4":"`,
		`","http_only":true,"secure":true`, `"}],"refresh_token":"`, `"}],"at":"0001-01-01T00:00:00Z"`, `","at":"`, `"expires":"`, `"http_only":true`, `"secure":true`,
	} {
		code := string(rune(i + 1))
		shorten, lengthen = append(shorten, fragment, code), append(lengthen, code, fragment)
	}
	r.short, r.long = strings.NewReplacer(shorten...), strings.NewReplacer(lengthen...)
	return r
})

// shorten returns a text of its own, that holds nothing else in memory.
func shorten(text string) secret.String {
	return secret.New(strings.Clone(fragments().short.Replace(text)))
}

func lengthen(short secret.String) secret.String {
	return secret.New(fragments().long.Replace(short.Reveal()))
}
