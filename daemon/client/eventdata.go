package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// EventData is what an event carries in its data. Each type below is the data of
// one event, or of two that tell how the same thing went. None holds a secret.
type EventData interface {
	// EventType is the type of the event, "login.code" for example.
	EventType() string
}

// AccountAdded tells of a new account.
type AccountAdded struct {
	Site string `json:"site"`
}

// AccountRemoved tells that an account was forgotten here.
type AccountRemoved struct{}

// AccountAttention tells of something that only a person can mend. Reason is one
// of the Attention constants, or "" where Detail says it all.
type AccountAttention struct {
	Channel     string    `json:"channel,omitempty"`
	Days        *int      `json:"days,omitempty"` // until ExpiresAt
	Detail      string    `json:"detail"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	Incident    string    `json:"incident,omitempty"`
	Mid         int64     `json:"mid,omitempty"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Promised    time.Time `json:"promised,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	Uname       string    `json:"uname,omitempty"`
}

// CheckAlive tells that the site took the session.
type CheckAlive struct {
	NextCheckAt time.Time `json:"next_check_at"`
}

// CheckDenied tells that the site denied the session; it counts as dead once
// Confirmed.
type CheckDenied struct {
	AskAgainAt time.Time `json:"ask_again_at,omitzero"`
	Confirmed  bool      `json:"confirmed"`
	Detail     string    `json:"detail"`
}

// CheckUndecided tells of an answer that decides nothing. Blocks says which of
// the two events it is: check.blocked or check.unreachable.
type CheckUndecided struct {
	Asked        bool      `json:"asked"`
	BlockedUntil time.Time `json:"blocked_until"`
	Detail       string    `json:"detail"`
	Failures     int       `json:"failures"`
	Blocks       bool      `json:"-"`
}

// Refreshed tells of a new pair in use.
type Refreshed struct {
	ExpiresAt   time.Time `json:"expires_at"`
	Generation  uint64    `json:"generation"`
	Refreshable bool      `json:"refreshable"`
}

// RefreshUndone tells of a refresh that came to nothing, or could not be
// confirmed.
type RefreshUndone struct {
	Detail      string    `json:"detail"`
	Generation  uint64    `json:"generation,omitempty"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Reason      string    `json:"reason"`
}

// RefreshConfirmed tells that the pair before has ended at the site.
type RefreshConfirmed struct {
	Generation uint64 `json:"generation"`
}

// LoginRequired tells that a login is wanted: the session died or, where Early,
// lives and cannot be refreshed any more.
type LoginRequired struct {
	Attention string    `json:"attention"`
	Auto      bool      `json:"auto"` // codes follow by themselves
	Detail    string    `json:"detail"`
	Early     bool      `json:"early,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Incident  string    `json:"incident"`
	Mid       int64     `json:"mid"`
	Uname     string    `json:"uname"`
}

// LoginRef is which login an event is about, and of which incident. It is
// interactive where a person began it.
type LoginRef struct {
	Incident    string `json:"incident,omitempty"`
	Interactive bool   `json:"interactive"`
	Login       string `json:"login,omitempty"`
	Method      string `json:"method,omitempty"`
}

// LoginCode tells of a code to scan, which is not in the journal.
type LoginCode struct {
	Code      int       `json:"code"` // counted from 1 within the login
	ExpiresAt time.Time `json:"expires_at"`
	LoginRef
}

// LoginScan tells that a code was scanned; the tap on the phone is missing.
type LoginScan struct{ LoginRef }

// LoginDone tells of a credential in use: by a login, an import, or because the
// site takes a session again that it had denied.
type LoginDone struct {
	Generation  uint64 `json:"generation,omitempty"`
	Imported    bool   `json:"imported,omitempty"`
	Mid         int64  `json:"mid"`
	Refreshable *bool  `json:"refreshable,omitempty"`
	Revived     bool   `json:"revived,omitempty"`
	Uname       string `json:"uname"`
	LoginRef
}

// LoginUndone tells of a login that ended without a credential. Reason is one of
// the Reason constants, By whose scan was refused.
type LoginUndone struct {
	By          string    `json:"by,omitempty"`
	Detail      string    `json:"detail"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Reason      string    `json:"reason"`
	LoginRef
}

// CredentialRead tells who was given a credential, or with Denied who was not,
// for lack of the Verb. Reads counts the same readings since the one before that
// was told of. Remote is the address of a reader over the network, who has no
// user.
type CredentialRead struct {
	Denied       bool    `json:"denied,omitempty"`
	Format       string  `json:"format,omitempty"`
	Generation   uint64  `json:"generation,omitempty"`
	GID          *uint32 `json:"gid,omitempty"`
	PID          *int32  `json:"pid,omitempty"`
	Program      *string `json:"program,omitempty"`
	Reads        uint64  `json:"reads,omitempty"`
	RefreshToken bool    `json:"refresh_token,omitempty"`
	Remote       string  `json:"remote,omitempty"`
	Tag          string  `json:"tag,omitempty"`
	UID          *uint32 `json:"uid,omitempty"`
	User         *string `json:"user,omitempty"`
	Verb         string  `json:"verb,omitempty"`
}

