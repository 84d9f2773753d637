package passporttest

import (
	"slices"
	"strconv"
	"strings"
)

// Trouble is a way in which the site can fail to answer.
type Trouble string

// The troubles. CodeTrouble makes those that are a code in proper JSON.
const (
	None        Trouble = ""
	HTTP500     Trouble = "http-500"
	HTTP502     Trouble = "http-502"
	HTTP403     Trouble = "http-403"
	HTTP412     Trouble = "http-412" // with the page that the edge sends
	HTTP429     Trouble = "http-429" // with Retry-After
	HTTP204     Trouble = "http-204"
	HTML        Trouble = "html"      // HTTP 200 and a page
	HalfJSON    Trouble = "half-json" // HTTP 200 and a body that breaks off
	EmptyBody   Trouble = "empty-body"
	EndlessBody Trouble = "endless-body" // never stops sending
	Reset       Trouble = "reset"        // the connection is reset
	Hang        Trouble = "hang"         // no answer until the client gives up
	Code352     Trouble = "code-352"
	Code412     Trouble = "code-412"
	Code509     Trouble = "code-509"
	Code799     Trouble = "code-799"
	Code400     Trouble = "code-400"
	CodeStrange Trouble = "code424242" // a code that nobody knows
)

// RetryAfterSeconds is what HTTP429 asks for.
const RetryAfterSeconds = 120

// Troubles lists every trouble but None.
func Troubles() []Trouble {
	return []Trouble{
		HTTP500, HTTP502, HTTP403, HTTP412, HTTP429, HTTP204, HTML, HalfJSON, EmptyBody, EndlessBody,
		Reset, Hang, Code352, Code412, Code509, Code799, Code400, CodeStrange,
	}
}

// CodeTrouble is a reply with HTTP 200, proper JSON and the given code.
func CodeTrouble(code int) Trouble { return Trouble("code" + strconv.Itoa(code)) }

func (t Trouble) code() (int, bool) {
	digits, ok := strings.CutPrefix(string(t), "code")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// known is for names that people type.
func (t Trouble) known() bool {
	if _, ok := t.code(); ok || t == None {
		return true
	}
	return slices.Contains(Troubles(), t)
}

// Faults are what is wrong with which path.
type Faults struct {
	*state
	kinds            map[string]Trouble
	left, lose, cuts map[string]int
	first            map[string]int
}

func newFaults(all *state) Faults {
	return Faults{
		state: all, kinds: make(map[string]Trouble),
		left: make(map[string]int), lose: make(map[string]int), cuts: make(map[string]int), first: make(map[string]int),
	}
}

// SetTrouble makes a path, or Any, answer with a trouble until it is healed
// with None. A path's own trouble goes before that of Any.
func (s *Faults) SetTrouble(path string, t Trouble) { s.SetTroubleFor(path, t, 0) }

// SetTroubleFor is SetTrouble for the next n requests, 0 for all of them.
func (s *Faults) SetTroubleFor(path string, t Trouble, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[path] = n
	if t == None {
		delete(s.kinds, path)
		return
	}
	s.kinds[path] = t
}

// SpareFirst lets the next n requests of a path pass a trouble that is set.
func (s *Faults) SpareFirst(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first[path] = n
}

// LoseReply makes the next n requests of a path act, and then reset the
// connection instead of answering.
func (s *Faults) LoseReply(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose[path] = n
}

// CutReply makes the next n requests of a path act and answer with all headers
// and half of the body, and then break the connection.
func (s *Faults) CutReply(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts[path] = n
}

// trouble is what the next request of a path meets. It needs mu.
func (s *Faults) trouble(path string) Trouble {
	if s.first[path] > 0 {
		s.first[path]--
		return None
	}
	t, own := s.kinds[path]
	if !own {
		path = Any
		t = s.kinds[Any]
	}
	if s.left[path] > 0 {
		if s.left[path]--; s.left[path] == 0 {
			delete(s.kinds, path)
		}
	}
	return t
}

// broken is an answer as it is delivered, after the site has acted. It needs mu.
func (s *Faults) broken(path string, a *answer) *answer {
	switch {
	case s.lose[path] > 0:
		s.lose[path]--
		return &answer{ending: reset}
	case s.cuts[path] > 0:
		s.cuts[path]--
		a.ending = cut
	}
	return a
}

const blockPage = `<!DOCTYPE html><html><head><title>412</title></head><body>
<h1>The request was rejected because of the security control policy.</h1></body></html>
`

// troubled is the reply that a trouble gives.
func troubled(t Trouble) *answer {
	if code, ok := t.code(); ok {
		return refused(code)
	}
	switch t {
	case HTTP500:
		return page(500, "<html><body>500 Internal Server Error</body></html>")
	case HTTP502:
		return page(502, "<html><body>502 Bad Gateway</body></html>")
	case HTTP403:
		return page(403, "<html><body>403 Forbidden</body></html>")
	case HTTP412:
		return page(412, blockPage)
	case HTTP429:
		a := envelope(-509, "too many requests", nil)
		a.status = 429
		a.header.Set("Retry-After", strconv.Itoa(RetryAfterSeconds))
		return a
	case HTTP204:
		return &answer{status: 204, header: newHeader("")}
	case HTML:
		return page(200, blockPage)
	case HalfJSON:
		a := envelope(0, "0", map[string]any{"refresh": true})
		a.body = a.body[:len(a.body)/2]
		return a
	case EmptyBody:
		return &answer{status: 200, header: newHeader("application/json; charset=utf-8")}
	case EndlessBody:
		a := envelope(0, "0", nil)
		a.ending, a.body = endless, []byte(`{"code":0,"message":"`)
		return a
	case Reset:
		return &answer{ending: reset}
	case Hang:
		return &answer{ending: hang}
	}
	return nil
}

func codeMessage(code int) string {
	switch code {
	case -101:
		return "账号未登录"
	case -111:
		return "csrf 校验失败"
	case 2202:
		return "csrf 请求非法"
	case 86095:
		return "refresh_csrf 错误或 refresh_token 与 cookie 不匹配"
	case -352:
		return "风控校验失败"
	case -412:
		return "请求被拦截"
	case -400:
		return "请求错误"
	}
	return strconv.Itoa(code)
}
