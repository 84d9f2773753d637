package passporttest

import (
	"encoding/json"
	"net/http"
	"time"
)

// logout ends a session. To somebody who is not logged in the site shows its
// login page instead of JSON.
func (s *Site) logout(r *http.Request) *answer {
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
func (s *Site) exit(code int, status bool) *answer {
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
