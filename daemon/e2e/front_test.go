//go:build unix

package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// moment is a point in an exchange between the keeper and somebody outside.
type moment string

const (
	arrived  moment = "arrived"  // the request is there, nothing has come of it
	acted    moment = "acted"    // it has had its effect, the keeper has no answer
	answered moment = "answered" // the answer is on its way to the keeper
	later    moment = "later"    // a few milliseconds on: the keeper is at work with it
)

// boundary is one moment of one exchange. What names the exchange: a path, a
// message's type, and for an answered poll what the site said.
type boundary struct {
	what string
	at   moment
}

func (b boundary) String() string { return b.what + " " + string(b.at) }

// front stands between the keeper and the site, and between the keeper and the
// receiver of webhooks. It sees every exchange, and can be asked to do
// something at each moment of it.
type front struct {
	// at, if there is one, is called at each boundary. It reports whether the
	// keeper has been killed there, so that there is nobody left to answer.
	at func(boundary) bool
	// breakNext makes the next request to the site one whose client has gone
	// when the site has seen it.
	breakNext atomic.Bool

	mu     sync.Mutex // guards all below
	seen   map[string]int
	newest string      // the content of the code that was given out last
	grants [][]string  // the Set-Cookie lines of each granted poll
	spied  spied       // all that the site has told and been told
	codes  []codeCheck // each code that was pushed, and whether it worked then
	// given are the granted polls by the keeper that asked; one that asks for
	// something else after its grant must have saved it.
	given []*given

	keepers keepers
}

// given is a granted poll.
type given struct {
	keeper int64
	saved  bool
}

// taken is how many granted replies the kills took before the keeper had to
// have saved them.
func (f *front) taken() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, g := range f.given {
		if !g.saved && g.keeper < f.keepers.now() {
			n++
		}
	}
	return n
}

// asked notes that a keeper asks the site for something, and returns which keeper it
// is.
func (f *front) asked(r *http.Request) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	keeper := keeperOf(r)
	for _, g := range f.given {
		g.saved = g.saved || g.keeper == keeper
	}
	return keeper
}

// codeCheck is a pushed code at the moment of its delivery.
type codeCheck struct {
	id            string
	known, newest bool
}

// count is how often an exchange has been through.
func (f *front) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[what]
}

func (f *front) granted() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([][]string(nil), f.grants...)
}

func (f *front) pushed() []codeCheck {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]codeCheck(nil), f.codes...)
}

// site passes requests on to the simulator. Only where boundaries matter is the
// answer held in memory in between: a trouble has to reach the connection.
func (f *front) site(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.breakNext.Swap(false) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			inner.ServeHTTP(w, r.WithContext(ctx))
			panic(http.ErrAbortHandler)
		}
		if f.at == nil {
			tee := &tee{ResponseWriter: w}
			defer func() { f.note(0, r, tee.Header(), tee.body) }()
			inner.ServeHTTP(tee, r)
			return
		}
		keeper := f.asked(r)
		f.exchange(w, r, inner, exchangePath(r), func(rec *httptest.ResponseRecorder) string {
			return f.note(keeper, r, rec.Header(), rec.Body.Bytes())
		})
	})
}

// hooks passes messages on to the receiver, and looks at each code that comes
// whether a phone could scan it now.
func (f *front) hooks(inner http.Handler, site *passporttest.Site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		var message struct {
			Type string
			Data struct{ Login *struct{ URL string } }
		}
		_ = json.Unmarshal(body, &message)
		if message.Data.Login != nil && message.Type == "login.code" {
			f.look(r.Header.Get("webhook-id"), message.Data.Login.URL, site.QR.Codes())
		}
		if f.at == nil {
			inner.ServeHTTP(w, r)
			f.saw(message.Type)
			return
		}
		f.exchange(w, r, inner, message.Type, func(*httptest.ResponseRecorder) string {
			f.saw(message.Type)
			return message.Type
		})
	})
}

func (f *front) look(id, content string, open []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := codeCheck{id: id, newest: content == f.newest}
	for _, one := range open {
		c.known = c.known || one == content
	}
	f.codes = append(f.codes, c)
}

func (f *front) saw(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = make(map[string]int)
	}
	f.seen[what]++
}

