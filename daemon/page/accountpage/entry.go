package accountpage

import (
	"path"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// entry is an event in people's words. Minor is what matters to nobody in a hurry.
type entry struct {
	Time          time.Time
	Clock, Stamp  string
	State, Colour string
	Text          string
	Minor         bool
	// Times is how often in a row the same happened.
	Times int
}

// entryOf words an event; ok is false for one that this version does not know.
func (s speech) entryOf(e client.Event) (out entry, ok bool) {
	data, err := e.Decode()
	if err != nil {
		return entry{}, false
	}
	out = entry{Time: e.Time, Clock: e.Time.Local().Format("15:04"), Stamp: s.Stamp(&e.Time), State: "dot", Colour: "soft", Times: 1}
	mark := func(state string) { out.State, out.Colour = state, colour(state) }
	switch d := data.(type) {
	case client.AccountAdded:
		out.Text = s.T["ev_added"]
	case client.AccountAttention:
		mark(stateSoon)
		out.Text = s.attention(d)
	case client.CheckAlive:
		mark(stateValid)
		out.Text, out.Minor = s.T["ev_check_ok"], true
	case client.CheckDenied:
		if mark(stateSoon); d.Confirmed {
			mark(stateDead)
		}
		out.Text = s.T["ev_dead_"+strconv.FormatBool(d.Confirmed)]
	case client.CheckUndecided:
		if mark(stateAway); d.Blocks {
			mark(stateBlocks)
		}
		out.Text = s.undecided(d)
	case client.Refreshed:
		mark(stateValid)
		out.Text = s.Fill("ev_refreshed", "date", s.date(d.ExpiresAt))
	case client.RefreshUndone:
		mark(stateSoon)
		out.Text = s.T["ev_refresh_failed"]
	case client.RefreshConfirmed:
		out.Text, out.Minor = s.T["ev_confirmed"], true
	case client.CredentialRead:
		out.Text, out.Minor = s.read(d), !d.Denied
	case client.OutputRun:
		out.Text, out.Minor = s.Fill("ev_output_written", "name", d.Output), true
		if d.Failed {
			mark(stateSoon)
			out.Text, out.Minor = s.Fill("ev_output_failed", "name", d.Output, "why", d.Detail), false
		}
	case client.Delivery:
		out.Text, out.Minor = s.Fill("ev_told", "name", d.Channel), true
		if d.Failed {
			mark(stateSoon)
			out.Text, out.Minor = s.Fill("ev_not_told", "name", d.Channel, "why", d.Detail), false
		}
	default:
		return s.loginEntry(out, data)
	}
	return out, out.Text != ""
}

// loginEntry words the events of a login.
func (s speech) loginEntry(out entry, data client.EventData) (entry, bool) {
	state := ""
	switch d := data.(type) {
	case client.LoginRequired:
		state, out.Text = stateDead, s.T["ev_required"]
		if d.Early {
			state, out.Text = stateSoon, s.Fill("ev_early", "date", s.date(d.ExpiresAt))
		}
	case client.LoginCode:
		state, out.Text = stateCode, s.Fill("ev_code", "n", strconv.Itoa(d.Code), "time", s.Clock(d.ExpiresAt))
	case client.LoginScan:
		state, out.Text = stateCode, s.T["ev_scanned"]
	case client.LoginDone:
		key := "ev_logged_in"
		if d.Imported {
			key = "ev_imported"
		} else if d.Revived {
			key = "ev_revived"
		}
		state, out.Text = stateValid, s.Fill(key, "who", d.Uname)
	case client.LoginUndone:
		state, out.Text = stateDead, s.T["ev_failed_other"]
		if text := s.T["ev_failed_"+d.Reason]; text != "" {
			out.Text = text
		}
	}
	out.State, out.Colour = state, colour(state)
	return out, out.Text != ""
}

func (s speech) attention(d client.AccountAttention) string {
	switch d.Reason {
	case client.AttentionExpires:
		return s.Fill("ev_ends", "date", s.date(d.ExpiresAt))
	case client.AttentionChannel:
		return s.Fill("ev_not_told", "name", d.Channel, "why", d.Detail)
	case client.AttentionPostponed:
		return s.T["ev_postponed"]
	case client.AttentionReminder:
		return s.T["ev_reminder"]
	case client.AttentionShortLogin:
		return s.Fill("ev_short", "date", s.date(d.ExpiresAt), "time", s.Clock(d.ExpiresAt))
	}
	return d.Detail
}

func (s speech) undecided(d client.CheckUndecided) string {
	if !d.Blocks {
		return s.T["ev_unreachable"]
	}
	if d.BlockedUntil.IsZero() {
		return s.T["ev_blocked"]
	}
	return s.Fill("ev_blocked_until", "time", s.Clock(d.BlockedUntil))
}

func (s speech) read(d client.CredentialRead) string {
	name, who := s.readerOf(d)
	if who != "" {
		name = s.Fill("reader", "name", name, "who", who)
	}
	if d.Denied {
		return s.Fill("ev_denied", "who", name)
	}
	if d.Reads > 0 {
		return s.Fill("ev_read_often", "who", name, "n", strconv.FormatUint(d.Reads+1, 10))
	}
	return s.Fill("ev_read", "who", name)
}

// readerOf is who a reader is: a program and its user, or an address.
func (s speech) readerOf(d client.CredentialRead) (name, who string) {
	if d.Remote != "" {
		return d.Remote, d.Format
	}
	if d.User != nil {
		who = *d.User
	} else if d.UID != nil {
		who = strconv.FormatUint(uint64(*d.UID), 10)
	}
	if d.Program == nil || *d.Program == "" {
		return s.T["some_program"], who
	}
	return path.Base(*d.Program), who
}
