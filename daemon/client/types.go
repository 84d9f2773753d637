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
	// Schedule is when the account is checked, in cron's words.
	Schedule string `json:"schedule"`
	// Paused is true where the keeper does nothing for the account by itself.
	Paused bool `json:"paused"`
	// SameSession names the other accounts that hold the very same session, in the
	// answer to GET /v1/status.
	SameSession []string `json:"same_session,omitempty"`
	// Host names the one that looks after the account, where several share it; "" while
	// none does, and where there is but one.
	Host string `json:"host,omitempty"`
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

// AccountList is the answer to GET /v1/accounts.
type AccountList struct {
	Accounts []Account `json:"accounts"`
}

// AccountPatch is the body of PATCH /v1/accounts/{name}. A null field stays
// as it is; an empty schedule is that of all accounts.
type AccountPatch struct {
	Schedule *string   `json:"schedule,omitempty"`
	Tags     *[]string `json:"tags,omitempty"`
	Paused   *bool     `json:"paused,omitempty"`
}

// Daemon describes the keeper that answers.
type Daemon struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Vault     Vault     `json:"vault"`
	// Config is the file of the configuration, "" from an older keeper.
	Config string `json:"config,omitempty"`
	// Problems are the keeper's own troubles, in sentences; empty when well.
	Problems []string `json:"problems"`
	// NeedsRestart are the keys of the configuration whose value in the file is
	// not the one that the keeper runs with, and that only a restart changes.
	NeedsRestart []string `json:"needs_restart"`
	// Hosts are those that share the accounts; none where there is but one.
	Hosts []Host `json:"hosts,omitempty"`
}

// Host is one of several that share the accounts.
type Host struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Since is when it came, by its own clock.
	Since time.Time `json:"since"`
	// LagMS is how many milliseconds its copy of the records is behind.
	LagMS int64 `json:"lag_ms"`
	// Accounts is how many it looks after.
	Accounts int `json:"accounts"`
	// Self is true for the host that answers, Sender for the one that sends messages.
	Self   bool `json:"self,omitempty"`
	Sender bool `json:"sender,omitempty"`
}

// Vault says where the keeper's vault lies and in which layout.
type Vault struct {
	Path   string `json:"path"`
	Schema int    `json:"schema"`
}

