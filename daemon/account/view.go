package account

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/passport"
)

// LoginState is the word for a login's phase that users see.
func LoginState(l *lifecycle.Login) string {
	switch l.Phase {
	case lifecycle.PhaseScanned:
		return client.LoginScanned
	case lifecycle.PhaseCaptcha:
		return client.LoginCaptcha
	case lifecycle.PhaseSMS:
		return client.LoginSMSSent
	case lifecycle.PhaseCollecting, lifecycle.PhaseProving:
		return client.LoginVerifying
	case lifecycle.PhaseSucceeded:
		return client.LoginSucceeded
	case lifecycle.PhaseFailed:
		return client.LoginFailed
	case lifecycle.PhaseCancelled:
		return client.LoginCancelled
	}
	return client.LoginWaiting
}

// ViewLogin is a record's login as users see it, apart from the login page's
// address.
func ViewLogin(r *store.Record) client.Login {
	l := r.Login
	v := client.Login{
		ID: l.ID, Account: r.Name, Site: string(r.Site), Method: l.Method, Code: l.Code,
		StartedAt: l.Started.UTC(), Reason: l.Reason, Detail: l.Detail, Revision: r.Revision,
		State: LoginState(l),
	}
	switch v.Granted = l.Granted(); {
	case v.Granted:
		v.Notes = r.StagedGrant.Left.Notes()
	case l.Phase == lifecycle.PhaseSucceeded && l.Ended.Equal(r.IssuedAt):
		v.Notes = r.Credential.Left.Notes()
	}
	if asks := v.Granted || l.Phase == lifecycle.PhaseWaiting || l.Phase == lifecycle.PhaseScanned; asks && l.Detail != "" {
		v.RetryAt = Known(l.RetryAt)
	}
	if !r.Code.URL.IsZero() {
		v.URL = r.Code.URL.Reveal()
		v.AppURL = AppURL(r).Reveal()
		v.ExpiresAt = Known(l.CodeExpires)
	}
	return v
}

// AppURL is the address that opens an account's code in the app on the same phone,
// empty where the site has none.
func AppURL(r *store.Record) secret.String {
	if r.Site != passport.Web {
		return secret.String{}
	}
	return passport.AppLink(r.Code.URL)
}

// Known is a time as it is on the wire: UTC, or null where it is not known.
func Known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
