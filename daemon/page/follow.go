package page

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
)

// While somebody has the page open the keeper is told so every attendEvery, and
// each time for attendFor: a code that expires within that is replaced.
const (
	attendFor   = 2 * time.Minute
	attendEvery = 45 * time.Second
)

// alive reports whether a link stands for something now: for what it was made
// for, or for the login that it has started itself in place of that.
func (p *loginPages) alive(l *link) bool {
	subjects := p.parts.Keeper.Logins().Subjects(l.account)
	if slices.Contains(subjects, l.subject) {
		return true
	}
	id := l.followed()
	return id != "" && slices.Contains(subjects, id)
}

// current returns the login that the link's page shows; ok is false where
// nobody has started the page. A newer login of the account takes the place of
// one that has ended without success.
func (p *loginPages) current(l *link, alive bool) (login client.Login, ok bool) {
	id := l.followed()
	if id == "" {
		return client.Login{}, false
	}
	login, err := p.parts.Keeper.Logins().Get(id)
	ok = err == nil && login.Account == l.account
	if ok && (!login.Ended() || login.State == client.LoginSucceeded) || !alive {
		return login, ok
	}
	if newer, found := p.running(l); found {
		l.follow(newer)
		return newer, true
	}
	return login, ok
}

// running returns the login of the link's account that is in progress.
func (p *loginPages) running(l *link) (client.Login, bool) {
	a, err := p.parts.Keeper.Accounts().Get(l.account)
	if err != nil || a.LoginID == "" {
		return client.Login{}, false
	}
	login, err := p.parts.Keeper.Logins().Get(a.LoginID)
	if err != nil || login.Ended() || login.Account != l.account {
		return client.Login{}, false
	}
	return login, true
}

// join follows the login in progress, whatever its method, or begins one.
func (p *loginPages) join(ctx context.Context, l *link) (client.Login, error) {
	found, ok := p.running(l)
	switch {
	case !ok:
		return p.begin(ctx, l, client.MethodQR)
	case l.codesLeft() == 0:
		// It is shown, but nobody keeps it going.
		l.follow(found)
		return found, nil
	}
	return p.begin(ctx, l, found.Method)
}

// obtain begins a login anew. The one in progress is given up for it, but for
// one that the site has granted: that one is about to succeed.
func (p *loginPages) obtain(ctx context.Context, l *link, method string) (client.Login, error) {
	if method == client.MethodQR && l.codesLeft() == 0 {
		return client.Login{}, &fault{http.StatusTooManyRequests, keyUsedUp}
	}
	l.exchange()
	defer l.exchange()
	if found, ok := p.running(l); ok {
		err := handover.Anywhere(p.parts.Keeper).Cancel(ctx, found.ID)
		if isProblem(err, client.ProblemBusy) {
			l.follow(found)
			return found, nil
		}
		if err != nil && !isProblem(err, client.ProblemNoLogin) {
			return client.Login{}, err
		}
	}
	return p.begin(ctx, l, method)
}

func (p *loginPages) begin(ctx context.Context, l *link, method string) (client.Login, error) {
	if method == client.MethodQR && l.codesLeft() == 0 {
		return client.Login{}, &fault{http.StatusTooManyRequests, keyUsedUp}
	}
	a, err := p.parts.Keeper.Accounts().Get(l.account)
	if err != nil {
		return client.Login{}, errNoLink
	}
	ctx, cancel := context.WithTimeout(ctx, patience-5*time.Second)
	defer cancel()
	login, err := handover.Anywhere(p.parts.Keeper).Start(ctx, client.LoginRequest{
		Account: l.account, Site: a.Site, Method: method, Attend: int(attendFor / time.Second)})
	if errors.Is(err, context.DeadlineExceeded) {
		return client.Login{}, &fault{http.StatusServiceUnavailable, keySite}
	}
	if err != nil {
		return client.Login{}, err
	}
	l.follow(login)
	return login, nil
}

// attend tells the keeper that a person is still there. Joining is what says
// so, and a login that ended at this very moment would be begun anew; a code
// that is about to be replaced is therefore left alone.
func (p *loginPages) attend(ctx context.Context, l *link) {
	login, ok := p.current(l, true)
	if !ok || !showsCode(login) || time.Until(*login.ExpiresAt) < time.Second || !p.alive(l) || !l.toAttend(time.Now()) {
		return
	}
	if found, ok := p.running(l); !ok || found.ID != login.ID {
		return
	}
	if _, err := p.begin(ctx, l, client.MethodQR); err != nil && ctx.Err() == nil {
		p.parts.Log.Debug().Str("problem", p.asFault(err).key).Msg("the keeper was not told that the login page is open")
	}
}
