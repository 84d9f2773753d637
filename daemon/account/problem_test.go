package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// TestProblems: of which type what people are told is, what it says, and what it says
// to do about it.
func TestProblems(t *testing.T) {
	granted := &store.Brief{Account: lifecycle.Account{Name: "main", Login: &lifecycle.Login{Phase: lifecycle.PhaseProving, Detail: "HTTP 502", RetryAt: time.Now()}}}
	away := lifecycle.Verdict{Class: passport.Unreachable, Detail: "nav: HTTP 502"}
	for name, c := range map[string]struct {
		err                error
		kind, detail, hint string
		never              string // what the hint does not say
	}{
		"no account":                {err: account.NoAccount("mian", ""), kind: client.ProblemNoAccount, detail: `"mian"`, hint: "bilikeeper status", never: "did you mean"},
		"no account, a near one":    {err: account.NoAccount("mian", "main"), kind: client.ProblemNoAccount, hint: "did you mean main?"},
		"a login is needed":         {err: account.NeedsLogin("main", "it is dead"), kind: client.ProblemNeedsLogin, detail: "it is dead", hint: "bilikeeper login main"},
		"the site is away":          {err: account.SiteAway(away, time.Time{}), kind: client.ProblemSiteAway, detail: "HTTP 502", hint: "try again later"},
		"until a time":              {err: account.SiteAway(away, time.Now().Add(time.Hour)), kind: client.ProblemSiteAway, hint: "try again after"},
		"until a time that is past": {err: account.SiteAway(away, time.Now().Add(-time.Hour)), kind: client.ProblemSiteAway, hint: "try again later"},
		"granted":                   {err: account.GrantedAway(granted), kind: client.ProblemSiteAway, detail: "(HTTP 502)", hint: "nobody has to scan again"},
		"a bad name":                {err: account.BadAccountName("-"), kind: client.ProblemBadRequest, detail: `"-"`},
		"the other site":            {err: account.OtherSite(&store.Brief{Account: lifecycle.Account{Name: "tv", Site: passport.Intl}}), kind: client.ProblemBadRequest, detail: `"intl"`},
		"it stops":                  {err: account.Stopping(), kind: client.ProblemBusy, hint: "when it runs"},
		"the vault":                 {err: account.StorageProblem(errors.New("read-only")), kind: client.ProblemStorage, detail: "read-only", hint: "log"},
		"the vault's disk":          {err: account.StorageProblem(vault.ErrNoSpace), kind: client.ProblemStorage, hint: "make room"},
		"a problem of its own":      {err: account.StorageProblem(account.Stopping()), kind: client.ProblemBusy},
		"no login":                  {err: account.NoLogin("0123"), kind: client.ProblemNoLogin, detail: "0123"},
		"the configuration's say":   {err: account.Configured("main", "schedule"), kind: client.ProblemConfigured, detail: `name = "main"`, hint: "bilikeeper reload"},
	} {
		var p *client.Problem
		if !errors.As(c.err, &p) || p.Type != c.kind || p.Title == "" || !strings.Contains(p.Detail, c.detail) || !strings.Contains(p.Hint, c.hint) {
			t.Errorf("%s: %+v", name, p)
		}
		if c.never != "" && strings.Contains(p.Hint, c.never) {
			t.Errorf("%s: %q", name, p.Hint)
		}
	}
	if account.StorageProblem(nil) != nil {
		t.Error("nothing is a problem")
	}
}

// TestNotRotated: why there is no refresh, before it is tried and afterwards.
func TestNotRotated(t *testing.T) {
	good := lifecycle.Account{Name: "main", Base: lifecycle.BaseValid, Generation: 1, Refreshable: true}
	for name, c := range map[string]struct {
		change  func(a *lifecycle.Account)
		refused string // the problem's type, "" for none
		outcome string
		detail  string
	}{
		"not due":         {func(*lifecycle.Account) {}, "", client.RefreshNotDue, "not due"},
		"never logged in": {func(a *lifecycle.Account) { a.Generation = 0 }, client.ProblemNeedsLogin, client.RefreshNotDue, ""},
		"dead":            {func(a *lifecycle.Account) { a.Base = lifecycle.BaseDead }, client.ProblemNeedsLogin, client.RefreshNotDue, ""},
		"without a token": {func(a *lifecycle.Account) { a.Refreshable, a.Attention = false, "log in anew" }, client.ProblemNeedsLogin, client.RefreshImpossible, "log in anew"},
		"a login goes on": {func(a *lifecycle.Account) { a.Login = &lifecycle.Login{Phase: lifecycle.PhaseWaiting} }, client.ProblemBusy, client.RefreshNotDue, ""},
		"in doubt":        {func(a *lifecycle.Account) { a.DeniedAt = time.Now() }, "", client.RefreshFailed, "denied"},
		"staged": {func(a *lifecycle.Account) {
			a.Refresh = &lifecycle.Refresh{Phase: lifecycle.RefreshStaged, Detail: "HTTP 502"}
		}, "", client.RefreshFailed, "saved"},
		"it failed":      {func(a *lifecycle.Account) { a.Refresh = &lifecycle.Refresh{Detail: "HTTP 502"} }, "", client.RefreshFailed, "HTTP 502"},
		"it is not done": {func(a *lifecycle.Account) { a.Refresh = &lifecycle.Refresh{} }, "", client.RefreshFailed, "not finished"},
	} {
		r := &store.Brief{Account: good}
		c.change(&r.Account)
		if err := account.RefusesRefresh(r); (err != nil) != (c.refused != "") || err != nil && !isProblem(err, c.refused) {
			t.Errorf("%s: %v", name, err)
		}
		if outcome, detail := account.NotRotated(r); outcome != c.outcome || !strings.Contains(detail, c.detail) {
			t.Errorf("%s: %s, %q", name, outcome, detail)
		}
	}
}

// TestProblemsOfTheKeeper: the last word on a part counts, until it works again.
func TestProblemsOfTheKeeper(t *testing.T) {
	var p account.Problems
	if got := p.Sentences(); got == nil || len(got) != 0 {
		t.Errorf("%#v", got)
	}
	p.Clear("disk")
	p.Set("disk", errors.New("slow"))
	p.Set("account b", errors.New("one"))
	p.Set("disk", errors.New("full"))
	if got := strings.Join(p.Sentences(), "; "); got != "account b: one; disk: full" || p.Of("disk") != "full" || p.Of("other") != "" {
		t.Errorf("%q", got)
	}
	p.Clear("disk")
	if got := p.Sentences(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
