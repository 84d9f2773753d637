package daemon

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Status returns what is known, without asking the site.
func (k *Keeper) Status() client.Status {
	info := k.store.vault.Info()
	s := client.Status{
		Accounts: []client.Account{},
		Daemon: client.Daemon{
			Version: k.version, PID: os.Getpid(), StartedAt: k.started,
			Vault:    client.Vault{Path: info.Path, Schema: info.Schema},
			Problems: k.problems.sentences(),
		},
	}
	for _, a := range k.all() {
		s.Accounts = append(s.Accounts, k.view(a.shown.Load()))
	}
	return s
}

// Account returns what is known of one account.
func (k *Keeper) Account(name string) (client.Account, error) {
	a := k.find(name)
	if a == nil {
		return client.Account{}, noAccount(name)
	}
	return k.view(a.shown.Load()), nil
}

// view is a record as users see it.
func (k *Keeper) view(r *record) client.Account {
	v := client.Account{
		Name: r.Name, Site: string(r.Site), State: string(r.State()), Uname: r.Uname,
		Refreshable: r.Refreshable, PendingConfirm: r.Confirm != nil, Generation: r.Generation,
		ExpiresAt: known(r.ExpiresAt), CheckedAt: known(r.CheckedAt), NextCheckAt: known(r.NextCheckAt),
		RefreshedAt: known(r.RefreshedAt), BlockedUntil: known(r.BlockedUntil),
		Detail: r.Detail, Failures: r.Failures, Attention: r.Attention,
		Tags: k.settings.Load().Account(r.Name).Tags,
	}
	if v.Tags == nil {
		v.Tags = []string{}
	}
	if r.Mid != 0 {
		v.Mid = &r.Mid
	}
	if r.LastCheck != "" {
		word := string(r.LastCheck)
		v.LastCheck = &word
	}
	if !r.BlockedUntil.After(time.Now()) {
		v.BlockedUntil = nil
	}
	if r.Login.Active() {
		v.LoginID = r.Login.ID
	}
	if next := r.Next(k.policy(r.Name)); next.Action != lifecycle.ActNothing {
		v.Next = &client.Next{Action: string(next.Action), At: next.At.UTC()}
	}
	return v
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Check asks the site now. A first denial is followed by the second question
// before it answers; the site is left alone where that is due, unless a person
// insists.
func (k *Keeper) Check(ctx context.Context, name string, force bool) (client.CheckResult, error) {
	a := k.find(name)
	if a == nil {
		return client.CheckResult{}, noAccount(name)
	}
	r := a.shown.Load()
	if r.Base == lifecycle.BaseNew {
		return client.CheckResult{}, needsLogin(name, "it has never been logged in")
	}
	if !force {
		if result, away := k.leftAlone(r); away {
			return result, nil
		}
	} else {
		ctx = passport.Force(ctx)
	}
	if !r.Doubted() || force && r.BlockedUntil.After(time.Now()) {
		if err := a.do(ctx, a.checkNow); err != nil {
			return client.CheckResult{}, storageProblem(err)
		}
	}
	return k.decided(ctx, a)
}

// checkNow asks the question that is open: the first, or while the first
// answer is doubted, the second.
func (a *account) checkNow(ctx context.Context) error {
	if a.rec.Doubted() {
		return a.askAgain(ctx)
	}
	return a.check(ctx)
}

// leftAlone answers for a site that is not to be asked now.
func (k *Keeper) leftAlone(r *record) (client.CheckResult, bool) {
	result := client.CheckResult{Account: k.view(r), Outcome: client.CheckBlocked, Detail: r.Detail}
	if r.BlockedUntil.After(time.Now()) {
		if r.LastCheck == lifecycle.OutcomeUnreachable {
			result.Outcome = client.CheckUnreachable
		}
		return result, true
	}
	if until, reason := k.gate.BlockedAt(r.Site); until.After(time.Now()) {
		result.Detail = reason
		result.Account.BlockedUntil = known(until)
		return result, true
	}
	return result, false
}

// decided waits until a doubted session is either dead or not.
func (k *Keeper) decided(ctx context.Context, a *account) (client.CheckResult, error) {
	for {
		changed := a.changed.wait()
		r := a.shown.Load()
		if !r.Doubted() || r.LastCheck != lifecycle.OutcomeDead {
			return client.CheckResult{Account: k.view(r), Outcome: string(r.LastCheck), Detail: r.Detail, Asked: true}, nil
		}
		select {
		case <-changed:
		case <-a.done:
			return client.CheckResult{}, a.left()
		case <-ctx.Done():
			return client.CheckResult{}, ctx.Err()
		}
	}
}

// Forget removes an account here; its session at the site lives on.
func (k *Keeper) Forget(ctx context.Context, name string) error {
	a := k.find(name)
	if a == nil {
		return noAccount(name)
	}
	return storageProblem(a.do(ctx, a.forget))
}

// Credential renders the credential in use.
func (k *Keeper) Credential(name string, q control.CredentialQuery) (control.Credential, error) {
	a := k.find(name)
	if a == nil {
		return control.Credential{}, noAccount(name)
	}
	r := a.shown.Load()
	switch {
	case r.Generation == 0:
		return control.Credential{}, needsLogin(name, "it has never been logged in")
	case r.Base == lifecycle.BaseDead && !q.Stale:
		return control.Credential{}, needsLogin(name, "the site says that its session is dead")
	}
	out, err := output.Render(q.Format, outputCredential(r), output.Options{WithRefreshToken: q.WithRefreshToken})
	if wrong, ok := errors.AsType[*output.Error](err); ok {
		err = wrong
		return control.Credential{}, badRequest("%s", err)
	}
	return control.Credential{Body: out.Body, ContentType: out.ContentType, Generation: r.Generation}, err
}

func outputCredential(r *record) output.Credential {
	c := output.Credential{
		Account: r.Name, Site: string(r.Site), Mid: r.Mid, Uname: r.Uname, Generation: r.Generation,
		IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt, RefreshToken: r.credential.RefreshToken,
		UserAgent: r.device.UserAgent,
	}
	for _, k := range r.session().All() {
		c.Cookies = append(c.Cookies, output.Cookie{
			Name: k.Name, Value: k.Value, Domain: k.Domain, Path: k.Path, Expires: k.Expires,
			HTTPOnly: k.HTTPOnly, Secure: k.Secure, SameSite: k.SameSite,
		})
	}
	return c
}

// StartLogin begins a login, or joins the one in progress.
func (k *Keeper) StartLogin(ctx context.Context, req client.LoginRequest) (client.Login, error) {
	site, err := loginSite(&req)
	if err != nil {
		return client.Login{}, err
	}
	a, err := k.ensure(req.Account, site)
	if err != nil {
		return client.Login{}, err
	}
	if a.shown.Load().Site != site {
		return client.Login{}, badRequest("account %s belongs to the site %q; accounts of the two sites are not interchangeable", a.name, a.shown.Load().Site)
	}
	var until time.Time
	if req.Attend > 0 {
		until = time.Now().Add(time.Duration(min(req.Attend, 3600)) * time.Second)
	}
	var joined bool
	// A person is waiting: their one request passes an open breaker.
	err = a.do(passport.Force(ctx), func(ctx context.Context) error {
		if joined = a.rec.Login.Active(); joined {
			return a.apply(lifecycle.Attended{Until: until}, nil)
		}
		if req.Method == client.MethodSMS {
			return a.apply(lifecycle.SMSBegun{ID: newID(), Attended: until}, nil)
		}
		return a.issueCode(ctx, lifecycle.CodeIssued{ID: newID(), Method: req.Method, Attended: until})
	})
	if err != nil {
		return client.Login{}, storageProblem(err)
	}
	login := k.viewLogin(a.shown.Load())
	login.Joined = joined
	return login, nil
}

func loginSite(req *client.LoginRequest) (passport.Site, error) {
	if req.Account == "" {
		req.Account = "default"
	}
	if !config.ValidName(req.Account) {
		return "", badAccountName(req.Account)
	}
	req.Method = cmp.Or(req.Method, client.MethodQR)
	site := passport.Site(cmp.Or(req.Site, string(passport.Web)))
	switch {
	case req.Method != client.MethodQR && req.Method != client.MethodSMS:
		return "", badRequest("there is no method %q: there are qr and sms", req.Method)
	case site != passport.Web && site != passport.Intl:
		return "", badRequest("there is no site %q: there are web and intl", site)
	case site == passport.Intl && req.Method == client.MethodSMS:
		return "", badRequest("the international site is logged in to by qr only")
	}
	return site, nil
}

// Login returns a login in progress, or how an account's last one ended.
func (k *Keeper) Login(id string) (client.Login, error) {
	if a := k.loginOwner(id); a != nil {
		return k.viewLogin(a.shown.Load()), nil
	}
	return client.Login{}, noLogin(id)
}

// CancelLogin ends a login. One that the site has granted goes on: its code is
// spent, and what came with it is not thrown away.
func (k *Keeper) CancelLogin(ctx context.Context, id string) error {
	a := k.loginOwner(id)
	if a == nil {
		return noLogin(id)
	}
	return storageProblem(a.do(ctx, func(context.Context) error {
		l := a.rec.Login
		switch {
		case l == nil || l.ID != id:
			return noLogin(id)
		case l.Granted():
			return &client.Problem{Type: client.ProblemBusy, Title: "the login was granted already", Hint: "wait for its end; bilikeeper forget " + a.name + " removes the account"}
		}
		return a.apply(lifecycle.Cancelled{}, nil)
	}))
}

func (k *Keeper) loginOwner(id string) *account {
	for _, a := range k.all() {
		if l := a.shown.Load().Login; l != nil && l.ID == id {
			return a
		}
	}
	return nil
}

func noLogin(id string) error {
	return &client.Problem{Type: client.ProblemNoLogin, Title: "there is no such login", Detail: "there is no login " + id,
		Hint: "a later login of the account took its place"}
}

// viewLogin is a login as users see it, with the login page's address.
func (k *Keeper) viewLogin(r *record) client.Login {
	v := viewLogin(r)
	if r.Login.Active() {
		v.PageURL = k.link(r.Name, told{Login: r.Login.ID}, r.Login.Started)
	}
	return v
}

func viewLogin(r *record) client.Login {
	l := r.Login
	v := client.Login{
		ID: l.ID, Account: r.Name, Site: string(r.Site), Method: l.Method, Code: l.Code,
		StartedAt: l.Started.UTC(), Reason: l.Reason, Detail: l.Detail, Revision: r.revision,
	}
	switch l.Phase {
	case lifecycle.PhaseAsking, lifecycle.PhaseWaiting:
		v.State = client.LoginWaiting
	case lifecycle.PhaseScanned:
		v.State = client.LoginScanned
	case lifecycle.PhaseCaptcha:
		v.State = client.LoginCaptcha
	case lifecycle.PhaseSMS:
		v.State = client.LoginSMSSent
	case lifecycle.PhaseCollecting, lifecycle.PhaseProving:
		v.State = client.LoginVerifying
	case lifecycle.PhaseSucceeded:
		v.State = client.LoginSucceeded
	case lifecycle.PhaseFailed:
		v.State = client.LoginFailed
	case lifecycle.PhaseCancelled:
		v.State = client.LoginCancelled
	}
	if !r.code.URL.IsZero() {
		v.URL = r.code.URL.Reveal()
		v.ExpiresAt = known(l.CodeExpires)
	}
	return v
}

// Events returns the journal after an id.
func (k *Keeper) Events(after uint64, limit int) ([]client.Event, error) {
	return k.store.events(after, limit)
}

// Changed returns a channel that is closed by the next change of anything.
func (k *Keeper) Changed() <-chan struct{} { return k.store.changed.wait() }

// Newest returns the id of the newest event.
func (k *Keeper) Newest() uint64 { return k.store.vault.Newest() }
