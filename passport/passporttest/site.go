package passporttest

import (
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
)

// The paths that the site answers.
const (
	PathGenerate   = "/x/passport-login/web/qrcode/generate"
	PathPoll       = "/x/passport-login/web/qrcode/poll"
	PathHop        = "/x/passport-login/web/crossDomain"
	PathHopOld     = "/crossDomain"
	PathNav        = "/x/web-interface/nav"
	PathCookieInfo = "/x/passport-login/web/cookie/info"
	PathFinger     = "/x/frontend/finger/spi"
	PathRefresh    = "/x/passport-login/web/cookie/refresh"
	PathConfirm    = "/x/passport-login/web/confirm/refresh"
	PathLogout     = "/login/exit/v2"

	PathIntlGenerate = "/x/intl/passport-login/qrcode/auth/url"
	PathIntlPoll     = "/x/intl/passport-login/qrcode/auth/fetch"
	PathIntlTargets  = "/x/intl/passport-login/web/sso/list"
	PathIntlSSO      = "/x/intl/passport-login/web/sso/set"
	PathIntlGo       = "/x/intl/passport-login/web/go"
	PathIntlUser     = "/intl/gateway/web/v2/user"
	PathIntlLogout   = "/x/intl/passport-login/web/login/exit"

	PathCountries      = "/web/generic/country/list"
	PathCaptcha        = "/x/passport-login/captcha"
	PathSMSSend        = "/x/passport-login/web/sms/send"
	PathSMSLogin       = "/x/passport-login/web/login/sms"
	PathCaptchaLegacy  = "/web/captcha/combine"
	PathSMSSendLegacy  = "/web/sms/general/v2/send"
	PathSMSLoginLegacy = "/web/login/rapid"

	// PathWidget is a script in the place of the captcha's own, for a browser: a
	// button that solves the puzzle.
	PathWidget = "/gt.js"

	// PathCorrespond is followed by the encrypted time. For troubles, lost
	// replies, the log and its counts it stands for all that begin with it.
	PathCorrespond = "/correspond/1/"
)

// Any stands for every path.
const Any = "*"

// Form is where a login's success puts the cookies.
type Form string

// The forms that the site has had.
const (
	FormHeaders Form = "headers" // Set-Cookie of the poll; since August 2026
	FormBoth    Form = "both"    // Set-Cookie and the query of the URL; before
	FormQuery   Form = "query"   // the query of the URL alone
	FormHop     Form = "hop"     // Set-Cookie of the hops that the URL leads to
)

const (
	defaultCodeLifetime = 180 * time.Second
	defaultSessionLife  = 180 * 24 * time.Hour
)

// Site simulates all hosts of the site at once; their paths do not overlap. It
// is safe for concurrent use.
type Site struct {
	// mu guards everything below.
	mu           sync.Mutex
	users        map[int64]*user
	codes        map[string]*code
	newest       string
	tickets      map[string]ticket
	sessions     map[string]*session
	form         Form
	troubles     map[string]Trouble
	lose, cuts   map[string]int
	codeLife     time.Duration
	sessionLife  time.Duration
	offset       time.Duration
	reuse        Reuse
	alterRefresh func(data map[string]any, setCookies []string) []string
	csrfs        map[string]issued
	emptyPages   int
	intl         intl
	sms          sms
	log          []Request

	// key has a lock of its own, taken after mu.
	key func() *rsa.PrivateKey
}

// Option configures a Site.
type Option func(*Site)

// WithUser adds a user from the start.
func WithUser(mid int64, uname string) Option { return func(s *Site) { s.AddUser(mid, uname) } }

// WithForm sets where a success puts the cookies; the default is FormHeaders.
func WithForm(f Form) Option { return func(s *Site) { s.SetForm(f) } }

// New returns a site without users.
func New(o ...Option) *Site {
	s := &Site{
		users:    make(map[int64]*user),
		codes:    make(map[string]*code),
		tickets:  make(map[string]ticket),
		sessions: make(map[string]*session),
		troubles: make(map[string]Trouble),
		lose:     make(map[string]int),
		cuts:     make(map[string]int),
		csrfs:    make(map[string]issued),
		key:      sync.OnceValue(newKey),
		intl:     intl{flow: IntlPlain, anonymous: AnonymousFlag},
		sms:      newSMS(),
		reuse:    ReuseAllowed,
		form:     FormHeaders, codeLife: defaultCodeLifetime, sessionLife: defaultSessionLife,
	}
	for _, set := range o {
		set(s)
	}
	return s
}

