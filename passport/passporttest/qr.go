package passporttest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What a phone can meet.
var (
	ErrNoCode  = errors.New("no such code, or it has expired or been used")
	ErrNoUser  = errors.New("no such user")
	ErrNotScan = errors.New("this user has not scanned the code")
)

// Form is where a login's success puts the cookies.
type Form string

// The forms that the site has had.
const (
	FormHeaders Form = "headers" // Set-Cookie of the poll; since August 2026
	FormBoth    Form = "both"    // Set-Cookie and the query of the URL; before
	FormQuery   Form = "query"   // the query of the URL alone
	FormHop     Form = "hop"     // Set-Cookie of the hops that the URL leads to
)

const defaultCodeLifetime = 180 * time.Second

// QR is the login by QR code at bilibili.com, and the codes of both sites.
type QR struct {
	*state
	codes    map[string]*code
	newest   string
	form     Form
	codeLife time.Duration
	referer  string
	beside   []string
}

func newQR(all *state) QR {
	return QR{state: all, codes: make(map[string]*code), form: FormHeaders, codeLife: defaultCodeLifetime}
}

func (s *QR) routes() map[string]route {
	return map[string]route{
		PathGenerate: {http.MethodGet, s.generate},
		PathPoll:     {http.MethodGet, s.poll},
		PathHop:      {http.MethodGet, s.hop},
		PathHopOld:   {http.MethodGet, s.hop},
	}
}

// SetForm sets where the next success puts the cookies.
func (s *QR) SetForm(f Form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.form = f
}

// SetCodeLifetime sets how long the codes made from now on can be scanned.
func (s *QR) SetCodeLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codeLife = d
}

// OnlyFrom makes the site tell of scans to those only who ask from a page, "" for
// everybody. Others are told that nobody scanned.
func (s *QR) OnlyFrom(referer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.referer = referer
}

// Beside lets the next successes bring Set-Cookie lines beside the login's own.
func (s *QR) Beside(setCookies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beside = setCookies
}

// code is a QR code that was given out.
type code struct {
	key       string
	intl      bool // one of bilibili.tv
	expires   time.Time
	mid       int64 // who scanned it, 0 for nobody
	confirmed bool
	used      bool
}

func (c *code) open(now time.Time) bool { return c != nil && !c.used && now.Before(c.expires) }

// Scan is a phone that scans a code: the next poll says so.
func (s *QR) Scan(qrURL string, mid int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.scannable(qrURL, mid)
	if err != nil {
		return err
	}
	c.mid, c.confirmed = mid, false
	return nil
}

// Confirm is the tap on the phone that scanned the code: the next poll is a
// success, once.
func (s *QR) Confirm(qrURL string, mid int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.scannable(qrURL, mid)
	if err != nil {
		return err
	}
	if c.mid != mid {
		return ErrNotScan
	}
	c.confirmed = true
	return nil
}

func (s *QR) scannable(qrURL string, mid int64) (*code, error) {
	c := s.codes[parseQR(qrURL)]
	if !c.open(time.Now()) {
		return nil, ErrNoCode
	}
	if s.users[mid] == nil {
		return nil, ErrNoUser
	}
	return c, nil
}

// Codes lists the content of the codes that can still be scanned or polled,
// the one that runs out first before the others.
func (s *QR) Codes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*code
	for _, c := range s.codes {
		if c.open(time.Now()) {
			open = append(open, c)
		}
	}
	slices.SortFunc(open, func(a, b *code) int { return a.expires.Compare(b.expires) })
	var list []string
	for _, c := range open {
		list = append(list, c.url())
	}
	return list
}

// latest is the key of the code that was made last.
func (s *QR) latest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

func (c *code) url() string {
	if c.intl {
		return "https://www.bilibili.tv/h5/en/qrcode/login?ticket=" + c.key
	}
	return "https://account.bilibili.com/h5/account-h5/auth/scan-web?navhide=1&callback=close&qrcode_key=" + c.key + "&from="
}

func (s *QR) generate(*http.Request) *answer {
	c := s.newCode(false)
	return envelope(0, "0", map[string]any{"url": c.url(), "qrcode_key": c.key})
}

func (s *QR) newCode(intl bool) *code {
	now := time.Now()
	for key, c := range s.codes { // old ones answer like unknown ones
		if !c.open(now) {
			delete(s.codes, key)
		}
	}
	c := &code{key: randomHex(32), intl: intl, expires: now.Add(s.codeLife)}
	s.codes[c.key], s.newest = c, c.key
	return c
}

func (s *QR) poll(r *http.Request) *answer {
	now := time.Now()
	c := s.codes[r.URL.Query().Get("qrcode_key")]
	switch {
	case !c.open(now) || c.intl:
		return scanState(86038, "二维码已失效")
	case c.mid == 0, s.referer != "" && r.Referer() != s.referer:
		return scanState(86101, "未扫码")
	case !c.confirmed:
		return scanState(86090, "二维码已扫码未确认")
	}
	c.used = true
	return s.success(s.newSession(c.mid), now)
}

func scanState(state int, message string) *answer {
	return envelope(0, "0", map[string]any{
		"url": "", "refresh_token": "", "timestamp": 0, "code": state, "message": message,
	})
}

func (s *QR) success(one *session, now time.Time) *answer {
	const oldHop = "https://passport.biligame.com/crossDomain?"
	const end = "&gourl=https%3A%2F%2Fwww.bilibili.com"
	key := strings.ToUpper(randomHex(16))
	s.tickets[key] = ticket{session: one, expires: now.Add(ticketLife)}
	hop := "https://passport.biligame.com" + PathHop + "?ticket=" + key + end + "&first_domain=.bilibili.com"
	if s.form == FormBoth || s.form == FormQuery {
		hop = oldHop + one.query() + end
	}
	a := envelope(0, "0", map[string]any{
		"url": hop, "refresh_token": one.token, "timestamp": s.clock().UnixMilli(), "code": 0, "message": "",
	})
	if s.form == FormHeaders || s.form == FormBoth {
		a.header["Set-Cookie"] = append(one.setCookies("bilibili.com"), s.beside...)
	}
	return a
}

// hop answers the redirects after a login. In the hop form each of three sets a
// part of the cookies; otherwise it only leads on, as the cookies it would set
// are those of a sister domain.
func (s *QR) hop(r *http.Request) *answer {
	query := r.URL.Query()
	t, ok := s.tickets[query.Get("ticket")]
	a := page(302, "")
	a.header.Set("Location", "https://www.bilibili.com")
	if !ok || !time.Now().Before(t.expires) || s.form != FormHop {
		return a
	}
	lines := t.session.setCookies("bilibili.com")
	sister := t.session.setCookies("biligame.com")
	again := PathHop + "?ticket=" + query.Get("ticket") + "&step="
	switch query.Get("step") {
	case "": // on the sister domain, leads back to the login's own host
		a.header["Set-Cookie"] = sister[3:]
		a.header.Set("Location", "https://passport.bilibili.com"+again+"2")
	case "2": // a relative redirect
		a.header["Set-Cookie"] = lines[:1]
		a.header.Set("Location", again+"3")
	case "3":
		a.header["Set-Cookie"] = lines[1:3]
	}
	return a
}

// parseQR finds the key in a code's content; a bare key will do too.
func parseQR(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	for _, name := range []string{"qrcode_key", "ticket"} {
		if key := u.Query().Get(name); key != "" {
			return key
		}
	}
	return text
}
