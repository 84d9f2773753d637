package page

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// policy is what the page's documents may load. Nothing beside the page itself
// and, in the document of the SMS form, the captcha.
func policy(captcha ...string) string {
	and := strings.TrimRight(" "+strings.Join(captcha, " "), " ")
	return "default-src 'none'; script-src 'self'" + and + "; style-src 'self'" + and +
		"; img-src 'self' data:" + and + "; connect-src 'self'" + and +
		"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// captchaSources are the origins of the widget: its script fetches further
// parts, pictures and verdicts from hosts beside its own.
func captchaSources(origin string) []string {
	if origin == geetest {
		return []string{"https://*.geetest.com", "https://*.geevisit.com"}
	}
	return []string{origin}
}

func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), "+
		"gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// reply notes whether and how a request has been answered.
type reply struct {
	http.ResponseWriter
	status int
}

func (r *reply) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *reply) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// guard is around every request: headers, limits, panics, the log. Of a path
// only its pattern is logged, for the path holds the token.
func (p *Page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &reply{ResponseWriter: w}
		setHeaders(out.Header())
		defer func() {
			if v := recover(); v != nil {
				p.panicked(out, r, v)
			}
			p.parts.Log.Debug().Str("method", r.Method).Str("route", r.Pattern).Int("status", out.status).
				Dur("took", time.Since(began)).Msg("login page")
		}()
		if !p.strangers.allow(remote(r)) {
			p.tooMany(out)
			return
		}
		// ServeMux would answer such a path with a redirect.
		if r.URL.Path != path.Clean(r.URL.Path) {
			p.nothing(out)
			return
		}
		r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		next.ServeHTTP(out, r)
	})
}

// panicked logs a panic and answers, if nothing has been answered yet. Its
// value may hold anything, so that only the runtime's own is logged as text.
func (p *Page) panicked(out *reply, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	text := fmt.Sprintf("a %T", v)
	if fault, ok := v.(runtime.Error); ok {
		text = fault.Error()
	}
	p.parts.Log.Error().Str("method", r.Method).Str("route", r.Pattern).Str("panic", text).
		Str("stack", string(debug.Stack())).Msg("a request of the login page panicked")
	if out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeError(out, &fault{http.StatusInternalServerError, keyInternal})
}

// linked opens the token of a request. A valid one is not held up by what its
// address did with others, so that a stranger behind the same proxy cannot
// shut a person out.
func (p *Page) linked(serve func(http.ResponseWriter, *http.Request, *link) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := p.sealer.open(r.PathValue("token"))
		if err == nil {
			l := p.links.get(r.PathValue("token"), c)
			if !l.requests.Allow() {
				p.tooMany(w)
				return
			}
			err = serve(w, r, l)
		}
		switch {
		case err == nil, r.Context().Err() != nil:
		case !errors.Is(err, errNoLink):
			writeError(w, p.asFault(err))
		case !p.guesses.allow(remote(r)):
			p.tooMany(w)
		default:
			p.nothing(w)
		}
	}
}

// scriptHeader is set by the page's script. Another site's page cannot set it
// without asking first, and is not answered.
const scriptHeader = "X-Bilikeeper-Page"

// sameOrigin wants a request that changes something to come from the page: from
// its script, or from its form with what only a reader of the page has.
func (p *Page) sameOrigin(r *http.Request, l *link) error {
	foreign := &fault{http.StatusForbidden, keyForeign}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return foreign
	}
	proven := isForm(r) && p.sealer.proves(l.token, r.PostFormValue("proof"))
	if r.Header.Get(scriptHeader) == "" && !proven {
		return foreign
	}
	// A form's Origin is "null" where the page asks for no referrer, and this
	// one does.
	if origin := r.Header.Get("Origin"); origin != "" && !p.own(origin, r.Host) && (origin != "null" || !proven) {
		return foreign
	}
	return nil
}

// own accepts the public address and the address that was asked: a proxy may
// or may not pass the former on.
func (p *Page) own(origin, host string) bool {
	found := originOf(origin)
	if found == "" {
		return false
	}
	_, name, _ := strings.Cut(found, "://")
	return strings.EqualFold(name, host) || p.parts.PublicURL != "" && found == originOf(p.parts.PublicURL)
}

func isForm(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}
