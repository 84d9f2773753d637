package passporttest

import (
	"crypto/rsa"
	"net/http"
	"sync"
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

// Refresh is the refresh of bilibili.com's cookies: the page that authorises it,
// the new pair, the confirmation.
type Refresh struct {
	*state
	reuse      Reuse
	csrfs      map[string]issued
	emptyPages int
	alter      func(data map[string]any, setCookies []string) []string
	key        func() *rsa.PrivateKey // has a lock of its own, taken after mu
}

func newRefresh(all *state) Refresh {
	return Refresh{state: all, reuse: ReuseAllowed, csrfs: make(map[string]issued), key: sync.OnceValue(newKey)}
}

func (s *Refresh) routes() map[string]route {
	return map[string]route{
		PathCorrespond: {http.MethodGet, s.correspond},
		PathRefresh:    {http.MethodPost, s.refresh},
		PathConfirm:    {http.MethodPost, s.confirm},
	}
}

// SetDue makes cookie/info say that a user's cookies should be rotated.
func (s *Refresh) SetDue(mid int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid).refreshDue = due
}

// SetOldTokenReuse sets what the old token of an unconfirmed refresh is still
// good for. The default is ReuseAllowed; the confirmation takes it either way.
func (s *Refresh) SetOldTokenReuse(r Reuse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reuse = r
}

// Alter lets the next replies be other than they should: the
// site has rotated, and change writes what it says of it. Nil ends that.
func (s *Refresh) Alter(change func(data map[string]any, setCookies []string) []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alter = change
}

// Token returns the refresh token that belongs to a session, "" for an
// unknown one.
func (s *Refresh) Token(sessdata string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.sessions[sessdata]; one != nil {
		return one.token
	}
	return ""
}

// Pairs lists a user's live sessions with their tokens, oldest first.
func (s *Refresh) Pairs(mid int64) []Pair {
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
func (s *Refresh) Rotations(mid int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addUser(mid).rotations
}

// Confirms counts a user's successful confirmations, those whose reply was lost
// included.
func (s *Refresh) Confirms(mid int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addUser(mid).confirms
}

// proven finds the live session of a request that comes from a page of the site's
// own, or the answer to one that does not.
func (s *Refresh) proven(r *http.Request) (*session, *answer) {
	one := s.who(r)
	switch {
	case one == nil:
		return nil, refused(-101)
	case r.FormValue("csrf") != one.csrf:
		return nil, refused(-111)
	}
	return one, nil
}

// refresh gives a new pair. The old one lives on until it is confirmed.
func (s *Refresh) refresh(r *http.Request) *answer {
	one, no := s.proven(r)
	switch {
	case no != nil:
		return no
	case r.FormValue("source") == "":
		return refused(-400)
	case !s.useCSRF(r.FormValue("refresh_csrf"), one), one.token == "", r.FormValue("refresh_token") != one.token,
		one.rotated && s.reuse == ReuseDenied:
		return refused(86095)
	}
	one.rotated = true
	next := s.newSession(one.mid)
	next.before = one
	u := s.addUser(one.mid)
	u.rotations++
	u.refreshDue = false
	data := map[string]any{"status": 0, "message": "", "refresh_token": next.token}
	lines := next.setCookies("bilibili.com")
	if s.alter != nil {
		lines = s.alter(data, lines)
	}
	a := envelope(0, "0", data)
	a.header["Set-Cookie"] = lines
	return a
}

// confirm ends the session that the old token belongs to, and the token.
// So a second confirmation is refused as malformed: its token is no one's.
func (s *Refresh) confirm(r *http.Request) *answer {
	one, no := s.proven(r)
	if no != nil {
		return no
	}
	old := one.before
	if old == nil || old.confirmed || r.FormValue("refresh_token") != old.token {
		return refused(-400)
	}
	old.confirmed, old.dead = true, true
	s.addUser(one.mid).confirms++
	return &answer{
		status: 200, header: newHeader("application/json; charset=utf-8"),
		body: []byte(`{"code":0,"message":"0","ttl":1}`),
	}
}
