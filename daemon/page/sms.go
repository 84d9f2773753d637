package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

// smsDialogue is the login by SMS on the pages of links: a form, a captcha, a code.
type smsDialogue struct{ *loginPages }

// document has the form and the captcha. It is apart from the document with the
// code, so that the captcha's script never sees one.
func (p smsDialogue) document(w http.ResponseWriter, r *http.Request, l *link) error {
	if !p.alive(l) {
		return errNoLink
	}
	s := p.sheet(r, l)
	s.Form, s.Up, s.Base = true, "../../", "../"+l.token
	s.Code = s.Base + "?lang=" + s.Lang
	w.Header().Set("Content-Security-Policy", captchaPolicy(p.parts.CaptchaOrigin))
	return p.documents.render(w, "page.html", s)
}

// captchaPolicy is what the document with the form may load.
func captchaPolicy(origin string) string { return browser.Policy(captchaSources(origin)...) }

// captchaSources are the origins of the widget: its script fetches further
// parts, pictures and verdicts from hosts beside its own.
func captchaSources(origin string) []string {
	if origin == geetest {
		return []string{"https://*.geetest.com", "https://*.geevisit.com"}
	}
	return []string{origin}
}

// captcha begins a login by SMS, in place of one by QR, and answers with what
// the widget needs.
func (p smsDialogue) captcha(w http.ResponseWriter, r *http.Request, l *link) error {
	if _, err := decode[struct{}](w, r); err != nil {
		return err
	}
	if !l.spend("captcha", maxCaptchas) {
		return &fault{http.StatusTooManyRequests, keyUsedUp}
	}
	login, ok := p.running(l)
	if ok && login.Method == client.MethodSMS {
		l.follow(login)
	} else {
		var err error
		if login, err = p.obtain(r.Context(), l, client.MethodSMS); err != nil {
			return err
		}
	}
	if login.Method != client.MethodSMS {
		return &fault{http.StatusConflict, keyBusy}
	}
	c, err := handover.Anywhere(p.parts.Keeper).Captcha(r.Context(), login.ID)
	if err != nil {
		return err
	}
	if c.Type != "geetest" || browser.OriginOf(c.Script) != p.parts.CaptchaOrigin {
		p.parts.Log.Warn().Str("type", c.Type).Str("origin", browser.OriginOf(c.Script)).
			Msg("the login page does not know the captcha that the site wants")
		return &fault{http.StatusServiceUnavailable, keySite}
	}
	return browser.WriteJSON(w, http.StatusOK, struct {
		client.Captcha
		View string `json:"view"`
	}{c, readers(p).view(l)})
}

func (p smsDialogue) send(w http.ResponseWriter, r *http.Request, l *link) error {
	request, err := decode[client.SMSSend](w, r)
	if err != nil {
		return err
	}
	if !isPhone(request.Phone) {
		return &fault{http.StatusUnprocessableEntity, keyPhone}
	}
	if !l.spend("message", maxMessages) {
		return &fault{http.StatusTooManyRequests, keyUsedUp}
	}
	return p.step(w, l, func(id string) (client.Login, error) {
		return handover.Anywhere(p.parts.Keeper).SendSMS(r.Context(), id, request)
	})
}

func (p smsDialogue) submit(w http.ResponseWriter, r *http.Request, l *link) error {
	request, err := decode[client.SMSCode](w, r)
	if err != nil {
		return err
	}
	if n := len(request.Code); n < 4 || n > 10 || strings.Trim(request.Code, "0123456789") != "" {
		return &fault{http.StatusUnprocessableEntity, keyRefused}
	}
	if !l.spend("answer", maxAnswers) {
		return &fault{http.StatusTooManyRequests, keyUsedUp}
	}
	return p.step(w, l, func(id string) (client.Login, error) {
		return handover.Anywhere(p.parts.Keeper).SubmitSMS(r.Context(), id, request)
	})
}

// step carries on with the login by SMS that the link follows.
func (p smsDialogue) step(w http.ResponseWriter, l *link, do func(id string) (client.Login, error)) error {
	login, ok := p.current(l, true)
	if !ok || login.Method != client.MethodSMS || login.Ended() {
		return &fault{http.StatusConflict, keyBusy}
	}
	login, err := do(login.ID)
	if err != nil {
		return err
	}
	return browser.WriteJSON(w, http.StatusOK, p.describe(l, login))
}

// isPhone wants digits as people dial them without the country.
func isPhone(text string) bool {
	return len(text) >= 4 && len(text) <= 15 && strings.Trim(text, "0123456789") == ""
}

// decode reads one JSON object strictly.
func decode[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var v T
	bad := &fault{http.StatusBadRequest, keyBad}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return v, bad
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slow))
	data, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return v, &fault{http.StatusRequestEntityTooLarge, keyBad}
	}
	if err != nil {
		return v, bad
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&v) != nil {
		return v, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, bad
	}
	return v, nil
}