// OutputRun tells what came of an output. Failed says which of the two events it
// is: output.failed or output.written.
type OutputRun struct {
	Attempts   int    `json:"attempts"`
	Detail     string `json:"detail"`
	Exit       int    `json:"exit"`
	GaveUp     bool   `json:"gave_up"`
	Generation uint64 `json:"generation"`
	Output     string `json:"output"`
	Stage      string `json:"stage"`
	TookMS     int64  `json:"took_ms"`
	Failed     bool   `json:"-"`
}

// Delivery tells what came of a message on one channel. Failed says which of the
// two events it is: notify.failed or notify.delivered.
type Delivery struct {
	Attempts int    `json:"attempts"`
	Channel  string `json:"channel"`
	Detail   string `json:"detail"`
	Event    uint64 `json:"event"` // the id of the event that was told of
	Message  string `json:"message"`
	TookMS   int64  `json:"took_ms"`
	Type     string `json:"type"`
	Failed   bool   `json:"-"`
}

func (AccountAdded) EventType() string     { return EventAccountAdded }
func (AccountRemoved) EventType() string   { return EventAccountRemoved }
func (AccountAttention) EventType() string { return EventAccountAttention }
func (CheckAlive) EventType() string       { return EventCheckOK }
func (CheckDenied) EventType() string      { return EventCheckDead }
func (Refreshed) EventType() string        { return EventRefreshed }
func (RefreshUndone) EventType() string    { return EventRefreshFailed }
func (RefreshConfirmed) EventType() string { return EventConfirmed }
func (LoginRequired) EventType() string    { return EventLoginRequired }
func (LoginCode) EventType() string        { return EventLoginCode }
func (LoginScan) EventType() string        { return EventLoginScanned }
func (LoginDone) EventType() string        { return EventLoginSucceeded }
func (LoginUndone) EventType() string      { return EventLoginFailed }
func (CredentialRead) EventType() string   { return EventCredentialRead }

func (d CheckUndecided) EventType() string {
	if d.Blocks {
		return EventCheckBlocked
	}
	return EventCheckUnreachable
}

func (d OutputRun) EventType() string {
	if d.Failed {
		return EventOutputFailed
	}
	return EventOutputWritten
}

func (d Delivery) EventType() string {
	if d.Failed {
		return EventNotifyFailed
	}
	return EventNotifyDelivered
}

// Decode reads an event's data into the type that belongs to it. An event of a
// type that this version does not know is an error.
func (e Event) Decode() (EventData, error) {
	switch e.Type {
	case EventAccountAdded:
		return decodeData[AccountAdded](e)
	case EventAccountRemoved:
		return decodeData[AccountRemoved](e)
	case EventAccountAttention:
		return decodeData[AccountAttention](e)
	case EventCheckOK:
		return decodeData[CheckAlive](e)
	case EventCheckDead:
		return decodeData[CheckDenied](e)
	case EventCheckUnreachable, EventCheckBlocked:
		d, err := decodeData[CheckUndecided](e)
		d.Blocks = e.Type == EventCheckBlocked
		return d, err
	case EventRefreshed:
		return decodeData[Refreshed](e)
	case EventRefreshFailed:
		return decodeData[RefreshUndone](e)
	case EventConfirmed:
		return decodeData[RefreshConfirmed](e)
	case EventLoginRequired:
		return decodeData[LoginRequired](e)
	case EventLoginCode:
		return decodeData[LoginCode](e)
	case EventLoginScanned:
		return decodeData[LoginScan](e)
	case EventLoginSucceeded:
		return decodeData[LoginDone](e)
	case EventLoginFailed:
		return decodeData[LoginUndone](e)
	case EventCredentialRead:
		return decodeData[CredentialRead](e)
	case EventOutputWritten, EventOutputFailed:
		d, err := decodeData[OutputRun](e)
		d.Failed = e.Type == EventOutputFailed
		return d, err
	case EventNotifyDelivered, EventNotifyFailed:
		d, err := decodeData[Delivery](e)
		d.Failed = e.Type == EventNotifyFailed
		return d, err
	}
	return nil, fmt.Errorf("event %d: unknown type %q", e.ID, e.Type)
}

func decodeData[T EventData](e Event) (T, error) {
	var d T
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return d, fmt.Errorf("event %d, %s: %w", e.ID, e.Type, err)
	}
	return d, nil
}
