package keeper

import (
	"context"
	"errors"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/input"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Accounts are the operations on accounts that others ask for.
type Accounts struct{ keeper *Keeper }

// Accounts returns the operations on the keeper's accounts.
func (k *Keeper) Accounts() Accounts { return Accounts{k} }

// Unchanged counts the checks since the start that changed nothing but their time,
// and are no events.
func (a Accounts) Unchanged() uint64 { return a.keeper.parts.Unchanged.Load() }

// Status returns what is known, without asking the site, and without asking the
// disk, which may not answer.
func (a Accounts) Status() client.Status {
	s := client.Status{Accounts: []client.Account{}, Daemon: a.Daemon()}
	for one := range a.Each() {
		s.Accounts = append(s.Accounts, one)
	}
	return s
}

// Daemon tells of the keeper as a whole.
func (a Accounts) Daemon() client.Daemon {
	path, schema := a.keeper.store.Vault().Identity()
	return client.Daemon{
		Version: a.keeper.version, PID: os.Getpid(), StartedAt: a.keeper.started,
		Vault:    client.Vault{Path: path, Schema: schema},
		Problems: append(a.keeper.problems.Sentences(), a.keeper.Shared().troubles()...), Hosts: a.keeper.Shared().Hosts(),
	}
}

// Each goes through what is known of all accounts, by name.
func (a Accounts) Each() iter.Seq[client.Account] {
	return func(yield func(client.Account) bool) {
		all := a.keeper.all()
		shared, many := sharedSessions(all), a.keeper.Shared().Hosts() != nil
		for _, w := range all {
			one := a.viewAlone(w.Shown())
			if many {
				one.Host = a.keeper.Shared().Owner(one.Name)
			}
			for _, name := range shared[w.Session()] {
				if name != one.Name {
					one.SameSession = append(one.SameSession, name)
				}
			}
			if !yield(one) {
				return
			}
		}
	}
}

// sharedSessions are the names of the accounts that hold the very same session, by
// its number. Most hold one of their own and are not in there.
func sharedSessions(all []*account.Worker) map[uint64][]string {
	holder := make(map[uint64]*account.Worker, len(all))
	shared := map[uint64][]string{}
	for _, w := range all {
		session := w.Session()
		first := holder[session]
		switch {
		case session == 0:
		case first == nil:
			holder[session] = w
		case shared[session] == nil:
			shared[session] = []string{first.Name(), w.Name()}
		default:
			shared[session] = append(shared[session], w.Name())
		}
	}
	return shared
}

// Get returns what is known of one account.
func (a Accounts) Get(name string) (client.Account, error) {
	w, err := a.keeper.named(name)
	if err != nil {
		return client.Account{}, err
	}
	return a.view(w.Shown()), nil
}

// History returns how an account did on its last days.
func (a Accounts) History(name string, days int) (client.History, error) {
	if _, err := a.keeper.named(name); err != nil {
		return client.History{}, err
	}
	all, err := a.keeper.store.History(time.Now(), days, name)
	return client.History{Account: name, Days: all[name]}, account.StorageProblem(err)
}

// view is a record as users see it.
func (a Accounts) view(r *store.Brief) client.Account {
	v := a.viewAlone(r)
	if s := a.keeper.Shared(); s.Hosts() != nil {
		v.Host = s.Owner(r.Name)
	}
	return v
}

// viewAlone is view without the host.
func (a Accounts) viewAlone(r *store.Brief) client.Account {
	v := client.Account{
		Name: r.Name, Site: string(r.Site), State: string(r.State()), Uname: r.Uname,
		Refreshable: r.Refreshable, PendingConfirm: r.Confirm != nil, Generation: r.Generation,
		ExpiresAt: account.Known(r.ExpiresAt), CheckedAt: account.Known(r.CheckedAt), NextCheckAt: account.Known(r.NextCheckAt),
		RefreshedAt: account.Known(r.RefreshedAt), BlockedUntil: account.Known(r.BlockedUntil),
		Detail: r.Detail, Failures: r.Failures, Attention: r.Attention,
	}
	own := a.keeper.settings.Load().of(r)
	v.Tags, v.Schedule, v.Paused = own.Tags, own.Schedule, own.Paused
	if v.Paused {
		v.NextCheckAt = nil
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
	if r.Login.Granted() {
		v.Attention = account.GrantedSentence(r.Login)
	}
	if next := r.Next(a.keeper.Settings().policy(r)); next.Action != lifecycle.ActNothing {
		v.Next = &client.Next{Action: string(next.Action), At: next.At.UTC()}
	}
	return v
}

// Check asks the site now. A first denial is followed by the second question
// before it answers; the site is left alone where that is due, unless a person
// insists.
func (a Accounts) Check(ctx context.Context, name string, force bool) (client.CheckResult, error) {
	w, err := a.keeper.named(name)
	if err != nil {
		return client.CheckResult{}, err
	}
	r := w.Shown()
	if r.Base == lifecycle.BaseNew && !r.Login.Granted() {
		return client.CheckResult{}, account.NeedsLogin(name, "it has never been logged in")
	}
	if !force {
		if result, away := a.leftAlone(r); away {
			return result, nil
		}
	}
	granted := r.Login.Granted()
	if r, err = (account.Check{Worker: w}).Now(ctx, force); err != nil {
		return client.CheckResult{}, err
	}
	if granted {
		return a.afterGrant(r)
	}
	return client.CheckResult{Account: a.view(r), Outcome: string(r.LastCheck), Detail: r.Detail, Asked: true}, nil
}

// afterGrant is what became of the question whose a granted login is.
func (a Accounts) afterGrant(r *store.Brief) (client.CheckResult, error) {
	switch l := r.Login; {
	case l.Granted():
		return a.grantedAway(r, true), nil
	case r.Base == lifecycle.BaseValid:
		return client.CheckResult{Account: a.view(r), Outcome: client.CheckOK, Asked: true}, nil
	default:
		return client.CheckResult{}, account.NeedsLogin(r.Name, l.Detail)
	}
}

// grantedAway is the answer for a granted login of which the site could not be
// asked whose it is.
func (a Accounts) grantedAway(r *store.Brief, asked bool) client.CheckResult {
	result := client.CheckResult{Account: a.view(r), Outcome: client.CheckUnreachable, Detail: account.GrantedSentence(r.Login), Asked: asked}
	if r.Login.Blocked {
		result.Outcome = client.CheckBlocked
	}
	return result
}

// leftAlone answers for a site that is not to be asked now.
func (a Accounts) leftAlone(r *store.Brief) (client.CheckResult, bool) {
	if r.Login.Granted() && r.Login.Detail != "" && r.Login.RetryAt.After(time.Now()) {
		return a.grantedAway(r, false), true
	}
	result := client.CheckResult{Account: a.view(r), Outcome: client.CheckBlocked, Detail: r.Detail}
	if r.BlockedUntil.After(time.Now()) {
		if r.LastCheck == lifecycle.OutcomeUnreachable {
			result.Outcome = client.CheckUnreachable
		}
		return result, true
	}
	if until, reason := a.keeper.ways.of(r.Name).limiter.BlockedAt(r.Site); until.After(time.Now()) {
		result.Detail = reason
		result.Account.BlockedUntil = account.Known(until)
		return result, true
	}
	return result, false
}

// Refresh rotates the credential if the site says that it is due, or in any case
// when forced. It answers when the rotation is confirmed, or when there is nothing
// more to wait for.
func (a Accounts) Refresh(ctx context.Context, name string, force bool) (client.RefreshResult, error) {
	w, err := a.keeper.named(name)
	if err != nil {
		return client.RefreshResult{}, err
	}
	before := w.Shown()
	if err := account.RefusesRefresh(before); err != nil {
		return client.RefreshResult{}, err
	}
	if !force {
		if away, yes := a.leftAlone(before); yes {
			return client.RefreshResult{Account: away.Account, Outcome: client.RefreshFailed, Detail: away.Detail}, nil
		}
	}
	r, rotated, err := account.Rotation{Worker: w}.Now(ctx, force)
	if err != nil {
		return client.RefreshResult{}, err
	}
	result := client.RefreshResult{Account: a.view(r), Outcome: client.RefreshDone}
	if !rotated {
		result.Outcome, result.Detail = account.NotRotated(r)
	}
	return result, nil
}

// Forget removes an account here; its session at the site lives on.
func (a Accounts) Forget(ctx context.Context, name string) error {
	w, err := a.keeper.named(name)
	if err != nil {
		return err
	}
	return account.Session{Worker: w}.Forget(ctx)
}

// Logout ends the session at the site, then forgets the account.
func (a Accounts) Logout(ctx context.Context, name string) (client.LogoutResult, error) {
	w, err := a.keeper.named(name)
	if err != nil {
		return client.LogoutResult{}, err
	}
	return account.Session{Worker: w}.Logout(ctx)
}

// sharedNote is told with every import that can be refreshed: the most common
// reason for a cookie that dies within days.
const sharedNote = "a login that a browser or another tool goes on using is refreshed by it, which ends the one kept here: log out there without ending the session (delete the site's cookies), or give the keeper a login of its own"

// Import takes over an existing login after the site has said whose it is.
func (a Accounts) Import(ctx context.Context, req client.ImportRequest) (client.ImportResult, error) {
	if !config.ValidName(req.Account) {
		return client.ImportResult{}, account.BadAccountName(req.Account)
	}
	if req.Format == "" {
		req.Format = input.Auto
	}
	data := req.Bytes
	if len(data) == 0 {
		data = []byte(req.Data)
	}
	found, err := input.Parse(req.Format, data)
	if err != nil {
		return client.ImportResult{}, account.BadRequest("%s", err)
	}
	existed := a.keeper.find(req.Account) != nil
	w, err := a.keeper.ensure(ctx, req.Account, passport.Web)
	if err != nil {
		return client.ImportResult{}, err
	}
	session := account.Session{Worker: w}
	if err := session.TakeOver(ctx, found, req.Replace); err != nil {
		if !existed {
			// An account that was made for this import holds nothing.
			err = errors.Join(err, session.ForgetEmpty(ctx))
		}
		return client.ImportResult{}, account.StorageProblem(err)
	}
	r := w.Shown()
	result := client.ImportResult{Account: a.view(r), Format: found.Format, Refreshable: r.Refreshable, Notes: found.Notes}
	if r.Refreshable {
		result.Notes = append(result.Notes, sharedNote)
	} else {
		result.Notes = append(result.Notes, cannotBeRefreshed(found))
	}
	result.Notes = append(result.Notes, a.twins(w)...)
	return result, nil
}

// twins says under which other names the same login or the same user is kept.
func (a Accounts) twins(w *account.Worker) (notes []string) {
	r, mine := w.Shown(), w.Session()
	for _, o := range a.keeper.all() {
		switch other := o.Shown(); {
		case other.Name == r.Name || other.Mid != r.Mid || other.Site != r.Site || other.Base != lifecycle.BaseValid:
		case o.Session() == mine:
			notes = append(notes, "the same session is kept as account "+other.Name+" too: a refresh of one ends the other; forget one of them")
		default:
			notes = append(notes, "the same user is kept as account "+other.Name+" too, with a session of its own")
		}
	}
	return notes
}

func cannotBeRefreshed(l input.Login) string {
	lacks := []string{}
	if l.RefreshToken.IsZero() {
		lacks = append(lacks, "the refresh token (ac_time_value)")
	}
	if !account.HasCSRF(l) {
		lacks = append(lacks, "bili_jct")
	}
	return "the session is checked and handed out, but cannot be refreshed, because " + strings.Join(lacks, " and ") + " is missing; a new login is asked for before it ends"
}
