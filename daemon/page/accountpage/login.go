package accountpage

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

const (
	// attendFor is how long the keeper replaces codes that expire once a document
	// with a code was asked for; attendCodes is how many codes a login has at most
	// that way.
	attendFor   = 2 * time.Minute
	attendCodes = 10
	// codesEvery and codesBurst bound the logins that are begun for an account.
	codesEvery = 6 * time.Minute
	codesBurst = 10
	// codeLife is how long a code lives, for the bar that runs down.
	codeLife = 180
	// brief is up to how long a login lasts that was granted for a day.
	brief = 48 * time.Hour
)

// panel is the login in place: the code with what becomes of it.
type panel struct {
	ID                 string
	Title, Whose, Text string
	Steps              []step
	// Ended is whether nothing more happens to it; the symbol tells how it ended.
	Ended         bool
	Shape, Colour string
	// Picture is the code's address, "" while there is none.
	Picture   string
	Scanned   bool
	Left      int
	Life      int
	Remaining string
	App       template.URL
	Link      string
	Warn      bool
	Wide      bool
	Buttons   []press
}

// step is a part of the way to a login.
type step struct {
	Word, Class string
	Now         bool
}

// shownPanel is a panel with what its template needs beside it.
type shownPanel struct {
	*panel
	Sheet sheet
}

// OfPanel makes a panel ready to be shown.
func (s sheet) OfPanel(p *panel) shownPanel { return shownPanel{p, s} }

// loginRoom shows logins and begins them.
type loginRoom struct{ *Page }

// panel is the login of an account in place: the one in progress, else the one that
// was asked for by its id; nil where there is none.
func (p loginRoom) panel(s sheet, a client.Account, asked string) *panel {
	if !p.may(mayLogin) {
		return nil
	}
	l, err := p.Keeper.Logins().Get(a.LoginID)
	if a.LoginID == "" || err != nil {
		if l, err = p.Keeper.Logins().Get(asked); asked == "" || err != nil || l.Account != a.Name {
			return nil
		}
	}
	return p.describe(s, a, l)
}

func (p loginRoom) describe(s sheet, a client.Account, l client.Login) *panel {
	at := s.Up + "accounts/" + url.PathEscape(a.Name) + "/"
	out := &panel{ID: l.ID, Whose: a.Name, Life: codeLife, Shape: stateSoon, Colour: "warn"}
	if a.Uname != "" {
		out.Whose += " · " + s.Fill("as", "who", a.Uname)
	}
	renew, cancel := s.Press(at+"renew", s.T["another_code"], "", ""), s.Press(at+"cancel", s.T["cancel"], "", "plain")
	sms := s.Press(at+"sms", s.T["by_sms"], "", "")
	now := 0
	switch {
	case l.State == client.LoginSucceeded:
		now = 2
		out.succeeded(s, a, renew)
	case l.Ended():
		out.Ended, out.Title, out.Text = true, s.T["login_failed"], s.T["ev_failed_"+l.Reason]
		if out.Text == "" {
			out.Text = s.T["ev_failed_other"]
		}
		renew.Class = "main"
		out.Buttons = []press{renew, sms}
	case l.Method == client.MethodSMS:
		out.Title, out.Text = s.T["sms_under_way"], s.T["sms_carry_on"]
		out.Buttons = []press{{Href: at + "sms", Word: s.T["carry_on"], Class: "main"}, renew, cancel}
	case l.State == client.LoginVerifying:
		now, out.Title = 1, s.T["verifying"]
		if l.Detail != "" {
			out.Text = s.T["verify_later"]
		}
	case showsCode(l):
		if out.code(s, l, at); out.Scanned {
			now = 1
		}
		out.Buttons = []press{renew, sms, cancel}
	default:
		out.Title, out.Text = s.T["making_code"], s.T["code_comes"]
		out.Buttons = []press{renew, sms, cancel}
	}
	if a.Site == client.SiteIntl {
		out.withoutSMS(at + "sms")
	}
	if l.Method != client.MethodSMS || l.Ended() {
		out.steps(s, now)
	}
	return out
}