// Endpoints puts every role at one base URL.
func (s *Site) Endpoints(base string) passport.Endpoints {
	base = strings.TrimSuffix(base, "/")
	return passport.Endpoints{
		Passport: base, API: base, WWW: base, PassportGame: base, PassportIntl: base, APIIntl: base,
	}
}

// SetForm sets where the next success puts the cookies.
func (s *Site) SetForm(f Form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.form = f
}

// SetTrouble makes a path, or Any, answer with a trouble until it is healed
// with None. A path's own trouble goes before that of Any.
func (s *Site) SetTrouble(path string, t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == None {
		delete(s.troubles, path)
		return
	}
	s.troubles[path] = t
}

// LoseReply makes the next n requests of a path act, and then reset the
// connection instead of answering.
func (s *Site) LoseReply(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose[path] = n
}

// CutReply makes the next n requests of a path act and answer with all headers
// and half of the body, and then break the connection.
func (s *Site) CutReply(path string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts[path] = n
}

// SetCodeLifetime sets how long the codes made from now on can be scanned.
func (s *Site) SetCodeLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codeLife = d
}

// SetSessionLife sets how long the sessions granted from now on live.
func (s *Site) SetSessionLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessionLife = d
}

// answer is what the site has to say to a request.
func (s *Site) answer(r *http.Request) *answer {
	_ = r.ParseForm() // reads the body, so it comes before the lock
	path := knownPath(r.URL.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Request{
		Time: time.Now(), Method: r.Method, Path: path, Host: r.Host,
		Cookie: r.Header.Get("Cookie") != "", UserAgent: r.UserAgent(), Headers: slices.Sorted(headerNames(r.Header)),
	})
	a := s.decide(r, path)
	if s.offset != 0 && a.header != nil {
		a.header.Set("Date", s.clock().UTC().Format(http.TimeFormat))
	}
	return a
}

func knownPath(path string) string {
	if strings.HasPrefix(path, PathCorrespond) {
		return PathCorrespond
	}
	return path
}

// decide needs mu.
func (s *Site) decide(r *http.Request, path string) *answer {
	if t, ok := s.troubles[path]; ok {
		return troubled(t)
	}
	if t, ok := s.troubles[Any]; ok {
		return troubled(t)
	}
	if !looksLikeBrowser(r.UserAgent()) {
		return page(412, blockPage)
	}
	a := s.route(r, path)
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

// route needs mu, like all that it calls.
func (s *Site) route(r *http.Request, path string) *answer {
	method := http.MethodGet
	handle, ok := map[string]func(*http.Request) *answer{
		PathGenerate:   s.generate,
		PathPoll:       s.poll,
		PathHop:        s.hop,
		PathHopOld:     s.hop,
		PathNav:        s.nav,
		PathCookieInfo: s.cookieInfo,
		PathFinger:     s.finger,
		PathCorrespond: s.correspond,

		PathIntlGenerate: s.intlGenerate,
		PathIntlPoll:     s.intlPoll,
		PathIntlTargets:  s.intlTargets,
		PathIntlSSO:      s.intlSSO,
		PathIntlGo:       s.intlGo,
		PathIntlUser:     s.intlUser,

		PathCountries:     s.countries,
		PathCaptcha:       s.captcha,
		PathCaptchaLegacy: s.captchaLegacy,
		PathWidget:        s.widget,
	}[path]
	if !ok {
		method = http.MethodPost
		handle, ok = map[string]func(*http.Request) *answer{
			PathRefresh: s.refresh,
			PathConfirm: s.confirmRefresh,
			PathLogout:  s.logout,

			PathIntlLogout:     s.intlLogout,
			PathSMSSend:        s.smsSend,
			PathSMSLogin:       s.smsLogin,
			PathSMSSendLegacy:  s.smsSendLegacy,
			PathSMSLoginLegacy: s.smsLoginLegacy,
		}[path]
	}
	if !ok {
		return page(404, notFoundPage)
	}
	if r.Method != method {
		return envelope(-405, "method not allowed", nil)
	}
	return handle(r)
}

// looksLikeBrowser is the edge's crude rule: libraries are turned away.
func looksLikeBrowser(userAgent string) bool {
	lower := strings.ToLower(userAgent)
	for _, word := range []string{"curl", "python", "go-http-client", "java/", "okhttp", "bot"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	return strings.HasPrefix(userAgent, "Mozilla/5.0")
}
