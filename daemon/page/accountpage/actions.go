package accountpage

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
)

// actions are what the buttons do, those of a login aside.
type actions struct{ *Page }

func (p actions) check(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := handover.Anywhere(p.Keeper).Check(ctx, r.PathValue("name"), false)
	p.back(w, r, v, "check_"+result.Outcome, err)
}

func (p actions) refresh(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := handover.Anywhere(p.Keeper).Refresh(ctx, r.PathValue("name"), false)
	p.back(w, r, v, "refresh_"+result.Outcome, err)
}

func (p actions) pause(w http.ResponseWriter, r *http.Request, v visit) {
	paused := true
	p.patch(w, r, v, "paused", client.AccountPatch{Paused: &paused})
}

func (p actions) resume(w http.ResponseWriter, r *http.Request, v visit) {
	paused := false
	p.patch(w, r, v, "resumed", client.AccountPatch{Paused: &paused})
}

// tags replaces the tags of an account. They are separated by what no tag has.
func (p actions) tags(w http.ResponseWriter, r *http.Request, v visit) {
	tags := strings.FieldsFunc(r.PostFormValue("tags"), func(c rune) bool { return strings.ContainsRune(" \t\r\n,;，、；\u3000", c) })
	if tags == nil {
		tags = []string{}
	}
	p.patch(w, r, v, "tags_saved", client.AccountPatch{Tags: &tags})
}

func (p actions) patch(w http.ResponseWriter, r *http.Request, v visit, said string, patch client.AccountPatch) {
	_, err := handover.Anywhere(p.Keeper).Patch(r.Context(), r.PathValue("name"), patch)
	p.back(w, r, v, said, err)
}

func (p actions) testChannel(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	result, err := p.Channels().Test(ctx, r.PathValue("name"))
	said := "test_sent"
	if !result.Delivered {
		said = "test_failed"
	}
	if err == nil {
		p.tried.note("channel "+result.Name, trial{at: time.Now(), worked: result.Delivered, said: result.Answer + result.Error})
	}
	p.back(w, r, v, said, err)
}

func (p actions) runOutput(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), siteLimit)
	defer cancel()
	name := r.PathValue("name")
	_, err := p.Outputs().RunNow(ctx, name)
	if problem, ok := errors.AsType[*client.Problem](err); err == nil || ok && problem.Type != client.ProblemNoOutput {
		t := trial{at: time.Now(), worked: err == nil}
		if err != nil {
			t.said = err.Error()
		}
		p.tried.note("output "+name, t)
	}
	p.back(w, r, v, "run_done", err)
}

// back leads to the document that a button stands on, which tells what came of it.
// A text of the keeper's is not for an address, so that only its kind goes there.
func (p actions) back(w http.ResponseWriter, r *http.Request, v visit, said string, err error) {
	if err != nil {
		if missing(err) {
			key := "nothing_here"
			if errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
				key = "no_account"
			}
			p.refuse(w, v, http.StatusNotFound, key)
			return
		}
		said = p.outcome(r, err)
	}
	at := v.up + "deliveries"
	if strings.HasPrefix(r.URL.Path, "/accounts/") {
		at = v.up + "accounts/" + url.PathEscape(r.PathValue("name"))
	}
	see(w, at+"?said="+url.QueryEscape(said))
}

// missing reports whether an error says that there is nothing of the name.
func missing(err error) bool {
	for _, kind := range []string{client.ProblemNoAccount, client.ProblemNoChannel, client.ProblemNoOutput} {
		if errors.Is(err, &client.Problem{Type: kind}) {
			return true
		}
	}
	return false
}

// outcome is the key of what an error says.
func (p actions) outcome(r *http.Request, err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "under_way"
	}
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok {
		p.frame.Log.Error().Err(err).Str("route", r.Pattern).Msg("the account page got no answer of the keeper")
		return "failed"
	}
	said := map[string]string{client.ProblemBusy: "busy", client.ProblemNeedsLogin: "needs_login", client.ProblemSiteAway: "site_away",
		client.ProblemOutput: "run_failed", client.ProblemConfigured: "configured", client.ProblemBadRequest: "bad_request", client.ProblemStorage: "storage",
		client.ProblemElsewhere: "owner_away", client.ProblemHostAway: "owner_away"}[problem.Type]
	if said == "" {
		return "failed"
	}
	return said
}
