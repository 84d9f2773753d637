package passporttest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// user is somebody with an account at the site.
type user struct {
	mid        int64
	uname      string
	refreshDue bool

	rotations, confirms int
}

// session is a login that the site gave out.
type session struct {
	number                   int // in the order of their making
	sessdata, csrf, sum, sid string
	token                    string
	mid                      int64
	expires                  time.Time
	dead                     bool

	intl    bool // of bilibili.tv
	pending bool // not logged in before a page was visited

	before    *session // whose refresh made this one
	rotated   bool     // its token has been used for a refresh
	confirmed bool     // its token has been used for a confirmation
}

// AddUser adds or renames somebody with an account.
func (s *Site) AddUser(mid int64, uname string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid).uname = uname
}

func (s *Site) addUser(mid int64) *user {
	u := s.users[mid]
	if u == nil {
		u = &user{mid: mid}
		s.users[mid] = u
	}
	return u
}

// SetRefreshDue makes cookie/info say that a user's cookies should be rotated.
func (s *Site) SetRefreshDue(mid int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid).refreshDue = due
}

// Grant logs a user in without a code and returns the Set-Cookie lines.
func (s *Site) Grant(mid int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid)
	return s.newSession(mid).setCookies("bilibili.com")
}

// Kill ends all sessions of a user.
func (s *Site) Kill(mid int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.sessions {
		if one.mid == mid {
			one.dead = true
		}
	}
}

// KillSession ends one session.
func (s *Site) KillSession(sessdata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.sessions[sessdata]; one != nil {
		one.dead = true
	}
}

// Alive reports whether a session would be accepted now.
func (s *Site) Alive(sessdata string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sessdata].alive(time.Now())
}

// Sessions lists a user's live sessions, oldest first, by their SESSDATA.
func (s *Site) Sessions(mid int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, one := range s.live(mid) {
		names = append(names, one.sessdata)
	}
	return names
}

func (one *session) alive(now time.Time) bool {
	return one != nil && !one.dead && now.Before(one.expires)
}

// newSession needs mu.
func (s *Site) newSession(mid int64) *session {
	now := time.Now()
	one := &session{
		number: len(s.sessions), mid: mid, expires: now.Add(s.sessionLife),
		csrf: randomHex(32), sum: randomHex(16), sid: randomHex(8), token: randomHex(32),
	}
	// About 222 characters: id, expiry and a third field with a literal "*".
	one.sessdata = fmt.Sprintf("%s%%2C%d%%2C%s*%s", randomHex(8), one.expires.Unix(), randomHex(5), randomHex(192))
	s.sessions[one.sessdata] = one
	return one
}

// setCookies are the five lines of a login.
func (one *session) setCookies(domain string) []string {
	tail := fmt.Sprintf("; Path=/; Domain=%s; Expires=%s", domain, one.expires.UTC().Format(http.TimeFormat))
	return []string{
		"SESSDATA=" + one.sessdata + tail + "; HttpOnly; Secure",
		"bili_jct=" + one.csrf + tail,
		"DedeUserID=" + strconv.FormatInt(one.mid, 10) + tail,
		"DedeUserID__ckMd5=" + one.sum + tail,
		"sid=" + one.sid + tail,
	}
}

// query is the former form of a success: the cookies in the hop URL's query.
func (one *session) query() string {
	return fmt.Sprintf("DedeUserID=%d&DedeUserID__ckMd5=%s&Expires=%d&SESSDATA=%s&bili_jct=%s",
		one.mid, one.sum, one.expires.Unix(), one.sessdata, one.csrf)
}

// who finds the live session that a request carries, by the raw bytes of its
// Cookie header: a SESSDATA that was decoded and encoded again is another one.
func (s *Site) who(r *http.Request) *session {
	if one := s.sessions[cookieOf(r, "SESSDATA")]; one.alive(time.Now()) && !one.intl {
		return one
	}
	return nil
}

// cookieOf is the raw value of the first cookie of a name.
func cookieOf(r *http.Request, name string) string {
	for _, line := range r.Header.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			if n, value, _ := strings.Cut(strings.TrimSpace(pair), "="); n == name {
				return value
			}
		}
	}
	return ""
}

func wbiImages() map[string]any {
	return map[string]any{
		"img_url": "https://i0.hdslb.com/bfs/wbi/x.png", "sub_url": "https://i0.hdslb.com/bfs/wbi/y.png",
	}
}

func (s *Site) nav(r *http.Request) *answer {
	one := s.who(r)
	if one == nil {
		return envelope(-101, codeMessage(-101), map[string]any{"isLogin": false, "wbi_img": wbiImages()})
	}
	return envelope(0, "0", map[string]any{
		"isLogin": true, "mid": one.mid, "uname": s.addUser(one.mid).uname, "vipStatus": 0, "wbi_img": wbiImages(),
	})
}

func (s *Site) cookieInfo(r *http.Request) *answer {
	one := s.who(r)
	if one == nil {
		return envelope(-101, codeMessage(-101), nil)
	}
	if csrf := r.URL.Query().Get("csrf"); csrf != "" && csrf != one.csrf {
		return envelope(-111, codeMessage(-111), nil)
	}
	return envelope(0, "0", map[string]any{
		"refresh": s.addUser(one.mid).refreshDue, "timestamp": s.clock().UnixMilli(),
	})
}

func (s *Site) finger(*http.Request) *answer {
	id := strings.ToUpper(fmt.Sprintf("%s-%s-%s-%s-%s", randomHex(8), randomHex(4), randomHex(4), randomHex(4), randomHex(12)))
	return envelope(0, "ok", map[string]any{
		"b_3": id + "12345infoc", "b_4": id + "12345-026010203-" + "AbC/dEf+gH" + "==",
	})
}

func randomHex(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
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