// code shows a code that can be scanned.
func (out *panel) code(s sheet, l client.Login, at string) {
	out.Warn, out.Scanned = true, l.State == client.LoginScanned
	if out.Title = s.T["scan"]; out.Scanned {
		out.Title = s.T["scanned"]
	}
	out.Picture = at + "qr.png?" + url.Values{"login": {l.ID}, "code": {strconv.Itoa(l.Code)}}.Encode()
	out.Left = int(time.Until(*l.ExpiresAt) / time.Second)
	out.Remaining = strings.ReplaceAll(s.T["works_for"], "{t}", strconv.Itoa(out.Left/60)+":"+twoDigits(out.Left%60))
	if browser.OriginOf(l.URL) != "" {
		out.Link = l.URL
	}
	if strings.HasPrefix(l.AppURL, "bilibili://") {
		out.App = template.URL(l.AppURL)
	}
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// succeeded tells of a login that works, and of one that was granted for a day.
func (out *panel) succeeded(s sheet, a client.Account, renew press) {
	out.Ended, out.Title, out.Text, out.Shape, out.Colour = true, s.T["logged_in"], s.T["logged_in_text"], stateValid, "good"
	if a.ExpiresAt == nil || a.State != client.StateValid {
		return
	}
	if left := a.ExpiresAt.Sub(s.now); left > brief {
		out.Text += " " + s.Fill("lasts", "left", s.span(left))
		return
	}
	out.Title, out.Text, out.Shape, out.Colour, out.Warn = s.T["short"], s.Fill("short_text", "date", s.date(*a.ExpiresAt), "time", s.Clock(*a.ExpiresAt)), stateSoon, "warn", true
	renew.Class = "main"
	out.Buttons = []press{renew}
}

// withoutSMS takes the way out that the site does not have.
func (out *panel) withoutSMS(action string) {
	var rest []press
	for _, b := range out.Buttons {
		if b.Action != action && b.Href != action {
			rest = append(rest, b)
		}
	}
	out.Buttons = rest
}

func (out *panel) steps(s sheet, now int) {
	for i, key := range []string{"step_scan", "step_confirm", "step_done"} {
		st := step{Word: s.T[key], Now: i == now}
		switch {
		case i < now, out.Ended && out.Colour == "good":
			st.Class = "was"
		case i == now && !out.Ended:
			st.Class = "on"
		}
		out.Steps = append(out.Steps, st)
	}
}

// showsCode reports whether a login has a code that can be scanned now.
func showsCode(l client.Login) bool {
	return l.URL != "" && l.Method != client.MethodSMS && (l.State == client.LoginWaiting || l.State == client.LoginScanned) &&
		l.ExpiresAt != nil && time.Now().Before(*l.ExpiresAt)
}

// attend tells the keeper that a person looks at a code, so that it is replaced
// when it expires. Joining is what says so; a code that is about to end is left
// alone, for a login that ends at this moment would be begun anew.
func (p loginRoom) attend(r *http.Request, a client.Account) {
	l, err := p.Keeper.Logins().Get(a.LoginID)
	if err != nil || !showsCode(l) || l.Code >= attendCodes || time.Until(*l.ExpiresAt) < time.Second || ahead(r) || !p.may(mayLogin) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), slow/3)
	defer cancel()
	if _, err := handover.Anywhere(p.Keeper).Start(ctx, p.request(a, client.MethodQR)); err != nil && ctx.Err() == nil {
		p.frame.Log.Debug().Err(err).Msg("the keeper was not told that a code is looked at")
	}
}

func (p loginRoom) request(a client.Account, method string) client.LoginRequest {
	return client.LoginRequest{Account: a.Name, Site: a.Site, Method: method, Attend: int(attendFor / time.Second)}
}

// picture is the code of a login, for who may log in.
func (p loginRoom) picture(w http.ResponseWriter, r *http.Request, v visit) {
	l, err := p.Keeper.Logins().Get(r.URL.Query().Get("login"))
	if err != nil || l.Account != r.PathValue("name") || !showsCode(l) || r.URL.Query().Get("code") != strconv.Itoa(l.Code) {
		p.refuse(w, v, http.StatusNotFound, "no_code")
		return
	}
	png, err := p.frame.QR(l.URL)
	if err != nil {
		// The error may quote the content, which is a secret.
		p.refuse(w, v, http.StatusInternalServerError, "no_code")
		return
	}
	w.Header().Set("Content-Disposition", `inline; filename="bilibili-login.png"`)
	browser.WriteBody(w, http.StatusOK, "image/png", png)
}

// begin shows the login in progress, or begins one.
func (p loginRoom) begin(w http.ResponseWriter, r *http.Request, v visit) { p.start(w, r, v, false) }

// renew gives up the login in progress for a new one.
func (p loginRoom) renew(w http.ResponseWriter, r *http.Request, v visit) { p.start(w, r, v, true) }

func (p loginRoom) start(w http.ResponseWriter, r *http.Request, v visit, anew bool) {
	a, err := p.Keeper.Accounts().Get(r.PathValue("name"))
	if err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	if a.LoginID != "" && !anew {
		p.show(w, v, a.Name, a.LoginID)
		return
	}
	if !p.codes.allow(a.Name) {
		actions(p).back(w, r, v, "used_up", nil)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit-5*time.Second)
	defer cancel()
	if a.LoginID != "" {
		err = p.giveUp(ctx, a)
		if errors.Is(err, &client.Problem{Type: client.ProblemBusy}) {
			p.show(w, v, a.Name, a.LoginID) // the site has granted it
			return
		}
	}
	var l client.Login
	if err == nil {
		l, err = handover.Anywhere(p.Keeper).Start(ctx, p.request(a, client.MethodQR))
	}
	if err != nil {
		actions(p).back(w, r, v, "", err)
		return
	}
	p.show(w, v, a.Name, l.ID)
}

func (p loginRoom) giveUp(ctx context.Context, a client.Account) error {
	err := handover.Anywhere(p.Keeper).Cancel(ctx, a.LoginID)
	if errors.Is(err, &client.Problem{Type: client.ProblemNoLogin}) {
		return nil
	}
	return err
}

func (p loginRoom) cancel(w http.ResponseWriter, r *http.Request, v visit) {
	a, err := p.Keeper.Accounts().Get(r.PathValue("name"))
	if err == nil && a.LoginID != "" {
		err = p.giveUp(r.Context(), a)
	}
	actions(p).back(w, r, v, "login_cancelled", err)
}

// show leads to the account's screen, where the login is.
func (p loginRoom) show(w http.ResponseWriter, v visit, name, id string) {
	see(w, v.up+"accounts/"+url.PathEscape(name)+"?login="+url.QueryEscape(id)+"#login")
}

// allowances bound how many logins are begun for each account.
type allowances struct {
	mu sync.Mutex // guards of
	of map[string]*rate.Limiter
}

func (a *allowances) allow(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[string]*rate.Limiter{}
	}
	if a.of[name] == nil {
		a.of[name] = rate.NewLimiter(rate.Every(codesEvery), codesBurst)
	}
	return a.of[name].Allow()
}

// ahead reports whether a browser only looks ahead: nobody sees the answer yet.
func ahead(r *http.Request) bool {
	purpose := r.Header.Get("Sec-Purpose") + r.Header.Get("Purpose") + r.Header.Get("X-Moz")
	return strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "preview")
}
