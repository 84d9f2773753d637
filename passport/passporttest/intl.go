package passporttest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// IntlFlow is what a login of bilibili.tv needs after the tap on the phone.
type IntlFlow string

// The flows. In each the cookies come as Set-Cookie where the platform is web,
// and in the body where it is tv.
const (
	IntlPlain     IntlFlow = "plain"     // nothing: the poll gives the cookies
	IntlSSO       IntlFlow = "sso"       // two places to visit, one of them with redirects
	IntlGoURL     IntlFlow = "go-url"    // -101 and no session before go_url was visited
	IntlLate      IntlFlow = "late"      // a session that is not logged in before go_url was visited
	IntlUntrusted IntlFlow = "untrusted" // two places, the second of them a foreign one
)

// Anonymous is how the check of bilibili.tv says that nobody is logged in. Which
// of the two the site uses is not known.
type Anonymous string

// The two ways.
const (
	AnonymousFlag Anonymous = "flag" // code 0 and "is_login": false
	AnonymousCode Anonymous = "code" // -101
)

const (
	intlDomain = ".bilibili.tv"
	intlHost   = "https://www.bilibili.tv"
	intlSister = "https://www.biliintl.com"
)

// Intl is bilibili.tv. Its codes are among those of QR.
type Intl struct {
	*state
	qr        *QR
	flow      IntlFlow
	targets   []string
	anonymous Anonymous
	renew     int
}

func newIntl(all *state, qr *QR) Intl {
	return Intl{state: all, qr: qr, flow: IntlPlain, anonymous: AnonymousFlag}
}

func (s *Intl) routes() map[string]route {
	return map[string]route{
		PathIntlGenerate: {http.MethodGet, s.generate},
		PathIntlPoll:     {http.MethodGet, s.poll},
		PathIntlTargets:  {http.MethodGet, s.listTargets},
		PathIntlSSO:      {http.MethodGet, s.sso},
		PathIntlGo:       {http.MethodGet, s.goPage},
		PathIntlUser:     {http.MethodGet, s.user},
		PathIntlLogout:   {http.MethodPost, s.logout},
	}
}

// SetFlow sets what the next logins of bilibili.tv need.
func (s *Intl) SetFlow(f IntlFlow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flow = f
}

// SetTargets sets the places that a login of bilibili.tv is told to visit,
// in place of those of the flow; none goes back to the flow's.
func (s *Intl) SetTargets(urls ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets = urls
}

// SetAnonymous sets how bilibili.tv says that nobody is logged in. The
// default is AnonymousFlag.
func (s *Intl) SetAnonymous(a Anonymous) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.anonymous = a
}

// Renew makes the next n checks of a live session of bilibili.tv set new
// cookies, of a session of their own.
func (s *Intl) Renew(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew = n
}

// Grant logs a user in at bilibili.tv and returns the Set-Cookie lines.
func (s *Intl) Grant(mid int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid)
	return s.newIntlSession(mid).intlCookies()
}

func (s *Intl) newIntlSession(mid int64) *session {
	one := s.newSession(mid)
	one.intl, one.token = true, "" // no refresh here
	return one
}

func (one *session) intlCookies() []string { return one.setCookies(intlDomain)[:3] }

func (s *Intl) whoIntl(r *http.Request) *session {
	if one := s.sessions[cookieOf(r, "SESSDATA")]; one.alive(time.Now()) && one.intl && !one.pending {
		return one
	}
	return nil
}

func (s *Intl) generate(*http.Request) *answer {
	c := s.qr.newCode(true)
	a := envelope(0, "0", map[string]any{"qr_url": c.url(), "qr_type": "qrcode_login"})
	a.header.Add("Set-Cookie", "bstar-web-lang=en; Path=/; Domain="+intlDomain)
	return a
}

func (s *Intl) poll(r *http.Request) *answer {
	now := time.Now()
	c := s.qr.codes[r.URL.Query().Get("ticket")]
	switch {
	case !c.open(now) || !c.intl:
		return envelope(10018100, "qrcode is expired", nil)
	case c.mid == 0:
		return envelope(10018101, "qrcode has not been scanned", nil)
	case !c.confirmed:
		return envelope(10018102, "qrcode has not been confirmed", nil)
	}
	c.used = true
	one := s.newIntlSession(c.mid)
	one.pending = s.flow == IntlLate || s.flow == IntlGoURL
	if r.URL.Query().Get("platform") == "tv" {
		one.pending = false
		return one.intlBody()
	}
	goURL := ""
	if one.pending {
		key := randomHex(32)
		s.tickets[key] = ticket{session: one, expires: now.Add(ticketLife)}
		goURL = intlHost + PathIntlGo + "?ticket=" + key
	}
	a := envelope(0, "0", map[string]any{
		"mid": c.mid, "is_new": false, "go_url": goURL,
		"user_profile": map[string]any{
			"is_userBlankProfile": false, "name": s.addUser(c.mid).uname, "face": "https://pic.bstarstatic.com/face/x.png",
		},
	})
	if s.flow != IntlGoURL {
		a.header["Set-Cookie"] = one.intlCookies()
	}
	return a
}

