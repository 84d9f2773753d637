package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
)

// Base is what the account's credential is worth, whatever is under way.
type Base string

const (
	BaseNew   Base = "new"   // there is no credential yet
	BaseValid Base = "valid" // the session lives, as far as anyone knows
	BaseDead  Base = "dead"  // the site denied it, twice
)

// State is the one word that users see.
type State string

const (
	StateNew        State = "new"
	StateValid      State = "valid"
	StateNeedsLogin State = "needs_login"
	StateLoggingIn  State = "logging_in"
)

// Account is all that the keeper knows of an account, its secrets aside. It is
// kept as JSON: names stay as they are.
type Account struct {
	Name  string        `json:"name"`
	Site  passport.Site `json:"site"`
	Base  Base          `json:"base"`
	Added time.Time     `json:"added"`
	// Written is when something last happened to the account, by the clock of the host
	// that all other times in here were taken from.
	Written time.Time `json:"written,omitzero"`

	Mid   int64  `json:"mid,omitempty"`
	Uname string `json:"uname,omitempty"`

	// Generation counts the credentials that were handed out; 0 is none.
	Generation  uint64    `json:"generation"`
	Refreshable bool      `json:"refreshable"`
	IssuedAt    time.Time `json:"issued_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	RefreshedAt time.Time `json:"refreshed_at,omitzero"`
	// RefreshBy is the stored deadline of the next refresh.
	RefreshBy time.Time `json:"refresh_by,omitzero"`
	// RefreshLog are the times of the last hour's refreshes.
	RefreshLog []time.Time `json:"refresh_log,omitempty"`
	Origin     Origin      `json:"origin,omitempty"`
	// Warned is the last of the marks before the end that people were told of,
	// in days.
	Warned int `json:"warned,omitempty"`

	CheckedAt   time.Time `json:"checked_at,omitzero"`
	NextCheckAt time.Time `json:"next_check_at,omitzero"`
	// Plan is the schedule that NextCheckAt was taken from, to be compared with
	// the configuration's at a start.
	Plan      string  `json:"plan,omitempty"`
	LastCheck Outcome `json:"last_check,omitempty"`
	Detail    string  `json:"detail,omitempty"`
	// Failures counts the answers in a row that decided nothing, and the site
	// is left alone until BlockedUntil because of the last of them.
	Failures     int       `json:"failures,omitempty"`
	BlockedUntil time.Time `json:"blocked_until,omitzero"`
	// BlockedHost is the host whose way to the site that is about, "" where it is about
	// the account, or there is but one host.
	BlockedHost string `json:"blocked_host,omitempty"`

	// DeniedAt is when the site said for the first time that the session is
	// dead; it is asked again at AskAgainAt before anybody believes it.
	DeniedAt   time.Time `json:"denied_at,omitzero"`
	AskAgainAt time.Time `json:"ask_again_at,omitzero"`

	// Incident is open from a session's death to the login that ends it.
	Incident *Incident `json:"incident,omitempty"`
	// Login is the login in progress, or how the last one ended.
	Login *Login `json:"login,omitempty"`
	// Refresh is a rotation under way, Confirm one that the site has yet to be
	// told of.
	Refresh *Refresh `json:"refresh,omitempty"`
	Confirm *Confirm `json:"confirm,omitempty"`
	// Attention is a sentence for people about something only they can mend.
	Attention string `json:"attention,omitempty"`
}

// Incident is a death and what was tried since. An early one is a session that
// lives and cannot be refreshed any more.
type Incident struct {
	ID       string    `json:"id"`
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	// Failures counts the attempts in a row for which the site gave no code.
	Failures    int       `json:"failures,omitempty"`
	NextAttempt time.Time `json:"next_attempt"`
	// Promised is the time of the next attempt that people were told of, zero
	// where they were told none.
	Promised time.Time `json:"promised,omitzero"`
	// InLine is since when the account waits for its turn to get a code.
	InLine time.Time `json:"in_line,omitzero"`
	Early  bool      `json:"early,omitempty"`
}

// Phase is how far a login has come.
type Phase string

const (
	PhaseAsking     Phase = "asking"     // the next code is to be fetched
	PhaseWaiting    Phase = "waiting"    // a code is out
	PhaseScanned    Phase = "scanned"    // scanned; the tap on the phone is missing
	PhaseCaptcha    Phase = "captcha"    // by SMS: the captcha and the number are missing
	PhaseSMS        Phase = "sms_sent"   // by SMS: the code is missing
	PhaseCollecting Phase = "collecting" // granted and kept; cookies are still to be fetched
	PhaseProving    Phase = "proving"    // granted and kept; the site is asked whose it is
	PhaseSucceeded  Phase = "succeeded"
	PhaseFailed     Phase = "failed"
	PhaseCancelled  Phase = "cancelled"
)

// Login is one login, from its first code to its end.
type Login struct {
	ID      string    `json:"id"`
	Method  string    `json:"method"`
	Started time.Time `json:"started"`
	// Automatic is true where the keeper began it because a session died.
	Automatic bool `json:"automatic,omitempty"`
	// Single is true where its code is not replaced by itself: whoever wants another
	// one asks for it.
	Single bool `json:"single,omitempty"`
	// Attended is until when a person stays with it: codes are replaced till
	// then, beyond the number that the configuration gives.
	Attended    time.Time `json:"attended,omitzero"`
	Phase       Phase     `json:"phase"`
	Code        int       `json:"code"`
	CodeExpires time.Time `json:"code_expires,omitzero"`
	// Blocked is true where the site, asked whether the code was scanned, answered
	// that it is to be left alone. The code is asked about all the same, a few
	// times: its answer comes once and cannot be had later.
	Blocked bool `json:"blocked,omitempty"`
	// Late counts the questions after the code's end that were not answered.
	Late int `json:"late,omitempty"`
	// DeniedAt is when the site denied the session that it had just given.
	DeniedAt time.Time `json:"denied_at,omitzero"`
	// GrantedMid is whose account came back, before the site confirmed it.
	GrantedMid int64 `json:"granted_mid,omitempty"`
	// By is whose scan was refused, because the code was another account's.
	By string `json:"by,omitempty"`
	// RetryAt is the earliest time for the next request of this login.
	RetryAt  time.Time `json:"retry_at,omitzero"`
	Failures int       `json:"failures,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Ended    time.Time `json:"ended,omitzero"`
}

