package keeper

import (
	"cmp"
	"context"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// linkLife is how long a link to the login page works. The next reminder brings
// the next one.
const linkLife = 24 * time.Hour

// Logins are the logins in progress, and how each account's last one ended.
type Logins struct{ keeper *Keeper }

// Logins returns the keeper's logins.
func (k *Keeper) Logins() Logins { return Logins{k} }

// Start begins a login, or joins the one in progress.
func (l Logins) Start(ctx context.Context, req client.LoginRequest) (client.Login, error) {
	return l.start(ctx, req, false)
}

// StartSingle is Start for somebody who asks anew for each code.
func (l Logins) StartSingle(ctx context.Context, req client.LoginRequest) (client.Login, error) {
	return l.start(ctx, req, true)
}

func (l Logins) start(ctx context.Context, req client.LoginRequest, single bool) (client.Login, error) {
	site, err := loginSite(&req)
	if err != nil {
		return client.Login{}, err
	}
	w, err := l.keeper.ensure(ctx, req.Account, site)
	if err != nil {
		return client.Login{}, err
	}
	if r := w.Shown(); r.Site != site {
		return client.Login{}, account.OtherSite(r)
	}
	var until time.Time
	if req.Attend > 0 {
		until = time.Now().Add(time.Duration(min(req.Attend, 3600)) * time.Second)
	}
	joined, err := account.Login{Worker: w}.Start(ctx, req.Method, until, single)
	if err != nil {
		return client.Login{}, err
	}
	login, err := l.view(w)
	login.Joined = joined
	return login, err
}

func loginSite(req *client.LoginRequest) (passport.Site, error) {
	if req.Account == "" {
		req.Account = "default"
	}
	if !config.ValidName(req.Account) {
		return "", account.BadAccountName(req.Account)
	}
	req.Method = cmp.Or(req.Method, client.MethodQR)
	site := passport.Site(cmp.Or(req.Site, string(passport.Web)))
	switch {
	case req.Method != client.MethodQR && req.Method != client.MethodSMS:
		return "", account.BadRequest("there is no method %q: there are qr and sms", req.Method)
	case site != passport.Web && site != passport.Intl:
		return "", account.BadRequest("there is no site %q: there are web and intl", site)
	case site == passport.Intl && req.Method == client.MethodSMS:
		return "", account.BadRequest("the international site is logged in to by qr only")
	}
	return site, nil
}

// Get returns a login in progress, or how an account's last one ended.
func (l Logins) Get(id string) (client.Login, error) {
	w, err := l.owner(id)
	if err != nil {
		return client.Login{}, err
	}
	return l.view(w)
}

// Await returns a login once it has another revision than one, and what there is
// of it when ctx ends.
func (l Logins) Await(ctx context.Context, id string, revision uint64) (client.Login, error) {
	w, err := l.owner(id)
	if err != nil {
		return client.Login{}, err
	}
	r, err := w.Await(ctx, func(r *store.Brief) bool {
		return r.Login == nil || r.Login.ID != id || r.Revision != revision
	})
	if err != nil {
		if l.keeper.find(w.Name()) != w {
			return client.Login{}, account.NoLogin(id) // it went with its account
		}
		// A keeper that stops changes nothing any more; its callers end the wait.
		<-ctx.Done()
		r = w.Shown()
	}
	if r.Login == nil || r.Login.ID != id {
		return client.Login{}, account.NoLogin(id)
	}
	login, err := l.view(w)
	if err == nil && login.ID != id {
		return client.Login{}, account.NoLogin(id)
	}
	return login, err
}

// Cancel ends a login. One that the site has granted goes on.
func (l Logins) Cancel(ctx context.Context, id string) error {
	w, err := l.owner(id)
	if err != nil {
		return err
	}
	return account.Login{Worker: w}.Cancel(ctx, id)
}

// Captcha fetches a captcha for a person to solve, and the countries.
func (l Logins) Captcha(ctx context.Context, id string) (client.Captcha, error) {
	w, err := l.owner(id)
	if err != nil {
		return client.Captcha{}, err
	}
	return account.SMS{Worker: w}.Captcha(ctx, id)
}

// SendSMS lets the site send a code.
func (l Logins) SendSMS(ctx context.Context, id string, s client.SMSSend) (client.Login, error) {
	w, err := l.owner(id)
	if err != nil {
		return client.Login{}, err
	}
	if err := (account.SMS{Worker: w}).Send(ctx, id, s); err != nil {
		return client.Login{}, err
	}
	return l.view(w)
}

// SubmitSMS logs in with the code that came.
func (l Logins) SubmitSMS(ctx context.Context, id string, c client.SMSCode) (client.Login, error) {
	w, err := l.owner(id)
	if err != nil {
		return client.Login{}, err
	}
	verification, err := account.SMS{Worker: w}.Submit(ctx, id, c)
	if err != nil {
		return client.Login{}, err
	}
	login, err := l.view(w)
	if err == nil && !verification.IsZero() {
		login.URL = verification.Reveal()
	}
	return login, err
}

// Subjects returns what a link to the login page may stand for now: the open
// incident, the login in progress.
func (l Logins) Subjects(name string) []string {
	r := l.keeper.Record(name)
	if r == nil {
		return nil
	}
	var subjects []string
	if r.Incident != nil {
		subjects = append(subjects, r.Incident.ID)
	}
	if r.Login.Active() {
		subjects = append(subjects, r.Login.ID)
	}
	return subjects
}

// Link returns the login page's address for an incident or a login of an account
// that was told of at a time, "" where no page is served.
func (l Logins) Link(name, subject string, at time.Time) string {
	if l.keeper.pageLink == nil || subject == "" {
		return ""
	}
	return l.keeper.pageLink(name, subject, at.Add(linkLife))
}

func (l Logins) owner(id string) (*account.Worker, error) {
	for _, w := range l.keeper.all() {
		if login := w.Shown().Login; login != nil && login.ID == id {
			return w, nil
		}
	}
	return nil, account.NoLogin(id)
}

// view is a login as users see it, with the login page's address.
func (l Logins) view(w *account.Worker) (client.Login, error) {
	r, err := w.Record()
	switch {
	case err != nil:
		return client.Login{}, err
	case r.Login == nil: // it ended, and its account was logged in otherwise
		return client.Login{}, account.NoLogin("")
	}
	v := account.ViewLogin(r)
	if r.Login.Active() {
		v.PageURL = l.Link(r.Name, r.Login.ID, r.Login.Started)
	}
	return v, nil
}
