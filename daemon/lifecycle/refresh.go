package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// RefreshPhase is how far a refresh has come, as it stands on disk.
type RefreshPhase string

const (
	// RefreshIntent stands on disk before the site is asked for a new pair. A
	// keeper that finds it at its start does not know whether the site acted;
	// the old pair is alive either way, so it begins anew.
	RefreshIntent RefreshPhase = "intent"
	// RefreshStaged: the new pair lies beside the old one, not yet proven.
	RefreshStaged RefreshPhase = "staged"
)

// Refresh is a rotation of the credential under way, or the wish for one.
type Refresh struct {
	Phase   RefreshPhase `json:"phase,omitempty"`
	Started time.Time    `json:"started,omitzero"`
	// Forced is true where a person asked for it although it is not due.
	Forced bool `json:"forced,omitempty"`
	// At is when it is to be done next.
	At       time.Time `json:"at"`
	Failures int       `json:"failures,omitempty"`
	// Mismatches counts the answers in a row that the token does not belong to
	// the cookie. One may be the page's fault; two are believed.
	Mismatches int `json:"mismatches,omitempty"`
	// Unsure is true from before the site is asked until it answered in a way
	// that leaves no doubt: it may have acted, and its reply been lost. The
	// next attempt is then made whether or not the site calls it due.
	Unsure bool `json:"unsure,omitempty"`
	// DeniedAt is when the site denied the new pair for the first time.
	DeniedAt time.Time `json:"denied_at,omitzero"`
	Detail   string    `json:"detail,omitempty"`
}

// Confirm is a rotation that the site has yet to be told of: the new pair is
// in use, the old one still works, and its token is kept until it does not.
type Confirm struct {
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
	Tries int       `json:"tries,omitempty"`
}

// refreshPause is how far apart the attempts at a refresh lie: an hour at
// least, doubling to a day. An attempt costs a handful of requests; whatever
// fails, an hour sees no more of them.
func (p Policy) refreshPause(failures int) time.Duration {
	return p.spread(attempt.Double(time.Hour, failures, maxBlocked))
}

// stagedPause is the pause before a new pair that could not be proven is asked
// about again: once soon, for an answer that got lost, then far apart. The old
// pair is in use meanwhile.
func (p Policy) stagedPause(failures int) time.Duration {
	if failures <= 1 {
		return p.backoff(1)
	}
	return p.refreshPause(failures - 1)
}

// confirmPauses are the gaps between tries to confirm, by the same reasoning;
// after the last one the old pair is left to expire by itself.
func confirmPauses() []time.Duration {
	return []time.Duration{time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}
}

// Staged reports whether a rotated pair lies beside the one in use.
func (a Account) Staged() bool { return a.Refresh != nil && a.Refresh.Phase == RefreshStaged }

// nextRefresh is the refresh's part of Next.
func (a Account) nextRefresh(p Policy) (Step, bool) {
	switch {
	case a.Staged():
		return Step{ActProveRefresh, a.Refresh.At}, true
	case a.Confirm != nil:
		return Step{ActConfirm, a.Confirm.At}, true
	case a.Refresh != nil:
		return Step{ActRefresh, a.Refresh.At}, true
	case p.AutoRefresh && a.Refreshable && !a.RefreshBy.IsZero():
		return Step{ActRefresh, a.RefreshBy}, true
	}
	return Step{}, false
}

// RefreshDue is the site's word, at a check, that the credential should be
// rotated.
func (t *transition) refreshDue() {
	if t.policy.AutoRefresh && t.Refreshable && t.Refresh == nil {
		t.Refresh = &Refresh{At: t.now}
	}
}

// drawDeadline sets when the credential is rotated at the latest, even if the
// site never says that it is due: with a third of its life left, and up to a
// tenth of it earlier. The tenth is drawn once and kept. A deadline drawn anew
// at each look would come early for everybody.
func (a *Account) drawDeadline(p Policy) {
	a.RefreshBy = time.Time{}
	life := a.ExpiresAt.Sub(a.IssuedAt)
	if !a.Refreshable || a.ExpiresAt.IsZero() || life <= 0 {
		return
	}
	early := time.Duration(float64(life) * 0.1 * p.Spread)
	a.RefreshBy = a.ExpiresAt.Add(-life/3 - early).Round(time.Second)
}

