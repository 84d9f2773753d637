package passporttest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// adminPrefix is where people, not clients, talk to the simulator.
const adminPrefix = "/_sim/"

// admin is for shells: curl -d mid=100200300 http://127.0.0.1:7380/_sim/scan.
// Parameters come in the query or in a form.
func (s *Site) admin(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, adminPrefix)
	if name == "key" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.CorrespondKeyPEM())
		return
	}
	if read, ok := map[string]func() any{
		"log":      func() any { return s.Log() },
		"sessions": func() any { return s.allSessions() },
		"codes":    func() any { return s.Codes() },
		"troubles": func() any { return Troubles() },
		"sms":      func() any { return map[string]any{"code": s.SMS(r.FormValue("phone"))} },
	}[name]; ok && r.Method == http.MethodGet {
		writeJSON(w, http.StatusOK, read())
		return
	}
	act, ok := map[string]func(*http.Request) error{
		"user":     s.adminUser,
		"scan":     func(r *http.Request) error { return s.adminPhone(r, s.Scan) },
		"confirm":  func(r *http.Request) error { return s.adminPhone(r, s.Confirm) },
		"kill":     s.adminKill,
		"trouble":  s.adminTrouble,
		"lose":     s.adminLose,
		"form":     s.adminForm,
		"lifetime": s.adminLifetime,
		"due":      s.adminDue,
		"empty":    s.adminEmpty,
		"clock":    s.adminClock,
		"reuse":    s.adminReuse,
		"phone":    s.adminAddPhone,
		"verify":   s.adminVerify,
		"intl":     s.adminIntl,
	}[name]
	switch {
	case !ok:
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no such thing here"})
	case r.Method != http.MethodPost:
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"error": "use POST"})
	default:
		if err := act(r); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"ok": true})
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // URLs are copied from here
	_ = encoder.Encode(v)
}

var errNoMid = errors.New("mid: a positive number is needed")

func midOf(r *http.Request) (int64, error) {
	mid, err := strconv.ParseInt(r.FormValue("mid"), 10, 64)
	if err != nil || mid <= 0 {
		return 0, errNoMid
	}
	return mid, nil
}

func (s *Site) adminUser(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.AddUser(mid, r.FormValue("uname"))
	return nil
}

// adminPhone takes the newest code where none is named.
func (s *Site) adminPhone(r *http.Request, do func(string, int64) error) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	content := r.FormValue("url")
	if content == "" {
		s.mu.Lock()
		content = s.newest
		s.mu.Unlock()
	}
	return do(content, mid)
}

func (s *Site) adminKill(r *http.Request) error {
	if sessdata := r.FormValue("sessdata"); sessdata != "" {
		s.KillSession(sessdata)
		return nil
	}
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.Kill(mid)
	return nil
}

func pathOf(r *http.Request) string {
	if path := r.FormValue("path"); path != "" {
		return path
	}
	return Any
}

func (s *Site) adminTrouble(r *http.Request) error {
	t := Trouble(r.FormValue("kind"))
	if t == "none" {
		t = None
	}
	if !t.known() {
		return errors.New("kind: unknown, GET /_sim/troubles lists them")
	}
	s.SetTrouble(pathOf(r), t)
	return nil
}

func (s *Site) adminLose(r *http.Request) error {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n < 0 || pathOf(r) == Any {
		return errors.New("path and n, a number of replies, are needed")
	}
	s.LoseReply(pathOf(r), n)
	return nil
}

func (s *Site) adminForm(r *http.Request) error {
	switch f := Form(r.FormValue("form")); f {
	case FormHeaders, FormBoth, FormQuery, FormHop:
		s.SetForm(f)
		return nil
	}
	return errors.New("form: headers, both, query or hop")
}

func (s *Site) adminLifetime(r *http.Request) error {
	for name, set := range map[string]func(time.Duration){"code": s.SetCodeLifetime, "session": s.SetSessionLife} {
		text := r.FormValue(name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return errors.New(name + `: a duration such as "90s" is needed`)
		}
		set(d)
	}
	return nil
}

func (s *Site) adminDue(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.SetRefreshDue(mid, r.FormValue("due") != "false")
	return nil
}

func (s *Site) adminEmpty(r *http.Request) error {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n < 0 {
		return errors.New("n: a number of pages is needed")
	}
	s.EmptyPage(n)
	return nil
}

func (s *Site) adminClock(r *http.Request) error {
	d, err := time.ParseDuration(r.FormValue("offset"))
	if err != nil {
		return errors.New(`offset: a duration such as "-90s" is needed`)
	}
	s.SetClockOffset(d)
	return nil
}

func (s *Site) adminReuse(r *http.Request) error {
	switch reuse := Reuse(r.FormValue("old")); reuse {
	case ReuseAllowed, ReuseDenied:
		s.SetOldTokenReuse(reuse)
		return nil
	}
	return errors.New("old: allowed or denied")
}

// allSessions are the live sessions by mid.
func (s *Site) allSessions() map[string][]string {
	s.mu.Lock()
	mids := make([]int64, 0, len(s.users))
	for mid := range s.users {
		mids = append(mids, mid)
	}
	s.mu.Unlock()
	all := make(map[string][]string)
	for _, mid := range mids {
		all[strconv.FormatInt(mid, 10)] = s.Sessions(mid)
	}
	return all
}
