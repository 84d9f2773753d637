package page

import (
	"crypto/hmac"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

// routes adds the login pages to a server.
func (p *loginPages) routes(m *http.ServeMux) {
	m.HandleFunc("GET /l/{token}", p.linked(p.document))
	m.HandleFunc("GET /l/{token}/state", p.linked(p.once))
	m.HandleFunc("GET /l/{token}/events", p.linked(p.stream))
	m.HandleFunc("GET /l/{token}/qr.png", p.linked(p.picture))
	m.HandleFunc("POST /l/{token}/start", p.action(p.start))
	m.HandleFunc("POST /l/{token}/renew", p.action(p.renew))
	m.HandleFunc("POST /l/{token}/cancel", p.action(p.cancel))
	sms := smsDialogue{p}
	m.HandleFunc("GET /l/{token}/sms", p.linked(sms.document))
	m.HandleFunc("POST /l/{token}/sms/captcha", p.action(sms.captcha))
	m.HandleFunc("POST /l/{token}/sms/send", p.action(sms.send))
	m.HandleFunc("POST /l/{token}/sms/code", p.action(sms.submit))
}

// The keys of errors. The page's table of texts has a sentence for each.
const (
	keyInternal = "internal"
	keyForeign  = "foreign"
	keyBad      = "bad_request"
	keyBusy     = "busy"
	keySite     = "site"
	keySlowDown = "slow_down"
	keyUsedUp   = "used_up"
	keyRefused  = "refused"
	keyPhone    = "phone"
)

// fault is an answer that the page's script understands.
type fault struct {
	status int
	key    string
}

func (f *fault) Error() string { return f.key }

// asFault turns any error into what goes out. No text of the keeper does.
func (p *loginPages) asFault(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok {
		p.parts.Log.Warn().Err(err).Msg("the login page got no answer of the keeper")
		return &fault{http.StatusInternalServerError, keyInternal}
	}
	switch problem.Type {
	case client.ProblemSiteAway:
		return &fault{http.StatusServiceUnavailable, keySite}
	case client.ProblemBusy:
		return &fault{http.StatusConflict, keyBusy}
	case client.ProblemSMS, client.ProblemBadRequest, client.ProblemNotPermitted:
		return &fault{http.StatusUnprocessableEntity, keyRefused}
	}
	p.parts.Log.Warn().Str("problem", problem.Type).Msg("the login page got no answer of the keeper")
	return &fault{http.StatusInternalServerError, keyInternal}
}

// isProblem reports whether an error is a problem of a type.
func isProblem(err error, kind string) bool {
	return errors.Is(err, &client.Problem{Type: kind})
}

// action is a request that changes something.
func (p *loginPages) action(serve func(http.ResponseWriter, *http.Request, *link) error) http.HandlerFunc {
	return p.linked(func(w http.ResponseWriter, r *http.Request, l *link) error {
		if !p.alive(l) {
			return errNoLink
		}
		if err := p.sameOrigin(r, l); err != nil {
			return err
		}
		if !l.actions.Allow() {
			return &fault{http.StatusTooManyRequests, keySlowDown}
		}
		// The keeper may have to wait for the site.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
		if err := l.lock(r.Context()); err != nil {
			return err
		}
		defer l.unlock()
		readers{p}.recall(l)
		return serve(w, r, l)
	})
}

func (p *loginPages) start(w http.ResponseWriter, r *http.Request, l *link) error {
	login, err := p.join(r.Context(), l)
	return p.begun(w, r, l, login, err)
}

func (p *loginPages) renew(w http.ResponseWriter, r *http.Request, l *link) error {
	login, err := p.obtain(r.Context(), l, client.MethodQR)
	return p.begun(w, r, l, login, err)
}

// begun answers with how things stand. A form gets the page that needs no
// script.
func (p *loginPages) begun(w http.ResponseWriter, r *http.Request, l *link, login client.Login, err error) error {
	if err != nil {
		return err
	}
	view := readers{p}.view(l)
	if browser.IsForm(r) {
		query := url.Values{"view": {view}}
		if lang := r.PostFormValue("lang"); lang != "" {
			query.Set("lang", lang)
		}
		// A path of its own would miss what a proxy put before it.
		w.Header().Set("Location", "../"+l.token+"?"+query.Encode())
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	s := p.describe(l, login)
	s.View = view
	return browser.WriteJSON(w, http.StatusOK, s)
}

func (p *loginPages) cancel(w http.ResponseWriter, r *http.Request, l *link) error {
	id := l.followed()
	if id != "" {
		if err := handover.Anywhere(p.parts.Keeper).Cancel(r.Context(), id); err != nil && !isProblem(err, client.ProblemNoLogin) {
			return err
		}
	}
	return browser.WriteJSON(w, http.StatusOK, p.look(l, true))
}

// once answers with the state where a stream does not get through.
func (p *loginPages) once(w http.ResponseWriter, r *http.Request, l *link) error {
	alive, err := p.admitted(r, l)
	if err != nil {
		return err
	}
	s := p.look(l, alive)
	if _, busy := l.exchanging(); busy && alive {
		s = state{State: stateRenewing, CodesLeft: s.CodesLeft}
	}
	p.attend(r.Context(), l)
	return browser.WriteJSON(w, http.StatusOK, s)
}

// admitted lets a reader of a link in: anybody while it is alive, then only who
// has followed the login.
func (p *loginPages) admitted(r *http.Request, l *link) (alive bool, err error) {
	known := readers{p}.knows(l, r.URL.Query().Get("view"))
	if p.alive(l) {
		return true, nil
	}
	if !known {
		return false, errNoLink
	}
	return false, nil
}

func (p *loginPages) picture(w http.ResponseWriter, r *http.Request, l *link) error {
	if !p.alive(l) {
		return errNoLink
	}
	login, ok := p.current(l, true)
	c, k := r.URL.Query().Get("c"), r.URL.Query().Get("k")
	if !ok && k != "" { // the page was started at another host
		login, ok = p.running(l)
	}
	if !ok || !showsCode(login) {
		return errNoLink
	}
	// The picture has to be of the code that the page counts down.
	if k != "" && !hmac.Equal([]byte(k), []byte(p.sealer.label(login.URL))) || k == "" && c != "" && c != strconv.Itoa(l.count(login)) {
		return errNoLink
	}
	picture, err := p.parts.QR(login.URL)
	if err != nil {
		// The error may quote the content, which is a secret.
		return &fault{http.StatusInternalServerError, keyInternal}
	}
	w.Header().Set("Content-Disposition", `inline; filename="bilibili-login.png"`)
	browser.WriteBody(w, http.StatusOK, "image/png", picture)
	return nil
}

func writeError(w http.ResponseWriter, f *fault) {
	if f.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "10")
	}
	_ = browser.WriteJSON(w, f.status, map[string]string{"error": f.key})
}
