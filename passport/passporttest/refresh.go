package passporttest

import (
	"net/http"
	"slices"
	"time"
)

// Reuse is what a second refresh with the same old token gets before the first
// is confirmed. What the site does is not proven.
type Reuse string

// The two answers.
const (
	ReuseAllowed Reuse = "allowed" // one more fresh pair
	ReuseDenied  Reuse = "denied"  // 86095
)

// Pair is a live session and the refresh token that goes with it.
type Pair struct {
	SESSDATA, RefreshToken string
}

// SetOldTokenReuse sets what the old token of an unconfirmed refresh is still
// good for. The default is ReuseAllowed; the confirmation takes it either way.
func (s *Site) SetOldTokenReuse(r Reuse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reuse = r
}

// AlterRefresh lets the next replies of a refresh be other than they should: the
// site has rotated, and change writes what it says of it. Nil ends that.
func (s *Site) AlterRefresh(change func(data map[string]any, setCookies []string) []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alterRefresh = change
}

// RefreshToken returns the refresh token that belongs to a session, "" for an
// unknown one.
func (s *Site) RefreshToken(sessdata string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.sessions[sessdata]; one != nil {
		return one.token
	}
	return ""
}

// Pairs lists a user's live sessions with their tokens, oldest first.
func (s *Site) Pairs(mid int64) []Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pairs []Pair
	for _, one := range s.live(mid) {
		pairs = append(pairs, Pair{SESSDATA: one.sessdata, RefreshToken: one.token})
	}
	return pairs
}

// Rotations counts a user's successful refreshes, those whose reply was lost
// included.
func (s *Site) Rotations(mid int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addUser(mid).rotations
}

// Confirms counts a user's successful confirmations, those whose reply was lost
// included.
func (s *Site) Confirms(mid int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addUser(mid).confirms
}

// refresh gives a new pair. The old one lives on until it is confirmed.
func (s *Site) refresh(r *http.Request) *answer {
	one := s.who(r)
	switch {
	case one == nil:
		return envelope(-101, codeMessage(-101), nil)
	case r.FormValue("csrf") != one.csrf:
		return envelope(-111, codeMessage(-111), nil)
	case r.FormValue("source") == "":
		return envelope(-400, codeMessage(-400), nil)
	case !s.useCSRF(r.FormValue("refresh_csrf"), one), one.token == "", r.FormValue("refresh_token") != one.token,
		one.rotated && s.reuse == ReuseDenied:
		return envelope(86095, codeMessage(86095), nil)
	}
	one.rotated = true
	next := s.newSession(one.mid)
	next.before = one
	u := s.addUser(one.mid)
	u.rotations++
	u.refreshDue = false
	data := map[string]any{"status": 0, "message": "", "refresh_token": next.token}
	lines := next.setCookies("bilibili.com")
	if s.alterRefresh != nil {
		lines = s.alterRefresh(data, lines)
	}
	a := envelope(0, "0", data)
	a.header["Set-Cookie"] = lines
	return a
}

// confirmRefresh ends the session that the old token belongs to, and the token.
// So a second confirmation is refused as malformed: its token is no one's.
func (s *Site) confirmRefresh(r *http.Request) *answer {
	one := s.who(r)
	switch {
	case one == nil:
		return envelope(-101, codeMessage(-101), nil)
	case r.FormValue("csrf") != one.csrf:
		return envelope(-111, codeMessage(-111), nil)
	}
	old := one.before
	if old == nil || old.confirmed || r.FormValue("refresh_token") != old.token {
		return envelope(-400, codeMessage(-400), nil)
	}
	old.confirmed, old.dead = true, true
	s.addUser(one.mid).confirms++
	return &answer{
		status: 200, header: newHeader("application/json; charset=utf-8"),
		body: []byte(`{"code":0,"message":"0","ttl":1}`),
	}
}

// live are a user's live sessions, oldest first. It needs mu.
func (s *Site) live(mid int64) []*session {
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
