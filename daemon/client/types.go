package client

import (
	"encoding/json"
	"time"
)

// The words of an account's state. They are on the wire and never change.
const (
	StateNew        = "new"         // no credential yet
	StateValid      = "valid"       // as far as anyone knows
	StateNeedsLogin = "needs_login" // the site said so, twice
	StateLoggingIn  = "logging_in"  // a login is under way
)

// The words of a check's outcome.
const (
	CheckOK          = "ok"
	CheckDead        = "dead"
	CheckUnreachable = "unreachable"
	CheckBlocked     = "blocked"
)

// Account is what the keeper knows of one account. It holds no secret.
type Account struct {
	Name           string     `json:"name"`
	Site           string     `json:"site"`
	State          string     `json:"state"`
	Mid            *int64     `json:"mid"`
	Uname          string     `json:"uname"`
	Refreshable    bool       `json:"refreshable"`
	PendingConfirm bool       `json:"pending_confirm"`
	Generation     uint64     `json:"generation"`
	ExpiresAt      *time.Time `json:"expires_at"`
	CheckedAt      *time.Time `json:"checked_at"`
	NextCheckAt    *time.Time `json:"next_check_at"`
	RefreshedAt    *time.Time `json:"refreshed_at"`
	// LastCheck is one of the Check… words, null before the first check, and
	// Detail says in a sentence what the site answered.
	LastCheck *string `json:"last_check"`
	Detail    string  `json:"detail"`
	// BlockedUntil is set while the site is to be left alone for this account.
	BlockedUntil *time.Time `json:"blocked_until"`
	// Failures counts the checks in a row that did not get an answer.
	Failures int `json:"failures"`
	// Next is the next thing that the keeper will do for the account.
	Next *Next `json:"next"`
	// LoginID names the login in progress, if there is one.
	LoginID   string   `json:"login_id,omitempty"`
	Attention string   `json:"attention,omitempty"`
	Tags      []string `json:"tags"`
}

// Next is a thing the keeper is going to do, and when.
type Next struct {
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

// Status is the answer to GET /v1/status.
type Status struct {
	Accounts []Account `json:"accounts"`
	Daemon   Daemon    `json:"daemon"`
}

// Daemon describes the keeper that answers.
type Daemon struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Vault     Vault     `json:"vault"`
	// Problems are the keeper's own troubles, in sentences; empty when well.
	Problems []string `json:"problems"`
}

// Vault says where the keeper's vault lies and in which layout.
type Vault struct {
	Path   string `json:"path"`
	Schema int    `json:"schema"`
}

// CheckResult is the answer to POST /v1/accounts/{name}/check.
type CheckResult struct {
	Account Account `json:"account"`
	// Outcome is one of the Check… words.
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
	// Asked is false where the site was left alone and nothing was sent.
	Asked bool `json:"asked"`
}

// The words of a login's state.
const (
	LoginWaiting   = "waiting"   // a code is out, nobody scanned it
	LoginScanned   = "scanned"   // scanned, the tap on the phone is missing
	LoginVerifying = "verifying" // granted; the keeper makes sure whose it is
	LoginSucceeded = "succeeded"
	LoginFailed    = "failed"
	LoginCancelled = "cancelled"
)

// The reasons of a login that failed.
const (
	ReasonExpired      = "expired"       // the codes were used up, nobody scanned
	ReasonWrongAccount = "wrong_account" // somebody else's account came back
	ReasonRefused      = "refused"       // the site denied what it had just given
	ReasonUnusable     = "unusable"      // the success reply could not be used
	ReasonSite         = "site"          // the site blocked or did not answer
	ReasonCancelled    = "cancelled"
)

// LoginRequest is the body of POST /v1/logins.
type LoginRequest struct {
	Account string `json:"account"`
	Site    string `json:"site,omitempty"`
	Method  string `json:"method,omitempty"`
	// Attend is for how many seconds a person stays with the login: codes are
	// replaced for that long. 0 means as many codes as the configuration says.
	Attend int `json:"attend,omitempty"`
}

