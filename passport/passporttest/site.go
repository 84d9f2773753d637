package passporttest

import (
	"maps"
	"net/http"
	"strings"

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

// Site simulates all hosts of the site at once; their paths do not overlap. It
// is safe for concurrent use. Who has an account and a session, what goes wrong
// and which requests came are its own; the rest is with what it is about.
type Site struct {
	*state
	Accounts
	Faults
	Traffic

	QR      QR
	Refresh Refresh
	SMS     SMS
	Intl    Intl

	routes map[string]route
}

// route is how a path is answered, with mu held.
type route struct {
	method string
	answer func(*http.Request) *answer
}

// Option configures a Site.
type Option func(*Site)

// WithUser adds a user from the start.
func WithUser(mid int64, uname string) Option { return func(s *Site) { s.AddUser(mid, uname) } }

// WithForm sets where a success puts the cookies; the default is FormHeaders.
func WithForm(f Form) Option { return func(s *Site) { s.QR.SetForm(f) } }

// New returns a site without users.
func New(o ...Option) *Site {
	all := newState()
	s := &Site{
		state: all, Accounts: Accounts{all}, Faults: newFaults(all), Traffic: Traffic{state: all},
		QR: newQR(all), Refresh: newRefresh(all), SMS: newSMS(all), routes: make(map[string]route),
	}
	s.Intl = newIntl(all, &s.QR)
	for _, area := range []interface{ routes() map[string]route }{&s.Accounts, &s.QR, &s.Refresh, &s.SMS, &s.Intl} {
		maps.Copy(s.routes, area.routes())
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

// answer is what the site has to say to a request.
func (s *Site) answer(r *http.Request) *answer {
	_ = r.ParseForm() // reads the body, so it comes before the lock
	path := knownPath(r.URL.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(r, path)
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
	if t := s.trouble(path); t != None {
		return troubled(t)
	}
	if !looksLikeBrowser(r.UserAgent()) {
		return page(412, blockPage)
	}
	return s.broken(path, s.act(r, path))
}

// act needs mu, like all that it calls.
func (s *Site) act(r *http.Request, path string) *answer {
	to, ok := s.routes[path]
	switch {
	case !ok:
		return page(404, notFoundPage)
	case r.Method != to.method:
		return envelope(-405, "method not allowed", nil)
	}
	return to.answer(r)
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
