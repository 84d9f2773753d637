package accountpage

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
)

// What a browser that is signed in may be allowed, as [page] may has it.
const (
	mayLogin   = "login"
	mayCheck   = "check"
	mayRefresh = "refresh"
	mayManage  = "manage"
)

// Parts are what the page shows, and who may see it.
type Parts struct {
	Keeper *keeper.Keeper
	// Channels and Outputs are those that run now.
	Channels func() *alert.Channels
	Outputs  func() *engine.Outputs
	SignIn   *signin.SignIn
	// May is what a browser may do that is signed in.
	May []string
	// Examine looks at the keeper from outside, and tells what it found in a
	// language; nil where nobody can.
	Examine func(ctx context.Context, lang string) []Finding
}

// Frame is what the page shares with the other pages of its listener.
type Frame struct {
	Site browser.Site
	// Client is who sent a request.
	Client func(*http.Request) netip.Addr
	// LoginToken makes the token of a login page, for one of an account's subjects.
	LoginToken func(account, subject string, until time.Time) string
	// QR draws a code as PNG.
	QR func(content string) ([]byte, error)
	// SMS is the form of a login by SMS.
	SMS SMSPage
	// Label tells this keeper's cookies from another's on the same host.
	Label string
	// Locale is the language of a page whose reader asks for none that there is.
	Locale  string
	Log     zerolog.Logger
	Closing <-chan struct{}
}

// Page is the account page.
type Page struct {
	Parts
	frame     Frame
	documents *documents
	mends     browser.Mends
	streams   chan struct{}
	codes     allowances
	examined  examined
	tried     tried
}

// New makes the page.
func New(p Parts, f Frame) (*Page, error) {
	d, err := newDocuments(f.Locale)
	if err != nil {
		return nil, err
	}
	return &Page{Parts: p, frame: f, documents: d, mends: browser.Mends{Log: f.Log}, streams: make(chan struct{}, maxStreams)}, nil
}

// Routes adds the page to a server.
func (p *Page) Routes(m *http.ServeMux) {
	in, do, login, health := entrance{p}, actions{p}, loginRoom{p}, healthRoom{p}
	m.HandleFunc("GET /sign-in/{token}", p.open(in.redeem))
	m.HandleFunc("POST /sign-in", p.open(in.password))

	m.HandleFunc("GET /{$}", p.open(in.front))
	m.HandleFunc("GET /accounts/{name}", p.shown("", p.account))
	m.HandleFunc("GET /accounts/{name}/qr.png", p.shown(mayLogin, login.picture))
	m.HandleFunc("GET /deliveries", p.shown("", p.deliveries))
	m.HandleFunc("GET /health", p.shown("", health.screen))
	m.HandleFunc("GET /live", p.shown("", p.live))

	m.HandleFunc("POST /sign-out", p.action("", in.signOut))
	m.HandleFunc("POST /sessions/{id}/revoke", p.action("", health.revoke))
	m.HandleFunc("POST /health", p.action("", health.look))
	m.HandleFunc("POST /accounts/{name}/login", p.action(mayLogin, login.begin))
	m.HandleFunc("POST /accounts/{name}/renew", p.action(mayLogin, login.renew))
	m.HandleFunc("POST /accounts/{name}/cancel", p.action(mayLogin, login.cancel))
	m.HandleFunc("POST /accounts/{name}/check", p.action(mayCheck, do.check))
	m.HandleFunc("POST /accounts/{name}/refresh", p.action(mayRefresh, do.refresh))
	m.HandleFunc("POST /accounts/{name}/pause", p.action(mayManage, do.pause))
	m.HandleFunc("POST /accounts/{name}/resume", p.action(mayManage, do.resume))
	m.HandleFunc("POST /accounts/{name}/tags", p.action(mayManage, do.tags))
	m.HandleFunc("POST /channels/{name}/test", p.action(mayManage, do.testChannel))
	m.HandleFunc("POST /outputs/{name}/run", p.action(mayManage, do.runOutput))
	sms := smsRoom{p}
	m.HandleFunc("GET /accounts/{name}/sms", p.shown(mayLogin, sms.screen))
	m.HandleFunc("POST /accounts/{name}/sms", p.action(mayLogin, sms.begin))
}

func (p *Page) may(verb string) bool { return slices.Contains(p.May, verb) }

// visit is a request of somebody who may see the page.
type visit struct {
	speech
	// up leads from the document to the page's root.
	up string
	// cookie is what the browser holds; it is never shown.
	cookie string
}

// handler answers a request.
type handler func(w http.ResponseWriter, r *http.Request, v visit)

// open is for what needs no session. Who asks for another address than the page's
// is told what to mend: a proxy that passes on no Host, or a name that somebody
// else has pointed here.
func (p *Page) open(serve handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A form's Origin would be "null" with no referrer at all.
		w.Header().Set("Referrer-Policy", "same-origin")
		v := visit{speech: p.speak(w, r), up: up(r)}
		if !p.frame.Site.Knows(r.Host) {
			p.mends.Foreign(r)
			p.refuse(w, v, http.StatusMisdirectedRequest, "foreign_host")
			return
		}
		if c, err := r.Cookie(p.cookieName()); err == nil && p.SignIn.Session(c.Value) != "" {
			v.cookie = c.Value
		}
		serve(w, r, v)
	}
}

// shown is for what only who is signed in may see, with a verb of page.may where it
// needs one.
func (p *Page) shown(verb string, serve handler) http.HandlerFunc {
	return p.open(func(w http.ResponseWriter, r *http.Request, v visit) {
		switch {
		case v.cookie == "":
			p.turnAway(w, r)
		case verb != "" && !p.may(verb):
			p.refuse(w, v, http.StatusForbidden, "not_permitted")
		default:
			serve(w, r, v)
		}
	})
}

// action is for what changes something, and needs a verb of page.may.
func (p *Page) action(verb string, serve handler) http.HandlerFunc {
	return p.open(func(w http.ResponseWriter, r *http.Request, v visit) {
		switch {
		case v.cookie == "":
			p.turnAway(w, r)
		case !p.frame.Site.Own(r.Header.Get("Origin"), r.Host), !browser.SameOrigin(r):
			p.mends.Foreign(r)
			p.refuse(w, v, http.StatusForbidden, "foreign")
		case !browser.IsForm(r), !signin.Proves(v.cookie, r.PostFormValue("proof")):
			p.refuse(w, v, http.StatusForbidden, "stale")
		case verb != "" && !p.may(verb):
			p.refuse(w, v, http.StatusForbidden, "not_permitted")
		default:
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(siteLimit + slow))
			serve(w, r, v)
		}
	})
}

// turnAway sends a person to the form, and tells a script nothing.
func (p *Page) turnAway(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Accept") == "text/event-stream" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	see(w, up(r)+"./")
}

// see leads to another document, by an address that starts at the one asked for:
// a proxy may have put a path before both.
func see(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// up leads from a document to the page's root.
func up(r *http.Request) string {
	return strings.Repeat("../", strings.Count(strings.TrimPrefix(r.URL.Path, "/"), "/"))
}

// refuse says in a document why nothing was done.
func (p *Page) refuse(w http.ResponseWriter, v visit, status int, key string) {
	p.documents.render(w, status, "refused.html", sheet{speech: v.speech, Up: v.up, Key: key})
}

// network is whom a request is counted for.
func (p *Page) network(r *http.Request) netip.Prefix { return clientaddr.Network(p.frame.Client(r)) }
