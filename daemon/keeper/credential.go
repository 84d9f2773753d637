package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Credential is what an account's tools log in with.
type Credential struct {
	Account    string
	Site       string
	Mid        int64
	Uname      string
	Generation uint64
	IssuedAt   time.Time
	ExpiresAt  time.Time
	// Cookies are in the order in which they are written.
	Cookies      []cookie.Cookie
	RefreshToken secret.String
	UserAgent    string
	// Alive is false where there is none, and where the site has said that its
	// session is dead.
	Alive bool
}

// Value returns a cookie's bytes, "" where the credential has none of that name.
func (c Credential) Value(name string) string {
	return cookie.Value(c.Cookies, name).Reveal()
}

// Credentials hands credentials out and notes who got them.
type Credentials struct{ keeper *Keeper }

// Credentials returns the accounts' credentials.
func (k *Keeper) Credentials() Credentials { return Credentials{k} }

// Get returns the credential in use. One that is known to be dead is a
// problem, unless the caller wants it all the same.
func (c Credentials) Get(name string, stale bool) (Credential, error) {
	w, err := c.keeper.named(name)
	if err != nil {
		return Credential{}, err
	}
	if err := refused(w.Shown(), stale); err != nil {
		return Credential{}, err
	}
	r, err := w.Record()
	if err != nil {
		return Credential{}, err
	}
	return credentialOf(r), nil
}

// refused says why a credential is not handed out, nil where it is.
func refused(r *store.Brief, stale bool) error {
	switch {
	case r.Login.Granted() && r.Base != lifecycle.BaseValid && !stale:
		return account.GrantedAway(r)
	case r.Generation == 0:
		return account.NeedsLogin(r.Name, "it has never been logged in")
	case r.Base == lifecycle.BaseDead && !stale:
		return account.NeedsLogin(r.Name, "the site says that its session is dead")
	}
	return nil
}

// FormKey is what a credential is made into.
type FormKey struct {
	Format           string
	WithRefreshToken bool
}

// Form is Get and what render makes of the credential, which is kept until the
// account's record changes and not a moment longer. Whoever gets it does not change
// it: others have the same.
func (c Credentials) Form(name string, stale bool, key FormKey, render func(Credential) (any, error)) (any, error) {
	w, err := c.keeper.named(name)
	if err != nil {
		return nil, err
	}
	allowed := func(r *store.Brief) error { return refused(r, stale) }
	return w.Form(key, allowed, func(r *store.Record) (any, error) { return render(credentialOf(r)) })
}

// Changed returns a channel that is closed by the next change of an account, and
// never where there is no such account.
func (c Credentials) Changed(name string) <-chan struct{} {
	if w := c.keeper.find(name); w != nil {
		return w.Changed()
	}
	return nil
}

// Held is Get for who wants to know whether there is one: its zero value
// is none.
func (c Credentials) Held(name string) Credential {
	if w := c.keeper.find(name); w != nil {
		if r, err := w.Record(); err == nil {
			return credentialOf(r)
		}
	}
	return Credential{}
}

func credentialOf(r *store.Record) Credential {
	return Credential{
		Account: r.Name, Site: string(r.Site), Mid: r.Mid, Uname: r.Uname, Generation: r.Generation,
		IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt, RefreshToken: r.Credential.RefreshToken,
		UserAgent: r.Device.UserAgent, Cookies: r.Session().All(),
		Alive: r.Generation > 0 && r.Base == lifecycle.BaseValid,
	}
}

// NoteRead notes in the journal who is given a credential, before it is given. A
// journal that cannot be written keeps no tool from its cookie, and one that is
// not written at once keeps it for no longer than a moment: a disk that is full,
// or hangs, would stop every recorder. It is said in the log and in the status instead. Over the
// network, where nobody says who asks, nothing is given that cannot be noted.
func (c Credentials) NoteRead(r audit.Reading) error {
	wrote, err := c.keeper.audit.Read(r)
	c.noted(r, wrote, err)
	if r.Remote != "" {
		return err
	}
	return nil
}

// CountRead counts a reading that is like one that was noted lately, and reports
// whether it is. Any other is to be noted.
func (c Credentials) CountRead(r audit.Reading) bool { return c.keeper.audit.Count(r) }

// NoteRefused notes who was kept from a credential. Names that are no account's
// are left out.
func (c Credentials) NoteRefused(r audit.Reading) {
	if r.Account != "" && c.keeper.find(r.Account) == nil {
		return
	}
	wrote, err := c.keeper.audit.Refused(r)
	c.noted(r, wrote, err)
}

func (c Credentials) noted(r audit.Reading, wrote bool, err error) {
	switch {
	case errors.Is(err, audit.ErrLate): // of the disk, the keeper's health tells
		c.keeper.log.Warn().Err(err).Str("account", r.Account).Uint32("uid", r.By.UID).Int32("pid", r.By.PID).Msg("a credential is read")
	case err != nil:
		c.keeper.log.Error().Err(err).Str("account", r.Account).Str("format", r.Format).Uint32("uid", r.By.UID).Int32("pid", r.By.PID).
			Msg("a credential is read, and the journal cannot be written")
		c.keeper.problems.Set("journal", err)
	case wrote:
		c.keeper.problems.Clear("journal")
	}
}

// Reads returns how often each account's credential was given since the start.
func (c Credentials) Reads() map[string]uint64 { return c.keeper.audit.Reads() }

// KeepCounts writes down once a minute what readings were counted and not noted.
func (c Credentials) KeepCounts(ctx context.Context) { c.keeper.audit.Keep(ctx) }

// SaveCounts writes down what readings were counted and not noted. It comes last,
// when nobody reads any more.
func (c Credentials) SaveCounts() error { return c.keeper.audit.Save() }