// RefreshWanted is a person's wish to rotate now.
type RefreshWanted struct{ Forced bool }

func (c RefreshWanted) apply(t *transition) {
	if t.Refresh == nil {
		t.Refresh = &Refresh{}
	}
	if !t.Staged() {
		t.Refresh.Forced = t.Refresh.Forced || c.Forced
		t.Refresh.At = t.now
	}
	if t.Confirm != nil {
		// The rotation before is finished first.
		t.Confirm.At = t.now
	}
}

// RefreshIntended stands right before the request that may spend the token.
type RefreshIntended struct{}

func (RefreshIntended) apply(t *transition) {
	if t.Refresh == nil {
		t.Refresh = &Refresh{}
	}
	t.Refresh.Phase, t.Refresh.Started, t.Refresh.At = RefreshIntent, t.now, t.now
	t.Refresh.Unsure = true
	t.RefreshLog = append(recent(t.RefreshLog, t.now), t.now)
}

// recent returns a copy of the times that lie within the last hour.
func recent(times []time.Time, now time.Time) []time.Time {
	var list []time.Time
	for _, at := range times {
		if at.After(now.Add(-time.Hour)) && !at.After(now) {
			list = append(list, at)
		}
	}
	return list
}

// RefreshRoom returns when the hourly budget has room for another refresh; zero
// is now. The log lies on disk with the intent, so that no crash, no command
// and no loop gets past it.
func (a Account) RefreshRoom(now time.Time, perHour int) time.Time {
	last := recent(a.RefreshLog, now)
	if perHour <= 0 || len(last) < perHour {
		return time.Time{}
	}
	return last[len(last)-perHour].Add(time.Hour)
}

// RefreshNotDue is the site's word that there is nothing to rotate.
type RefreshNotDue struct{}

func (RefreshNotDue) apply(t *transition) {
	t.CheckedAt = t.now
	t.Refresh = nil
	if t.pastDeadline() {
		// The stored deadline has passed and the site still sees no need; it is
		// asked again tomorrow. Rotating regardless is for the last third.
		t.RefreshBy = t.now.Add(24 * time.Hour)
	}
	t.alive()
}

func (t *transition) pastDeadline() bool {
	return !t.RefreshBy.IsZero() && !t.now.Before(t.RefreshBy)
}

// MustRefresh reports whether the credential is rotated even if the site says
// that it is not due: because a person insists, because under a third of its
// life is left, or because an attempt left open what the site did.
func (a Account) MustRefresh(now time.Time) bool {
	if r := a.Refresh; r != nil && (r.Forced || r.Unsure || r.Mismatches > 0) {
		return true
	}
	return !a.RefreshBy.IsZero() && !now.Before(a.RefreshBy)
}

// RefreshFailure is why a refresh came to nothing.
type RefreshFailure string

const (
	// RefreshTrouble: the site did not answer, blocked, or was not understood.
	RefreshTrouble RefreshFailure = "trouble"
	// RefreshNoPage: the page that authorises a refresh did not.
	RefreshNoPage RefreshFailure = "no_page"
	// RefreshMismatch: the token does not belong to the cookie (86095).
	RefreshMismatch RefreshFailure = "mismatch"
	// RefreshWrongCSRF: bili_jct does not belong to the cookie (-111).
	RefreshWrongCSRF RefreshFailure = "csrf"
	// RefreshUnusable: the site rotated, and its reply lacked what is needed.
	RefreshUnusable RefreshFailure = "unusable"
	// RefreshDenied: the site denied the new pair that it had just given.
	RefreshDenied RefreshFailure = "denied"
)

