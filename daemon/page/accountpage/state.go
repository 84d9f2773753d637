package accountpage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
)

// soon is how many days before its end a login that cannot be refreshed wants a
// person.
const soon = 14

// The states that people see. Each has a word, a colour and a shape; the names are
// those of the texts, the classes and the symbols.
const (
	stateCode   = "code"   // a code is waiting for a phone
	stateDead   = "dead"   // the site said so, twice
	stateSoon   = "soon"   // it ends soon and cannot be refreshed
	stateBlocks = "blocks" // the site refuses to answer; nothing is lost
	stateAway   = "away"   // the site does not answer; nothing is lost
	stateNew    = "new"    // never logged in
	statePaused = "paused" // a person wants nothing done
	stateValid  = "valid"  // nothing to do
)

// states are all of them, what needs a person first.
func states() []string {
	return []string{stateCode, stateDead, stateSoon, stateBlocks, stateAway, stateNew, statePaused, stateValid}
}

// stateOf is how an account does, in the page's terms.
func stateOf(a client.Account, now time.Time) string {
	switch {
	case a.State == client.StateLoggingIn:
		return stateCode
	case a.Paused:
		return statePaused
	case a.State == client.StateNeedsLogin:
		return stateDead
	case a.State == client.StateNew:
		return stateNew
	case !a.Refreshable && a.ExpiresAt != nil && daysLeft(a, now) <= soon:
		return stateSoon
	case a.LastCheck != nil && *a.LastCheck == client.CheckBlocked:
		return stateBlocks
	case a.LastCheck != nil && *a.LastCheck == client.CheckUnreachable:
		return stateAway
	}
	return stateValid
}

// daysLeft is how many whole days a login has left, -1 where nobody knows.
func daysLeft(a client.Account, now time.Time) int {
	if a.ExpiresAt == nil || a.State != client.StateValid {
		return -1
	}
	return max(0, int(a.ExpiresAt.Sub(now)/(24*time.Hour)))
}

// ranked is an account with what its place in the list depends on.
type ranked struct {
	*client.Account
	state      string
	rank, days int
}

// rank puts accounts in the order in which people look for them: what needs a
// person first, then what ends first, then by name.
func rank(accounts []client.Account, now time.Time) []ranked {
	list := make([]ranked, len(accounts))
	order := states()
	for i := range accounts {
		a := &accounts[i]
		state := stateOf(*a, now)
		list[i] = ranked{Account: a, state: state, rank: slices.Index(order, state), days: daysLeft(*a, now)}
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.days, b.days), strings.Compare(a.Name, b.Name))
	})
	return list
}

// needy reports whether only a person can help an account.
func (a ranked) needy() bool {
	return a.state == stateCode || a.state == stateDead || a.state == stateSoon
}

// colour is the class of a state.
func colour(state string) string {
	switch state {
	case stateCode, stateDead:
		return "bad"
	case stateSoon, stateBlocks, stateAway:
		return "warn"
	case stateValid:
		return "good"
	}
	return "soft"
}

// next is the next thing that happens to an account, in a few words.
func (s speech) next(a client.Account) string {
	if a.Next == nil {
		if a.Paused {
			return s.T["next_resume"]
		}
		if a.State == client.StateNeedsLogin || a.State == client.StateNew {
			return s.T["next_login"]
		}
		return ""
	}
	key := "next_check"
	switch lifecycle.Action(a.Next.Action) {
	case lifecycle.ActAskAgain:
		key = "next_again"
	case lifecycle.ActCode:
		key = "next_code"
	case lifecycle.ActPoll, lifecycle.ActGiveUp:
		return s.T["next_scan"]
	case lifecycle.ActCollect, lifecycle.ActProve:
		return s.T["next_verify"]
	case lifecycle.ActRefresh, lifecycle.ActProveRefresh, lifecycle.ActConfirm:
		key = "next_refresh"
	case lifecycle.ActWarn:
		key = "next_warn"
	}
	return s.Fill(key, "in", s.In(a.Next.At))
}

// sentence says in one sentence how an account does.
func (s speech) sentence(a client.Account) string {
	switch state := stateOf(a, s.now); state {
	case stateSoon:
		return s.Fill("why_soon", "left", s.count("days", daysLeft(a, s.now)), "date", s.date(*a.ExpiresAt))
	case stateBlocks, stateAway:
		if a.BlockedUntil != nil {
			return s.Fill("why_"+state+"_until", "time", s.Clock(*a.BlockedUntil))
		}
		return s.T["why_"+state]
	default:
		return s.T["why_"+state]
	}
}
