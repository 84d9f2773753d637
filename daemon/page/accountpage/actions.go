package accountpage

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// tokenLife is how long a login page works that is opened from here.
const tokenLife = time.Hour

// actions are what the buttons do.
type actions struct{ *Page }

// login leads to the login page: of what is open, else of a login that is begun.
func (p actions) login(w http.ResponseWriter, r *http.Request, v visit) {
	name := r.PathValue("name")
	a, err := p.Keeper.Accounts().Get(name)
	if err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	subject := ""
	if open := p.Keeper.Logins().Subjects(name); len(open) > 0 {
		subject = open[0]
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), siteLimit-5*time.Second)
		defer cancel()
		l, err := p.Keeper.Logins().Start(ctx, client.LoginRequest{Account: name, Site: a.Site, Method: client.MethodQR, Attend: int((2 * time.Minute).Seconds())})
		if err != nil {
			p.back(w, r, v, "", err)
			return
		}
		subject = l.ID
	}
	see(w, v.up+"l/"+p.frame.LoginToken(name, subject, time.Now().Add(tokenLife))+"?lang="+url.QueryEscape(v.Lang))
}

func (p actions) check(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := p.Keeper.Accounts().Check(ctx, r.PathValue("name"), false)
	p.back(w, r, v, "check_"+result.Outcome, err)
}

func (p actions) refresh(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := p.Keeper.Accounts().Refresh(ctx, r.PathValue("name"), false)
	p.back(w, r, v, "refresh_"+result.Outcome, err)
}

func (p actions) testChannel(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := p.Channels().Test(ctx, r.PathValue("name"))
	said := "test_sent"
	if !result.Delivered {
		said = "test_failed"
	}
	p.back(w, r, v, said, err)
}

func (p actions) runOutput(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	_, err := p.Outputs().RunNow(ctx, r.PathValue("name"))
	p.back(w, r, v, "run_done", err)
}

// back leads to the document that a button stands on, which tells what came of it.
// A text of the keeper's is not for an address, so that only its kind goes there.
func (p actions) back(w http.ResponseWriter, r *http.Request, v visit, said string, err error) {
	if err != nil {
		said = "failed"
		problem, ok := errors.AsType[*client.Problem](err)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			said = "under_way"
		case !ok:
			p.frame.Log.Error().Err(err).Str("route", r.Pattern).Msg("the account page got no answer of the keeper")
		case problem.Type == client.ProblemNoAccount:
			p.refuse(w, v, http.StatusNotFound, "no_account")
			return
		case problem.Type == client.ProblemNoChannel || problem.Type == client.ProblemNoOutput:
			p.refuse(w, v, http.StatusNotFound, "nothing_here")
			return
		case problem.Type == client.ProblemBusy:
			said = "busy"
		case problem.Type == client.ProblemNeedsLogin:
			said = "needs_login"
		case problem.Type == client.ProblemSiteAway:
			said = "site_away"
		case problem.Type == client.ProblemOutput:
			said = "run_failed"
		}
	}
	at := v.up + "deliveries"
	if strings.HasPrefix(r.URL.Path, "/accounts/") {
		at = v.up + "accounts/" + url.PathEscape(r.PathValue("name"))
	}
	see(w, at+"?said="+url.QueryEscape(said))
}
