package passporttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Accounts are the people with an account and their sessions, and what can be
// asked about those at bilibili.com.
type Accounts struct{ *state }

func (s *Accounts) routes() map[string]route {
	return map[string]route{
		PathNav:        {http.MethodGet, s.nav},
		PathCookieInfo: {http.MethodGet, s.cookieInfo},
		PathFinger:     {http.MethodGet, s.finger},
		PathLogout:     {http.MethodPost, s.logout},
	}
}

// AddUser adds or renames somebody with an account.
func (s *Accounts) AddUser(mid int64, uname string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid).uname = uname
}

// Grant logs a user in without a code and returns the Set-Cookie lines.
func (s *Accounts) Grant(mid int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addUser(mid)
	return s.newSession(mid).setCookies("bilibili.com")
}

// SetSessionLife sets how long the sessions granted from now on live.
func (s *Accounts) SetSessionLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessionLife = d
}

// SetClockOffset sets how far the site's clock is ahead of this machine's. It
// shows in cookie/info, in the Date header and in what the page takes for the
// future; the ends of codes and sessions do not move.
func (s *Accounts) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = d
}

// Kill ends all sessions of a user.
func (s *Accounts) Kill(mid int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.sessions {
		if one.mid == mid {
			one.dead = true
		}
	}
}

// KillSession ends one session.
func (s *Accounts) KillSession(sessdata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.sessions[sessdata]; one != nil {
		one.dead = true
	}
}

// Alive reports whether a session would be accepted now.
func (s *Accounts) Alive(sessdata string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sessdata].alive(time.Now())
}

// Sessions lists a user's live sessions, oldest first, by their SESSDATA.
func (s *Accounts) Sessions(mid int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names(mid)
}

// names needs mu.
func (s *Accounts) names(mid int64) []string {
	var names []string
	for _, one := range s.live(mid) {
		names = append(names, one.sessdata)
	}
	return names
}

func wbiImages() map[string]any {
	return map[string]any{
		"img_url": "https://i0.hdslb.com/bfs/wbi/x.png", "sub_url": "https://i0.hdslb.com/bfs/wbi/y.png",
	}
}

func (s *Accounts) nav(r *http.Request) *answer {
	one := s.who(r)
	if one == nil {
		return envelope(-101, codeMessage(-101), map[string]any{"isLogin": false, "wbi_img": wbiImages()})
	}
	return envelope(0, "0", map[string]any{
		"isLogin": true, "mid": one.mid, "uname": s.addUser(one.mid).uname, "vipStatus": 0, "wbi_img": wbiImages(),
	})
}

// all are the live sessions by mid.
func (s *Accounts) all() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string][]string)
	for mid := range s.users {
		all[strconv.FormatInt(mid, 10)] = s.names(mid)
	}
	return all
}

func (s *Accounts) cookieInfo(r *http.Request) *answer {
	one := s.who(r)
	if one == nil {
		return refused(-101)
	}
	if csrf := r.URL.Query().Get("csrf"); csrf != "" && csrf != one.csrf {
		return refused(-111)
	}
	return envelope(0, "0", map[string]any{
		"refresh": s.addUser(one.mid).refreshDue, "timestamp": s.clock().UnixMilli(),
	})
}

func (s *Accounts) finger(*http.Request) *answer {
	id := strings.ToUpper(fmt.Sprintf("%s-%s-%s-%s-%s", randomHex(8), randomHex(4), randomHex(4), randomHex(4), randomHex(12)))
	return envelope(0, "ok", map[string]any{
		"b_3": id + "12345infoc", "b_4": id + "12345-026010203-" + "AbC/dEf+gH" + "==",
	})
}

// logout ends a session. To somebody who is not logged in the site shows its
// login page instead of JSON.
func (s *Accounts) logout(r *http.Request) *answer {
	one := s.who(r)
	if one == nil {
		return page(200, loginPage)
	}
	if r.FormValue("biliCSRF") != one.csrf {
		return s.exit(2202, false)
	}
	one.dead = true
	a := s.exit(0, true)
	for _, name := range []string{"SESSDATA", "bili_jct", "DedeUserID", "DedeUserID__ckMd5"} {
		a.header.Add("Set-Cookie", name+"=; Path=/; Domain=bilibili.com; Expires="+
			s.clock().Add(-time.Hour).UTC().Format(http.TimeFormat))
	}
	return a
}

// exit is the envelope of the site's older pages.
func (s *Accounts) exit(code int, status bool) *answer {
	reply := map[string]any{"code": code, "status": status, "ts": s.clock().Unix()}
	if status {
		reply["data"] = map[string]any{"redirectUrl": "https://www.bilibili.com"}
	} else {
		reply["message"] = codeMessage(code)
	}
	body, err := json.Marshal(reply)
	if err != nil {
		return page(500, "<html><body>500 Internal Server Error</body></html>")
	}
	return &answer{status: 200, header: newHeader("application/json; charset=utf-8"), body: body}
}

const loginPage = `<!DOCTYPE html><html><head><title>login</title></head><body><div id="app"></div></body></html>
`
