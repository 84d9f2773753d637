package passport

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// fields is a JSON object. Names are looked up exactly: encoding/json would
// take "Code" for "code" in a struct, and what decides about a session must
// not rest on that.
type fields map[string]json.RawMessage

// envelope is the common form of the site's answers:
// {"code":0,"message":"0","ttl":1,"data":{…}}. The message is for people and
// varies; only the code decides.
type envelope struct {
	code int
	fields
}

// errPage marks a page that came with HTTP 200 in the place of JSON.
var errPage = errors.New("a page where JSON belongs")

// parseEnvelope judges a body that came with HTTP 200.
func parseEnvelope(op string, body []byte, contentType string) (envelope, *Error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(text) == 0 {
		return envelope{}, unreachable(op, 200, "an empty answer")
	}
	if !json.Valid(text) {
		if text[0] == '<' || strings.HasPrefix(strings.ToLower(contentType), "text/html") {
			return envelope{}, &Error{
				Op: op, Class: Blocked, HTTPStatus: 200, Scope: ScopeAccount,
				RetryAfter: hintHTML, Detail: errPage.Error(), Err: errPage,
			}
		}
		return envelope{}, unreachable(op, 200, "the answer is not whole JSON")
	}
	var f fields
	if json.Unmarshal(text, &f) != nil || f == nil {
		return envelope{}, unknown(op, "the answer is not a JSON object")
	}
	code, ok := f.number("code")
	if !ok {
		return envelope{}, unknown(op, "the answer has no code")
	}
	return envelope{code: int(code), fields: f}, nil
}

// number takes an integer, or one in quotes, as the site writes both.
func (f fields) number(name string) (int64, bool) {
	raw := string(f[name])
	if text, ok := f.text(name); ok {
		raw = text
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	return n, err == nil && n == int64(int(n))
}

func (f fields) text(name string) (string, bool) {
	raw := f[name]
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// words is a text that people read.
func (f fields) words(name string) string {
	text, _ := f.text(name)
	return plain.Line(text)
}

// flag is true or false; anything else, a quoted "true" too, is neither.
func (f fields) flag(name string) (value, ok bool) {
	switch string(f[name]) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// object returns nil, of which every field is missing, for anything else than
// an object.
func (f fields) object(name string) fields {
	var inner fields
	if json.Unmarshal(f[name], &inner) != nil {
		return nil
	}
	return inner
}

// list returns the objects of a list, the first limit of them.
func (f fields) list(name string, limit int) []fields {
	var raws []json.RawMessage
	if json.Unmarshal(f[name], &raws) != nil {
		return nil
	}
	var items []fields
	for _, raw := range raws[:min(len(raws), limit)] {
		var item fields
		if json.Unmarshal(raw, &item) == nil && item != nil {
			items = append(items, item)
		}
	}
	return items
}

// texts returns a list of strings, none for null or where there is no such
// field. It is not ok where anything else is there, or more than limit.
func (f fields) texts(name string, limit int) (texts []string, ok bool) {
	if raw := f[name]; len(raw) == 0 {
		return nil, true
	} else if json.Unmarshal(raw, &texts) != nil || len(texts) > limit {
		return nil, false
	}
	return texts, true
}

// truthy takes true, 1 and both in quotes for a yes.
func (f fields) truthy(name string) bool {
	if value, ok := f.flag(name); ok {
		return value
	}
	if text, ok := f.text(name); ok && strings.EqualFold(text, "true") {
		return true
	}
	n, ok := f.number(name)
	return ok && n != 0
}