// CheckRequest is the body of POST /v1/accounts/{name}/check; it may be left
// out.
type CheckRequest struct {
	// Force asks the site also while it is to be left alone.
	Force bool `json:"force,omitempty"`
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

// The words of a refresh's outcome.
const (
	RefreshDone       = "refreshed"
	RefreshNotDue     = "not_due"
	RefreshFailed     = "failed"     // nothing is lost; the old pair is in use
	RefreshImpossible = "impossible" // this session needs a login before it ends
)

// RefreshResult is the answer to POST /v1/accounts/{name}/refresh.
type RefreshResult struct {
	Account Account `json:"account"`
	// Outcome is one of the Refresh… words.
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// ImportRequest is the body of POST /v1/accounts: an existing login in the form
// that another tool keeps it.
type ImportRequest struct {
	Account string `json:"account"`
	// Format is "auto" or a format's name; "" is "auto".
	Format string `json:"format,omitempty"`
	// Data is what was pasted or exported, or Bytes where it may be in another
	// encoding than UTF-8; one of them.
	Data  string `json:"data,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
	// Replace lets the login take the place of a better one, or of another user's.
	Replace bool `json:"replace,omitempty"`
}

// String keeps the data out of every print.
func (r ImportRequest) String() string { return "import of " + r.Account + " [redacted]" }

// GoString is String.
func (r ImportRequest) GoString() string { return r.String() }

// ImportResult is the answer to POST /v1/accounts.
type ImportResult struct {
	Account Account `json:"account"`
	// Format is what the data turned out to be.
	Format      string `json:"format"`
	Refreshable bool   `json:"refreshable"`
	// Notes say what was mended, left out, or should be known, in sentences.
	Notes []string `json:"notes"`
}

// LogoutResult is the answer to POST /v1/accounts/{name}/logout. The account is
// gone from the keeper then.
type LogoutResult struct {
	Account string `json:"account"`
	// Ended is true where this call ended the session, false where the site
	// said that it had ended before.
	Ended  bool   `json:"ended"`
	Detail string `json:"detail"`
}

// The words of a login's state.
const (
	LoginWaiting   = "waiting"   // a code is out, nobody scanned it
	LoginScanned   = "scanned"   // scanned, the tap on the phone is missing
	LoginVerifying = "verifying" // granted; the keeper makes sure whose it is
	LoginCaptcha   = "captcha"   // by SMS: the captcha and the number are missing
	LoginSMSSent   = "sms_sent"  // by SMS: the code that was sent is missing
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
	ReasonVerification = "verification"  // the site wants more, at the login's URL
	ReasonNewAccount   = "new_account"   // the number has no account yet
	ReasonCancelled    = "cancelled"
)

// The reasons for which an account wants attention (account.attention).
const (
	AttentionExpires    = "expires"     // the session ends soon and cannot be refreshed
	AttentionChannel    = "channel"     // messages do not arrive through a channel
	AttentionPostponed  = "postponed"   // the next code comes later than people were told
	AttentionShortLogin = "short_login" // the login lasts a few days only
	AttentionReminder   = "reminder"    // somebody in a channel's chat has asked to be reminded of a login now
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
	URL string `json:"url,omitempty"`
	// AppURL opens the code in the app on the same phone, "" where there is no
	// such address.
	AppURL    string     `json:"app_url,omitempty"`
	ExpiresAt *time.Time `json:"expires_at"`
	// PageURL is the login page's address for this login, "" where none is
	// served.
	PageURL string `json:"page_url,omitempty"`
	// Code counts the codes of this login from 1.
	Code      int       `json:"code"`
	StartedAt time.Time `json:"started_at"`
	// Joined is true where the login was already in progress.
	Joined bool `json:"joined,omitempty"`
	// Granted is true where the site has granted the login and what it gave is
	// saved: nobody has to scan again. It is verifying then. RetryAt is when the
	// site is asked next, about this or about the code, where it could not be
	// asked just now.
	Granted bool       `json:"granted,omitempty"`
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// Reason and Detail say why a login failed, or what it waits for.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Notes say of a login that was granted what was left out of it, a sentence
	// each.
	Notes []string `json:"notes,omitempty"`
	// Revision grows with every change; GET …?after=REV&wait=30s waits for it.
	Revision uint64 `json:"revision"`
}

// The sites that an account can be of.
const (
	SiteWeb  = "web"
	SiteIntl = "intl"
)

// The ways to log in.
const (
	MethodQR  = "qr"
	MethodSMS = "sms"
)

// The steps of a login by SMS, as POST /v1/logins/{id}/{step}.
const (
	StepCaptcha = "captcha" // answers with a Captcha; an empty body
	StepSend    = "send"    // SMSSend; answers with the Login
	StepCode    = "code"    // SMSCode; answers with the Login
)

// Captcha is what the captcha's widget needs. A person solves it; the values
// that the widget returns go into SMSSend.
type Captcha struct {
	// Type is the widget's kind, "geetest".
	Type      string `json:"type"`
	GT        string `json:"gt"`
	Challenge string `json:"challenge"`
	Token     string `json:"token"`
	// Script is the address of the widget's script.
	Script string `json:"script"`
	// Countries are the countries that a number can be of.
	Countries []Country `json:"countries"`
}

// Country is an entry of the list of countries. ID is what the site wants with
// the number; Code is the calling code that people know.
type Country struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Code string `json:"code"`
}

// SMSSend asks the site to send a code to a phone.
type SMSSend struct {
	Phone string `json:"phone"`
	// Country is a Country's ID; 0 is China.
	Country   int    `json:"country,omitempty"`
	Token     string `json:"token"`
	Challenge string `json:"challenge"`
	Validate  string `json:"validate"`
	// Seccode is derived from Validate where it is empty.
	Seccode string `json:"seccode,omitempty"`
}

// String keeps the number and the captcha out of every print.
func (s SMSSend) String() string { return "[redacted]" }

// GoString is String.
func (s SMSSend) GoString() string { return s.String() }

// SMSCode is the code that came by SMS.
type SMSCode struct {
	Code string `json:"code"`
}

// String keeps the code out of every print.
func (s SMSCode) String() string { return "[redacted]" }

// GoString is String.
func (s SMSCode) GoString() string { return s.String() }

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

// EventTypes lists the types of events.
func EventTypes() []string {
	return []string{
		EventAccountAdded, EventAccountRemoved, EventAccountAttention, EventCheckOK, EventCheckDead, EventCheckUnreachable,
		EventCheckBlocked, EventRefreshed, EventRefreshFailed, EventConfirmed, EventLoginRequired, EventLoginCode,
		EventLoginScanned, EventLoginSucceeded, EventLoginFailed, EventCredentialRead, EventOutputWritten, EventOutputFailed,
		EventNotifyDelivered, EventNotifyFailed,
	}
}

// EventGap is the type of an event that is in a stream only: entries that the
// reader had not seen have left the journal. Its data is a [Status], its id the
// position from which the stream goes on.
const EventGap = "gap"

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
	// FailingSince is when the failures since the last delivery began, and
	// Fallback the channel that takes over meanwhile.
	FailingSince *time.Time `json:"failing_since"`
	Fallback     string     `json:"fallback,omitempty"`
}

// ChannelList is the answer to GET /v1/notify.
type ChannelList struct {
	Channels []Channel `json:"channels"`
}

// ChannelTest is the answer to POST /v1/notify/{name}/test.
type ChannelTest struct {
	Name      string `json:"name"`
	Delivered bool   `json:"delivered"`
	// Answer is what the service said, Error why the sample did not arrive.
	Answer string `json:"answer,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Reloaded is the answer to POST /v1/reload. Both lists name configuration
// keys.
type Reloaded struct {
	Changed []string `json:"changed"`
	// NeedsRestart are changes that take effect when the keeper is restarted.
	NeedsRestart []string `json:"needs_restart"`
}

// The states of an output. Names are on the wire.
const (
	OutputOK       = "ok"
	OutputWaiting  = "waiting"  // for a living credential
	OutputRetrying = "retrying" // at RetryAt
	OutputFailed   = "failed"   // until something changes
	OutputHook     = "hook"     // delivered, but the commands failed
	OutputPending  = "pending"  // not looked at yet, or the commands are to be run
)

// Output is an output and how it has been doing.
type Output struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Format  string `json:"format"`
	// Kind is file, push or hook (commands alone); Place is the path or the host.
	Kind  string `json:"kind"`
	Place string `json:"place"`
	// State is one of the Output… words.
	State       string     `json:"state"`
	Generation  uint64     `json:"generation"`
	LastWritten *time.Time `json:"last_written"`
	LastFailed  *time.Time `json:"last_failed"`
	RetryAt     *time.Time `json:"retry_at"`
	LastError   string     `json:"last_error,omitempty"`
	// HookGeneration is that for which all commands last succeeded; the rest is
	// about when they were last run. HookExit is -1 for a command without a code.
	HookGeneration uint64     `json:"hook_generation"`
	HookAt         *time.Time `json:"hook_at"`
	HookExit       int        `json:"hook_exit"`
	HookError      string     `json:"hook_error,omitempty"`
}

// OutputList is the answer to GET /v1/outputs.
type OutputList struct {
	Outputs []Output `json:"outputs"`
}
