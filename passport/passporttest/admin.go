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
type admin struct{ site *Site }

func (s admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, adminPrefix)
	if name == "key" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.site.Refresh.CorrespondKeyPEM())
		return
	}
	if read, ok := map[string]func() any{
		"log":      func() any { return s.site.Log() },
		"sessions": func() any { return s.site.all() },
		"codes":    func() any { return s.site.QR.Codes() },
		"troubles": func() any { return Troubles() },
		"sms":      func() any { return map[string]any{"code": s.site.SMS.Code(r.FormValue("phone"))} },
	}[name]; ok && r.Method == http.MethodGet {
		writeJSON(w, http.StatusOK, read())
		return
	}
	act, ok := map[string]func(*http.Request) error{
		"user":     s.user,
		"scan":     func(r *http.Request) error { return s.phone(r, s.site.QR.Scan) },
		"confirm":  func(r *http.Request) error { return s.phone(r, s.site.QR.Confirm) },
		"kill":     s.kill,
		"trouble":  s.trouble,
		"lose":     s.lose,
		"form":     s.form,
		"lifetime": s.lifetime,
		"due":      s.due,
		"empty":    s.empty,
		"clock":    s.clock,
		"reuse":    s.reuse,
		"phone":    s.addPhone,
		"verify":   s.verify,
		"intl":     s.intl,
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

func (s admin) user(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.site.AddUser(mid, r.FormValue("uname"))
	return nil
}

// adminPhone takes the newest code where none is named.
func (s admin) phone(r *http.Request, do func(string, int64) error) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	content := r.FormValue("url")
	if content == "" {
		content = s.site.QR.latest()
	}
	return do(content, mid)
}

func (s admin) kill(r *http.Request) error {
	if sessdata := r.FormValue("sessdata"); sessdata != "" {
		s.site.KillSession(sessdata)
		return nil
	}
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.site.Kill(mid)
	return nil
}

func pathOf(r *http.Request) string {
	if path := r.FormValue("path"); path != "" {
		return path
	}
	return Any
}

func (s admin) trouble(r *http.Request) error {
	t := Trouble(r.FormValue("kind"))
	if t == "none" {
		t = None
	}
	if !t.known() {
		return errors.New("kind: unknown, GET /_sim/troubles lists them")
	}
	s.site.SetTrouble(pathOf(r), t)
	return nil
}

func (s admin) lose(r *http.Request) error {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n < 0 || pathOf(r) == Any {
		return errors.New("path and n, a number of replies, are needed")
	}
	s.site.LoseReply(pathOf(r), n)
	return nil
}

func (s admin) form(r *http.Request) error {
	switch f := Form(r.FormValue("form")); f {
	case FormHeaders, FormBoth, FormQuery, FormHop:
		s.site.QR.SetForm(f)
		return nil
	}
	return errors.New("form: headers, both, query or hop")
}

func (s admin) lifetime(r *http.Request) error {
	for name, set := range map[string]func(time.Duration){"code": s.site.QR.SetCodeLifetime, "session": s.site.SetSessionLife} {
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

func (s admin) due(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	s.site.Refresh.SetDue(mid, r.FormValue("due") != "false")
	return nil
}

func (s admin) empty(r *http.Request) error {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n < 0 {
		return errors.New("n: a number of pages is needed")
	}
	s.site.Refresh.EmptyPage(n)
	return nil
}

func (s admin) clock(r *http.Request) error {
	d, err := time.ParseDuration(r.FormValue("offset"))
	if err != nil {
		return errors.New(`offset: a duration such as "-90s" is needed`)
	}
	s.site.SetClockOffset(d)
	return nil
}

func (s admin) reuse(r *http.Request) error {
	switch reuse := Reuse(r.FormValue("old")); reuse {
	case ReuseAllowed, ReuseDenied:
		s.site.Refresh.SetOldTokenReuse(reuse)
		return nil
	}
	return errors.New("old: allowed or denied")
}

func (s admin) addPhone(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	phone := r.FormValue("phone")
	if phone == "" {
		return errors.New("phone: a number is needed")
	}
	s.site.SMS.AddPhone(mid, phone)
	return nil
}

func (s admin) verify(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	status, err := strconv.Atoi(r.FormValue("status"))
	if err != nil || status < 0 {
		return errors.New("status: a number is needed, 0 for none")
	}
	s.site.SMS.SetVerification(mid, status)
	return nil
}

// adminIntl sets the flow and how nobody's check is answered, or either.
func (s admin) intl(r *http.Request) error {
	flow, anonymous := IntlFlow(r.FormValue("flow")), Anonymous(r.FormValue("anonymous"))
	switch flow {
	case "", IntlPlain, IntlSSO, IntlGoURL, IntlLate, IntlUntrusted:
	default:
		return errors.New("flow: plain, sso, go-url, late or untrusted")
	}
	switch anonymous {
	case "", AnonymousFlag, AnonymousCode:
	default:
		return errors.New("anonymous: flag or code")
	}
	if flow == "" && anonymous == "" {
		return errors.New("flow or anonymous is needed")
	}
	if flow != "" {
		s.site.Intl.SetFlow(flow)
	}
	if anonymous != "" {
		s.site.Intl.SetAnonymous(anonymous)
	}
	return nil
}
