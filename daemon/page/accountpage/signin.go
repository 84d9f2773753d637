package accountpage

import (
	"net/http"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/internal/lockout"
)

const (
	// slow bounds the writing of a document, siteLimit what the site is waited for.
	slow      = 15 * time.Second
	siteLimit = 40 * time.Second
	// cookieLife is as long as a session.
	cookieLife = 30 * 24 * time.Hour
)

// entrance signs browsers in and out.
type entrance struct{ *Page }

// cookieName tells keepers apart that share a host: cookies know no port.
func (p *Page) cookieName() string {
	if p.frame.Label == "" {
		return "bilikeeper"
	}
	return "bilikeeper_" + p.frame.Label
}

// cookie is what a browser is to hold, by the path under which it knows the page.
func (p entrance) cookie(r *http.Request, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: p.cookieName(), Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true,
		Secure: p.frame.Site.Secure(), SameSite: http.SameSiteStrictMode}
	if path := p.frame.Site.Path(); path != "" && p.frame.Site.IsPublic(r.Host) {
		c.Path = path + "/"
	}
	return c
}

func (p entrance) visitor(r *http.Request) signin.Visitor {
	return signin.Visitor{Address: p.frame.Client(r), Browser: r.UserAgent()}
}

// front is the list of accounts, or the form to sign in.
func (p entrance) front(w http.ResponseWriter, r *http.Request, v visit) {
	if v.cookie == "" {
		trouble := ""
		if r.URL.Query().Has("signed-in") {
			// It was signed in a moment ago, and has not kept the cookie.
			trouble = "no_cookie"
		}
		p.signInForm(w, v, http.StatusOK, trouble)
		return
	}
	p.list(w, r, v)
}

func (p entrance) signInForm(w http.ResponseWriter, v visit, status int, trouble string) {
	p.documents.render(w, status, "signin.html", sheet{speech: v.speech, Up: v.up, Key: trouble, Password: p.SignIn.HasPassword()})
}

// redeem signs a browser in that has a link. What only looks ahead, or asks for the
// head, does not spend it. The answer is a document that leads on: a browser that
// came from elsewhere, from a mail for example, would not bring the cookie along a
// redirect.
func (p entrance) redeem(w http.ResponseWriter, r *http.Request, v visit) {
	if r.Method != http.MethodGet || ahead(r) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	cookie, err := p.SignIn.Redeem(r.PathValue("token"), p.visitor(r))
	switch {
	case err != nil:
		p.frame.Log.Error().Err(err).Msg("a browser could not be signed in")
		p.signInForm(w, v, http.StatusInternalServerError, "internal")
	case cookie == "":
		p.signInForm(w, v, http.StatusNotFound, "link_gone")
	default:
		p.signedIn(w, r, v, cookie)
	}
}

// password signs a browser in that sends the password. There is no session yet
// whose proof could be asked for; a page elsewhere that would sign somebody in as
// somebody else cannot hide its Origin.
func (p entrance) password(w http.ResponseWriter, r *http.Request, v visit) {
	origin := r.Header.Get("Origin")
	if origin != "" && !p.frame.Site.Own(origin, r.Host) || !browser.SameOrigin(r) {
		p.mends.Foreign(r)
		p.refuse(w, v, http.StatusForbidden, "foreign")
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(siteLimit))
	cookie, verdict, err := p.SignIn.Password(r.Context(), p.network(r), r.PostFormValue("password"), p.visitor(r))
	switch {
	case err != nil:
		p.frame.Log.Error().Err(err).Msg("a browser could not be signed in")
		p.signInForm(w, v, http.StatusInternalServerError, "internal")
	case verdict == lockout.TooMany:
		w.Header().Set("Retry-After", "10")
		p.frame.Log.Warn().Stringer("remote", p.frame.Client(r)).Msg("too many wrong passwords for the account page")
		p.signInForm(w, v, http.StatusTooManyRequests, "too_many")
	case verdict != lockout.Right:
		p.frame.Log.Warn().Stringer("remote", p.frame.Client(r)).Msg("a wrong password for the account page")
		p.signInForm(w, v, http.StatusForbidden, "wrong_password")
	default:
		p.signedIn(w, r, v, cookie)
	}
}

// signedIn gives the cookie to the browser, in place of one that it has.
func (p entrance) signedIn(w http.ResponseWriter, r *http.Request, v visit, cookie string) {
	if v.cookie != "" {
		_ = p.SignIn.SignOut(v.cookie)
	}
	p.frame.Log.Info().Str("session", p.SignIn.Session(cookie)).Stringer("remote", p.frame.Client(r)).Msg("a browser was signed in to the account page")
	http.SetCookie(w, p.cookie(r, cookie, cookieLife))
	p.documents.render(w, http.StatusOK, "signedin.html", sheet{speech: v.speech, Up: v.up})
}

func (p entrance) signOut(w http.ResponseWriter, r *http.Request, v visit) {
	if err := p.SignIn.SignOut(v.cookie); err != nil {
		// It has ended here; the copy in the vault ends with its date.
		p.frame.Log.Error().Err(err).Msg("the end of a session could not be saved")
	}
	http.SetCookie(w, p.cookie(r, "", -time.Second))
	see(w, "./")
}
