package page

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
	"github.com/bilikeeper/bilikeeper/internal/response"
)

func (p *Page) mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /assets/{file}", p.asset)
	p.logins.routes(m)
	if p.account != nil {
		p.account.Routes(m)
	}
	m.HandleFunc("/", p.nowhere)
	return m
}

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	data, kind := asset(r.PathValue("file"))
	if data == nil && p.account != nil {
		data, kind = accountpage.Asset(r.PathValue("file"))
	}
	if data == nil {
		p.nowhere(w, r)
		return
	}
	if strings.HasPrefix(kind, "text/css") {
		data = slices.Concat(browser.Tokens, data)
	}
	browser.WriteBody(w, http.StatusOK, kind, data)
}

// nowhere answers what leads nowhere. It is the only thing that an address can
// send too much of: what has a link or a session has limits of its own.
func (p *Page) nowhere(w http.ResponseWriter, r *http.Request) {
	if !p.strangers.allow(p.client(r)) {
		tooMany(w)
		return
	}
	p.logins.documents.nothing(w)
}

// nothing is the answer to everything that is not there, the same for each.
func (d *documents) nothing(w http.ResponseWriter) {
	browser.WriteBody(w, http.StatusNotFound, "text/html; charset=utf-8", d.gone)
}

func tooMany(w http.ResponseWriter) { writeError(w, &fault{http.StatusTooManyRequests, keySlowDown}) }

// guard is around every request: headers, panics, the log. Of a path
// only its pattern is logged, for the path holds the token.
func (p *Page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &response.Recorder{ResponseWriter: w}
		browser.SetHeaders(out.Header())
		defer func() {
			if v := recover(); v != nil {
				p.panicked(out, r, v)
			}
			p.parts.Log.Debug().Str("method", r.Method).Str("route", r.Pattern).Int("status", out.Status).
				Dur("took", time.Since(began)).Msg("login page")
		}()
		r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		next.ServeHTTP(out, r)
	})
}

// panicked logs a panic and answers, if nothing has been answered yet. Its
// value may hold anything, so that only the runtime's own is logged as text.
func (p *Page) panicked(out *response.Recorder, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	text := fmt.Sprintf("a %T", v)
	if fault, ok := v.(runtime.Error); ok {
		text = fault.Error()
	}
	p.parts.Log.Error().Str("method", r.Method).Str("route", r.Pattern).Str("panic", text).
		Str("stack", string(debug.Stack())).Msg("a request of the login page panicked")
	if out.Status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeError(out, &fault{http.StatusInternalServerError, keyInternal})
}

// linked opens the token of a request. A valid one is not held up by what its
// address did with others, so that a stranger behind the same proxy cannot
// shut a person out.
func (p *loginPages) linked(serve func(http.ResponseWriter, *http.Request, *link) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := p.sealer.open(r.PathValue("token"))
		if err == nil {
			l := p.links.get(r.PathValue("token"), c)
			if !l.requests.Allow() {
				tooMany(w)
				return
			}
			err = serve(w, r, l)
		}
		switch {
		case err == nil, r.Context().Err() != nil:
		case !errors.Is(err, errNoLink):
			writeError(w, p.asFault(err))
		case !p.guesses.allow(p.client(r)):
			tooMany(w)
		default:
			p.documents.nothing(w)
		}
	}
}

// scriptHeader is set by the page's script. Another site's page cannot set it
// without asking first, and is not answered.
const scriptHeader = "X-Bilikeeper-Page"

// sameOrigin wants a request that changes something to come from the page: from
// its script, or from its form with what only a reader of the page has.
func (p *loginPages) sameOrigin(r *http.Request, l *link) error {
	foreign := &fault{http.StatusForbidden, keyForeign}
	if !browser.SameOrigin(r) {
		return foreign
	}
	proven := browser.IsForm(r) && p.sealer.proves(l.token, r.PostFormValue("proof"))
	if r.Header.Get(scriptHeader) == "" && !proven {
		return foreign
	}
	// A form's Origin is "null" where the page asks for no referrer, and this
	// one does.
	if origin := r.Header.Get("Origin"); origin != "" && !p.site.Own(origin, r.Host) && (origin != "null" || !proven) {
		p.mends.Foreign(r)
		return foreign
	}
	return nil
}