// exchange takes a request through all moments.
func (f *front) exchange(w http.ResponseWriter, r *http.Request, inner http.Handler, what string, name func(*httptest.ResponseRecorder) string) {
	gone := func(at moment) {
		if f.at(boundary{what, at}) {
			panic(http.ErrAbortHandler) // nobody is there to be answered
		}
	}
	gone(arrived)
	rec := httptest.NewRecorder()
	inner.ServeHTTP(rec, r)
	what = name(rec)
	gone(acted)
	maps.Copy(w.Header(), rec.Header())
	if rec.Code != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
	_ = http.NewResponseController(w).Flush()
	gone(answered)
	// Where in the keeper's work this falls is left to chance on purpose: there
	// is no other way to get between two of its instructions.
	time.Sleep(time.Duration(rand.IntN(6000)) * time.Microsecond)
	gone(later)
}

// exchangePath is a request's path. That of the page which authorises a refresh
// ends with a number that is never the same.
func exchangePath(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, passporttest.PathCorrespond) {
		return passporttest.PathCorrespond
	}
	return r.URL.Path
}

// note remembers what an exchange with the site was about, and names it.
func (f *front) note(keeper int64, r *http.Request, header http.Header, body []byte) string {
	what := exchangePath(r)
	var reply struct {
		Data struct {
			URL  string
			Code *int
		}
	}
	_ = json.Unmarshal(body, &reply)
	switch what {
	case passporttest.PathPoll:
		states := map[int]string{0: "granted", 86101: "waiting", 86090: "scanned", 86038: "gone"}
		if code := reply.Data.Code; code != nil {
			what += " " + states[*code]
		}
	case passporttest.PathCookieInfo, passporttest.PathNav:
		if strings.Contains(string(body), "-101") {
			what += " dead"
		}
	}
	f.saw(what)
	f.mu.Lock()
	defer f.mu.Unlock()
	if what == passporttest.PathGenerate && reply.Data.URL != "" && keeper == f.keepers.now() {
		// One that was given to a keeper that has died meanwhile is nobody's.
		f.newest = reply.Data.URL
	}
	if strings.HasSuffix(what, " granted") {
		f.grants = append(f.grants, header.Values("Set-Cookie"))
		f.given = append(f.given, &given{keeper: keeper})
	}
	f.spied.request(r)
	f.spied.reply(header, body)
	return what
}

// tee passes an answer on and keeps the beginning of it.
type tee struct {
	http.ResponseWriter
	body []byte
}

func (t *tee) Write(p []byte) (int, error) {
	if len(t.body) < 64<<10 {
		t.body = append(t.body, p...)
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets a trouble get at the connection.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// spied collects every secret that went over the wire, by where it was.
type spied map[string]map[string]bool

func (s *spied) add(name, value string) {
	if len(value) < 8 { // too short to be told from chance, and none is
		return
	}
	if *s == nil {
		*s = spied{}
	}
	if (*s)[name] == nil {
		(*s)[name] = map[string]bool{}
	}
	(*s)[name][value] = true
}

// harmless are the parameters and cookies that tell nothing.
var harmless = map[string]bool{
	"DedeUserID": true, "Expires": true, "gourl": true, "first_domain": true, "step": true,
	"navhide": true, "callback": true, "from": true, "source": true,
}

func (s *spied) query(text string) {
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	// By hand: a value counts as it stands, not only decoded.
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, value, _ := strings.Cut(pair, "="); !harmless[name] {
			s.add(name, value)
		}
	}
}

func (s *spied) request(r *http.Request) {
	s.query(r.URL.String())
	for pair := range strings.SplitSeq(r.Header.Get("Cookie"), "; ") {
		if name, value, _ := strings.Cut(pair, "="); !harmless[name] {
			s.add(name, value)
		}
	}
}

func (s *spied) reply(header http.Header, body []byte) {
	s.query(header.Get("Location"))
	for _, line := range header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		if value, _, _ := strings.Cut(rest, ";"); !harmless[name] {
			s.add(name, value)
		}
	}
	var reply struct {
		Data map[string]any `json:"data"`
	}
	_ = json.Unmarshal(body, &reply)
	for _, name := range []string{"refresh_token", "qrcode_key", "b_3", "b_4"} {
		if value, ok := reply.Data[name].(string); ok {
			s.add(name, value)
		}
	}
	if link, ok := reply.Data["url"].(string); ok {
		s.query(link)
	}
}