// RefreshFailed is a refresh that came to nothing. The old pair stays in use:
// the site keeps it alive until a confirmation that is never sent.
type RefreshFailed struct {
	Verdict
	Why RefreshFailure
}

func (c RefreshFailed) apply(t *transition) {
	if t.Refresh == nil {
		t.Refresh = &Refresh{}
	}
	r := t.Refresh
	r.Phase, r.Detail = "", c.Detail
	r.Failures++
	if c.Why != RefreshTrouble && c.Why != RefreshNoPage {
		r.Unsure = false
	}
	if c.Why == RefreshMismatch {
		r.Mismatches++
	}
	switch {
	case c.Dead():
		t.Refresh = nil
		t.doubted(c.Verdict)
		return
	case c.Why == RefreshWrongCSRF, r.Mismatches >= 2:
		t.refreshFailed(c)
		t.cannotRefresh(c.Why)
		return
	case c.Why == RefreshMismatch:
		// Once may be the page's fault: again from the first step, at once.
		r.At = t.now
	default:
		r.At = t.now.Add(max(t.policy.refreshPause(r.Failures), c.RetryAfter))
		// A wish is granted once; the next attempt is made if it is due.
		r.Forced = false
	}
	t.refreshFailed(c)
	if c.Why == RefreshTrouble {
		failures, until, host := t.Failures, t.BlockedUntil, t.BlockedHost
		t.LastCheck, t.Detail = c.Outcome(), c.Detail
		t.leaveAlone(c.Verdict)
		if c.Unasked && until.After(t.BlockedUntil) {
			t.Failures, t.BlockedUntil, t.BlockedHost = failures, until, host
		}
	}
}

func (t *transition) refreshFailed(c RefreshFailed) {
	undone := client.RefreshUndone{Reason: string(c.Why), Detail: c.Detail}
	if t.Refresh != nil && c.Why != RefreshWrongCSRF && t.Refresh.Mismatches < 2 {
		undone.NextAttempt = t.Refresh.At
	}
	t.tell(undone)
}

// cannotRefresh notes that this credential can never be rotated. It goes on
// being served while it lives, and a login is asked for before it does not.
func (t *transition) cannotRefresh(why RefreshFailure) {
	t.Refresh, t.RefreshBy = nil, time.Time{}
	t.Refreshable = false
	t.Attention = t.foreignHand(why)
	if t.Incident == nil {
		t.Incident = &Incident{ID: incidentID(t.Name, t.now), Since: t.now, NextAttempt: t.now, Early: true}
		t.tell(client.LoginRequired{
			Incident: t.Incident.ID, Detail: t.Attention, Auto: t.policy.AutoLogin, Early: true,
			Mid: t.Mid, Uname: t.Uname, ExpiresAt: t.ExpiresAt,
		})
	}
}

// foreignHand says who may have come between the cookie and its token, and what
// to do about it.
func (t *transition) foreignHand(why RefreshFailure) string {
	mend := "; log in anew (bilikeeper login " + t.Name + ") and use that login nowhere else"
	switch {
	case why == RefreshWrongCSRF:
		return "this session cannot be refreshed: its csrf token (bili_jct) belongs to another one, as if the cookies had been mixed up when they were copied" + mend
	case t.Origin == OriginImport && t.RefreshedAt.IsZero():
		return "this session cannot be refreshed: either its cookie and its refresh token were copied at different moments, or the browser or tool they came from has refreshed it since" + mend
	default:
		return "this session cannot be refreshed any more: somebody else refreshed it, probably a browser or another tool that shares the login" + mend
	}
}

// RefreshStagedNow is a new pair that the site gave. The caller keeps it beside
// the old one in the same commit, before anything else goes out.
type RefreshStagedNow struct{}

func (c RefreshStagedNow) apply(t *transition) {
	t.Refresh = &Refresh{Phase: RefreshStaged, Started: t.Refresh.Started, At: t.now}
}