// Active reports whether the login is still in progress.
func (l *Login) Active() bool {
	return l != nil && l.Phase != PhaseSucceeded && l.Phase != PhaseFailed && l.Phase != PhaseCancelled
}

// Granted reports whether the site has handed over a credential that is not
// yet in use. From here on the login may not be dropped lightly: its code is
// spent.
func (l *Login) Granted() bool {
	return l != nil && (l.Phase == PhaseCollecting || l.Phase == PhaseProving)
}

// Insists reports whether the next question about the code is asked although the
// site wants to be left alone.
func (l *Login) Insists() bool { return l.Active() && !l.Granted() && l.Blocked }

// New returns an account without a credential.
func New(name string, site passport.Site, now time.Time) Account {
	return Account{Name: name, Site: site, Base: BaseNew, Added: now}
}

// State returns the word that users see. A login for an account whose session
// still lives leaves it valid: its credential goes on being handed out.
func (a Account) State() State {
	switch {
	case a.Base == BaseValid:
		return StateValid
	case a.Login.Active():
		return StateLoggingIn
	case a.Base == BaseDead:
		return StateNeedsLogin
	default:
		return StateNew
	}
}

// Doubted reports whether the site has denied the session once, so that the
// second answer is awaited.
func (a Account) Doubted() bool { return !a.DeniedAt.IsZero() && a.Base == BaseValid }

// ChecksOut reports whether a check has found the credential in use alive, and nothing
// has been in doubt since. One more that does changes nothing but its time, and is no
// event.
func (a Account) ChecksOut() bool {
	return a.Base == BaseValid && a.LastCheck == OutcomeOK && a.Detail == "" && a.Failures == 0 && !a.Doubted() && a.CheckedAt.After(a.IssuedAt)
}

// clone returns a copy that shares nothing that Apply changes.
func (a Account) clone() Account {
	if a.Incident != nil {
		i := *a.Incident
		a.Incident = &i
	}
	if a.Login != nil {
		l := *a.Login
		a.Login = &l
	}
	if a.Refresh != nil {
		r := *a.Refresh
		a.Refresh = &r
	}
	if a.Confirm != nil {
		c := *a.Confirm
		a.Confirm = &c
	}
	return a
}