// Login is a login in progress, or how the last one of an account ended.
type Login struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Site    string `json:"site"`
	Method  string `json:"method"`
	State   string `json:"state"`
	// URL is the content of the QR code. It lets whoever holds it answer the
	// login, so it is shown to those only who may log in.
	URL       string     `json:"url,omitempty"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Code counts the codes of this login from 1.
	Code      int       `json:"code"`
	StartedAt time.Time `json:"started_at"`
	// Joined is true where the login was already in progress.
	Joined bool `json:"joined,omitempty"`
	// Reason and Detail say why a login failed, or what it waits for.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Revision grows with every change; GET …?after=REV&wait=30s waits for it.
	Revision uint64 `json:"revision"`
}

// Ended reports whether nothing more happens to the login.
func (l Login) Ended() bool {
	return l.State == LoginSucceeded || l.State == LoginFailed || l.State == LoginCancelled
}

// The types of events. Names are on the wire and never change.
const (
	EventAccountAdded     = "account.added"
	EventAccountRemoved   = "account.removed"
	EventAccountAttention = "account.attention"
	EventCheckOK          = "check.ok"
	EventCheckDead        = "check.dead"
	EventCheckUnreachable = "check.unreachable"
	EventCheckBlocked     = "check.blocked"
	EventRefreshed        = "session.refreshed"
	EventRefreshFailed    = "session.refresh_failed"
	EventConfirmed        = "session.confirmed"
	EventLoginRequired    = "login.required"
	EventLoginCode        = "login.code"
	EventLoginScanned     = "login.scanned"
	EventLoginSucceeded   = "login.succeeded"
	EventLoginFailed      = "login.failed"
	EventCredentialRead   = "credential.read"
	EventOutputWritten    = "output.written"
	EventOutputFailed     = "output.failed"
	EventNotifyDelivered  = "notify.delivered"
	EventNotifyFailed     = "notify.failed"
)

// Event is an entry of the journal. Ids only grow. It holds no secret.
type Event struct {
	ID      uint64          `json:"id"`
	Time    time.Time       `json:"time"`
	Type    string          `json:"type"`
	Account string          `json:"account"`
	Data    json.RawMessage `json:"data"`
}

// Channel is a notification channel and how it has been doing.
type Channel struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Events   []string `json:"events"`
	Accounts []string `json:"accounts"`
	// Pending is true while a message waits for its next try at RetryAt.
	Pending       bool       `json:"pending"`
	RetryAt       *time.Time `json:"retry_at"`
	LastDelivered *time.Time `json:"last_delivered"`
	LastFailed    *time.Time `json:"last_failed"`
	LastError     string     `json:"last_error,omitempty"`
}

// ChannelTest is the answer to POST /v1/notify/{name}/test.
type ChannelTest struct {
	Name      string `json:"name"`
	Delivered bool   `json:"delivered"`
	// Answer is what the service said, Error why the sample did not arrive.
	Answer string `json:"answer,omitempty"`
	Error  string `json:"error,omitempty"`
}

// The problem types of errors (RFC 9457). Names are on the wire and never
// change.
const (
	ProblemNoAccount    = "no-such-account"
	ProblemNoLogin      = "no-such-login"
	ProblemNoChannel    = "no-such-channel"
	ProblemNeedsLogin   = "needs-login"
	ProblemSiteAway     = "site-away" // blocking or unreachable; nothing is lost
	ProblemNotPermitted = "not-permitted"
	ProblemBadRequest   = "bad-request"
	ProblemNotFound     = "not-found"
	ProblemBusy         = "busy"
	ProblemFellOut      = "fell-out" // the journal no longer goes back that far
	ProblemStorage      = "storage"  // the vault could not be written
	ProblemInternal     = "internal"
)

// Problem is an error of the control API, application/problem+json.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// Is makes errors.Is(err, &Problem{Type: …}) compare types alone.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Type == p.Type
}
