package page

import (
	"html/template"
	"math"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/page/browser"
)

// The states of the page beside those of a login.
const (
	stateIdle     = "idle"     // nobody has started the page
	stateRenewing = "renewing" // the code has expired, the next is on its way
	stateGone     = "gone"     // the link stands for nothing any more
)

// state is what the page shows. It holds no text but names: what the words mean
// to people is in the page's table.
type state struct {
	State  string `json:"state"`
	Method string `json:"method,omitempty"`
	// Who is the account, by the name that its owner knows.
	Who string `json:"who,omitempty"`
	// Code counts the codes of the link from 1.
	Code    int    `json:"code"`
	Picture string `json:"picture,omitempty"`
	URL     string `json:"url,omitempty"`
	// App opens the code in the app on the same phone.
	App       template.URL `json:"app,omitempty"`
	ExpiresAt *time.Time   `json:"expires_at"`
	// Left is ExpiresAt in seconds from now: the reader's clock may be wrong.
	Left      float64 `json:"left"`
	Reason    string  `json:"reason,omitempty"`
	CodesLeft int     `json:"codes_left"`
	// View is in the answer to a start only.
	View string `json:"view,omitempty"`
}

// Ended reports whether nothing more comes by itself.
func (s state) Ended() bool {
	switch s.State {
	case client.LoginSucceeded, client.LoginFailed, client.LoginCancelled, stateGone:
		return true
	}
	return false
}

// same compares what a reader sees; the seconds run by themselves.
func (s state) same(other state) bool {
	expiry := s.ExpiresAt == other.ExpiresAt || s.ExpiresAt != nil && other.ExpiresAt != nil && s.ExpiresAt.Equal(*other.ExpiresAt)
	s.ExpiresAt, other.ExpiresAt, s.Left, other.Left = nil, nil, 0, 0
	return expiry && s == other
}

// showsCode reports whether a login has a code that can be scanned now.
func showsCode(l client.Login) bool {
	return l.URL != "" && l.Method != client.MethodSMS && !l.Ended() &&
		(l.State == client.LoginWaiting || l.State == client.LoginScanned) &&
		l.ExpiresAt != nil && time.Now().Before(*l.ExpiresAt)
}

// look says how things stand with a link.
func (p *loginPages) look(l *link, alive bool) state {
	login, ok := p.current(l, alive)
	if ok && (alive || login.Ended()) {
		return p.describe(l, login)
	}
	if alive {
		return state{State: stateIdle, CodesLeft: l.codesLeft()}
	}
	// The login that the page followed is forgotten. It may have been another
	// one that brought the account back.
	if a, err := p.parts.Keeper.Accounts().Get(l.account); err == nil && l.followed() != "" && a.State == client.StateValid {
		return state{State: client.LoginSucceeded}
	}
	return state{State: stateGone}
}

func (p *loginPages) describe(l *link, login client.Login) state {
	s := state{State: login.State, Method: login.Method, Code: l.count(login), CodesLeft: l.codesLeft()}
	if a, err := p.parts.Keeper.Accounts().Get(l.account); err == nil {
		if s.Who = a.Uname; s.Who == "" {
			s.Who = a.Name
		}
	}
	if login.Ended() && login.State != client.LoginSucceeded {
		s.Reason = knownReason(login.Reason)
	}
	switch {
	case showsCode(login):
		s.Picture = "qr.png?c=" + strconv.Itoa(s.Code) + "&k=" + p.sealer.label(login.URL)
		s.ExpiresAt = login.ExpiresAt
		s.Left = math.Round(time.Until(*login.ExpiresAt).Seconds()*10) / 10
		if browser.OriginOf(login.URL) != "" {
			s.URL, s.App = login.URL, template.URL(login.AppURL)
		}
	case login.State == client.LoginWaiting && login.Method != client.MethodSMS:
		s.State = stateRenewing
	}
	return s
}

// knownReason keeps what the page has no words for out of it.
func knownReason(reason string) string {
	switch reason {
	case client.ReasonExpired, client.ReasonWrongAccount, client.ReasonRefused, client.ReasonUnusable,
		client.ReasonSite, client.ReasonCancelled:
		return reason
	}
	return "other"
}