// intlBody is the success of a tv: nothing in the headers.
func (one *session) intlBody() *answer {
	item := func(name, value string, httpOnly int) map[string]any {
		return map[string]any{"name": name, "value": value, "http_only": httpOnly, "expires": one.expires.Unix(), "secure": 0}
	}
	return envelope(0, "0", map[string]any{
		"token_info": map[string]any{
			"mid": one.mid, "access_token": randomHex(32), "refresh_token": randomHex(32), "expires_in": 15552000,
		},
		"cookie_info": map[string]any{"cookies": []any{
			item("SESSDATA", one.sessdata, 1), item("bili_jct", one.csrf, 0), item("DedeUserID", strconv.FormatInt(one.mid, 10), 0),
		}},
	})
}

func (s *Intl) listTargets(r *http.Request) *answer {
	one := s.whoIntl(r)
	late := s.sessions[cookieOf(r, "SESSDATA")]
	if one == nil && (late == nil || s.flow != IntlLate) {
		return refused(-101)
	}
	set := PathIntlSSO + "?ticket=" + randomHex(16)
	targets := s.targets
	switch {
	case len(targets) > 0:
	case s.flow == IntlSSO:
		targets = []string{intlHost + set, intlSister + set + "&step=1"}
	case s.flow == IntlUntrusted:
		targets = []string{intlHost + set, "https://sso.example.net" + set}
	default:
		targets = []string{}
	}
	return envelope(0, "0", map[string]any{"sso": targets})
}

// sso is a place to visit. The one of the sister domain redirects twice, and
// sets cookies of the usual names for itself.
func (s *Intl) sso(r *http.Request) *answer {
	query := r.URL.Query()
	a := envelope(0, "0", nil)
	switch query.Get("step") {
	case "":
		a.header.Add("Set-Cookie", "joy_jct="+randomHex(32)+"; Path=/; Domain="+intlDomain)
	case "1":
		a = page(302, "")
		a.header.Add("Set-Cookie", "SESSDATA="+randomHex(32)+"; Path=/; Domain=.biliintl.com; HttpOnly; Secure")
		a.header.Set("Location", PathIntlSSO+"?ticket="+query.Get("ticket")+"&step=2")
	case "2":
		a = page(302, "")
		a.header.Set("Location", intlHost+PathIntlSSO+"?ticket="+query.Get("ticket")+"&step=3")
	}
	return a
}

// goPage is the page that a login may need: three redirects that share out the
// cookies.
func (s *Intl) goPage(r *http.Request) *answer {
	query := r.URL.Query()
	t, ok := s.tickets[query.Get("ticket")]
	if !ok || !time.Now().Before(t.expires) {
		return page(404, notFoundPage)
	}
	lines := t.session.intlCookies()
	a := page(302, "")
	again := PathIntlGo + "?ticket=" + query.Get("ticket") + "&step="
	switch query.Get("step") {
	case "":
		a.header["Set-Cookie"] = lines[:1]
		a.header.Set("Location", "https://passport.bilibili.tv"+again+"2")
	case "2":
		a.header["Set-Cookie"] = lines[1:]
		a.header.Set("Location", again+"3")
	default:
		t.session.pending = false
		return page(200, loginPage)
	}
	return a
}

func (s *Intl) user(r *http.Request) *answer {
	one := s.whoIntl(r)
	switch {
	case one != nil:
	case s.anonymous == AnonymousCode:
		return refused(-101)
	default:
		return envelope(0, "0", map[string]any{"is_login": false})
	}
	a := envelope(0, "0", map[string]any{"is_login": true})
	if s.renew > 0 {
		s.renew--
		a.header["Set-Cookie"] = s.newIntlSession(one.mid).intlCookies()
	}
	return a
}

func (s *Intl) logout(r *http.Request) *answer {
	one := s.whoIntl(r)
	switch {
	case one == nil:
		return refused(-101)
	case r.URL.Query().Get("csrf") != one.csrf:
		return refused(-111)
	}
	one.dead = true
	a := envelope(0, "0", map[string]any{"go_url": intlHost})
	for _, line := range one.intlCookies() {
		name, _, _ := strings.Cut(line, "=")
		a.header.Add("Set-Cookie", fmt.Sprintf("%s=; Path=/; Domain=%s; Max-Age=0", name, intlDomain))
	}
	return a
}
