package passporttest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const defaultSessionLife = 180 * 24 * time.Hour

// state is what the areas of a site share: who there is, and what was given out.
type state struct {
	// mu guards everything of a site, its areas included.
	mu          sync.Mutex
	users       map[int64]*user
	sessions    map[string]*session // by SESSDATA
	tickets     map[string]ticket
	sessionLife time.Duration
	offset      time.Duration // how far the site's clock is ahead
}

func newState() *state {
	return &state{
		users: make(map[int64]*user), sessions: make(map[string]*session),
		tickets: make(map[string]ticket), sessionLife: defaultSessionLife,
	}
}

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

// ticket leads a hop to its session.
type ticket struct {
	session *session
	expires time.Time
}

const ticketLife = 10 * time.Minute

func (s *state) addUser(mid int64) *user {
	u := s.users[mid]
	if u == nil {
		u = &user{mid: mid}
		s.users[mid] = u
	}
	return u
}

// clock needs mu.
func (s *state) clock() time.Time { return time.Now().Add(s.offset) }

// newSession needs mu.
func (s *state) newSession(mid int64) *session {
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

func (one *session) alive(now time.Time) bool {
	return one != nil && !one.dead && now.Before(one.expires)
}

// live are a user's live sessions, oldest first. It needs mu.
func (s *state) live(mid int64) []*session {
	now := time.Now()
	var live []*session
	for _, one := range s.sessions {
		if one.mid == mid && one.alive(now) {
			live = append(live, one)
		}
	}
	slices.SortFunc(live, func(a, b *session) int { return a.number - b.number })
	return live
}

// who finds the live session that a request carries, by the raw bytes of its
// Cookie header: a SESSDATA that was decoded and encoded again is another one.
func (s *state) who(r *http.Request) *session {
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

func randomHex(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
}