// RefreshProved is the site's answer to whose the new pair is.
type RefreshProved struct {
	Verdict
	Mid         int64
	Uname       string
	ExpiresAt   time.Time
	Refreshable bool
}

func (c RefreshProved) apply(t *transition) {
	switch {
	case c.OK() && c.Mid == t.Mid:
		t.rotated(c)
	case c.OK():
		RefreshFailed{Verdict: Verdict{Detail: "the new pair belongs to another account"}, Why: RefreshDenied}.apply(t)
	case c.Dead() && t.Refresh.DeniedAt.IsZero():
		// Once proves nothing, and this pair cannot be had again.
		t.Refresh.DeniedAt, t.Refresh.Detail = t.now, c.Detail
		t.Refresh.At = t.now.Add(t.policy.ConfirmAfter)
	case c.Dead():
		RefreshFailed{Verdict: Verdict{Detail: "the site denied the new pair twice: " + c.Detail}, Why: RefreshDenied}.apply(t)
	default:
		// Staged and safe; asked again when the site can be.
		t.Refresh.Failures++
		t.Refresh.Detail = c.Detail
		t.Refresh.At = t.now.Add(max(t.policy.stagedPause(t.Refresh.Failures), c.RetryAfter))
	}
}

// rotated puts the new pair to use. From here on the old one is confirmed away,
// after a moment in which whoever was just given it can use it.
func (t *transition) rotated(c RefreshProved) {
	t.Uname = c.Uname
	t.Refreshable = c.Refreshable
	t.renewed(c.ExpiresAt)
	t.Confirm = &Confirm{Since: t.now, At: t.now.Add(t.policy.ConfirmDelay)}
	t.tell(client.Refreshed{Generation: t.Generation, ExpiresAt: t.ExpiresAt, Refreshable: t.Refreshable})
}

// Renewed is a set of cookies that the site gave by itself with its answer to a
// check, and that is proven. Only the international site does so.
type Renewed struct{ ExpiresAt time.Time }

func (c Renewed) apply(t *transition) {
	t.renewed(c.ExpiresAt)
	t.tell(client.Refreshed{Generation: t.Generation, ExpiresAt: t.ExpiresAt, Refreshable: t.Refreshable})
}

// renewed notes a new credential of the same user, which is proven.
func (t *transition) renewed(expires time.Time) {
	t.Generation++
	t.IssuedAt, t.RefreshedAt, t.CheckedAt = t.now, t.now, t.now
	t.ExpiresAt = expires.UTC()
	t.Refresh = nil
	t.Warned = 0
	t.drawDeadline(t.policy)
	t.LastCheck, t.Detail, t.Attention = OutcomeOK, "", ""
	t.DeniedAt, t.AskAgainAt = time.Time{}, time.Time{}
	t.answered()
	t.checkAt(t.policy.CheckAfter(t.now))
}

// Confirmed is what came of telling the site that the new pair is in use.
type Confirmed struct {
	Verdict
	// Refused is true where the site will never confirm this (-111, -400).
	Refused bool
}

func (c Confirmed) apply(t *transition) {
	pauses := confirmPauses()
	switch {
	case c.OK():
		t.Confirm = nil
		t.tell(client.RefreshConfirmed{Generation: t.Generation})
	case c.Dead():
		// Either the confirmation had arrived before, or the new pair died.
		// Only the site can say which: it is asked at once, the usual way.
		t.Confirm = nil
		t.NextCheckAt = t.now
		t.unconfirmed(c.Detail)
	case c.Refused || t.Confirm.Tries >= len(pauses):
		t.Confirm = nil
		t.unconfirmed(c.Detail)
	default:
		wait := pauses[t.Confirm.Tries]
		t.Confirm.Tries++
		t.Confirm.At = t.now.Add(max(wait, c.RetryAfter))
	}
}

// unconfirmed notes that the site was not told; the old session ends by itself.
func (t *transition) unconfirmed(detail string) {
	t.tell(client.RefreshUndone{Reason: "unconfirmed", Generation: t.Generation, Detail: detail})
}
