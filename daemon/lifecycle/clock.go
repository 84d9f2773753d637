package lifecycle

import (
	"slices"
	"time"
)

// longest is more than any pause that the keeper takes by itself: the longest is
// a day, spread by a fifth.
const longest = 30 * time.Hour

// longestCode is more than any code lives.
const longestCode = 15 * time.Minute

// apart is how far the clocks of hosts may be from one another without a word.
const apart = time.Minute

// ClockSet is a wall clock that was set while the keeper ran, backwards or
// forwards. All that follows from it is what [Apply] does in any case: stored
// times that the new clock makes impossible are brought within bounds.
type ClockSet struct{}

func (ClockSet) apply(*transition) {}

// OffClock reports whether the account has times that lie further ahead than
// they ever can by a clock that goes right, so that it would be silent until
// then. They come from a clock that was wrong: a machine that boots without one,
// or was set back.
func (a Account) OffClock(now time.Time, p Policy) bool {
	b := a.clone()
	b.mendClock(now, p)
	return !b.sameTimes(a)
}

// sameTimes compares what mendClock changes and Next looks at.
func (a Account) sameTimes(b Account) bool {
	same := a.NextCheckAt.Equal(b.NextCheckAt) && a.BlockedUntil.Equal(b.BlockedUntil) &&
		a.AskAgainAt.Equal(b.AskAgainAt) && a.RefreshBy.Equal(b.RefreshBy)
	if a.Incident != nil {
		same = same && a.Incident.NextAttempt.Equal(b.Incident.NextAttempt)
	}
	if a.Login != nil {
		same = same && a.Login.RetryAt.Equal(b.Login.RetryAt) && a.Login.CodeExpires.Equal(b.Login.CodeExpires)
	}
	if a.Refresh != nil {
		same = same && a.Refresh.At.Equal(b.Refresh.At)
	}
	if a.Confirm != nil {
		same = same && a.Confirm.At.Equal(b.Confirm.At)
	}
	return same
}

// mendClock brings the stored times within what the clock allows. What has
// happened lies in the past; what is to come lies no further ahead than the
// longest pause of its kind. ExpiresAt is the site's word and stays. A record that was
// written in the future tells how far the clock was ahead: what is to come was meant to
// come as much earlier, however short its pause is.
func (a *Account) mendClock(now time.Time, p Policy) {
	now = now.UTC().Round(0)
	if wrong := a.Written.Sub(now); wrong > apart {
		a.bringForward(wrong, now)
		a.Written = now
	}
	for _, t := range []*time.Time{&a.Added, &a.IssuedAt, &a.RefreshedAt, &a.CheckedAt, &a.DeniedAt} {
		past(t, now)
	}
	ahead(&a.BlockedUntil, now, longest, now)
	ahead(&a.AskAgainAt, now, longest, now)
	if next := later(p.CheckAfter(now), p.FirstCheck(now)); a.NextCheckAt.After(later(next, a.BlockedUntil)) {
		a.NextCheckAt = earlier(p.FirstCheck(now).UTC(), next)
	}
	if a.RefreshBy.After(a.ExpiresAt) {
		a.drawDeadline(p)
	}
	a.mendIncident(now, p)
	if l := a.Login; l.Active() {
		past(&l.Started, now)
		ahead(&l.Attended, now, longest, now)
		ahead(&l.CodeExpires, now, longestCode, now)
		ahead(&l.RetryAt, now, longest, now)
	}
	if r := a.Refresh; r != nil {
		past(&r.Started, now)
		ahead(&r.At, now, longest, now)
	}
	if c := a.Confirm; c != nil {
		past(&c.Since, now)
		ahead(&c.At, now, longest, now)
	}
}

// bringForward has all that is to come come so much earlier. What was spent by a clock
// that was ahead was spent as much earlier, too, and still counts.
func (a *Account) bringForward(by time.Duration, now time.Time) {
	a.RefreshLog = slices.Clone(a.RefreshLog)
	for i, at := range a.RefreshLog {
		if at.After(now) {
			a.RefreshLog[i] = at.Add(-by)
		}
	}
	times := []*time.Time{&a.NextCheckAt, &a.BlockedUntil, &a.AskAgainAt}
	if a.Incident != nil {
		times = append(times, &a.Incident.NextAttempt)
	}
	if a.Login.Active() {
		times = append(times, &a.Login.Attended, &a.Login.CodeExpires, &a.Login.RetryAt)
	}
	if a.Refresh != nil {
		times = append(times, &a.Refresh.At)
	}
	if a.Confirm != nil {
		times = append(times, &a.Confirm.At)
	}
	for _, t := range times {
		if !t.IsZero() {
			*t = t.Add(-by)
		}
	}
}

func (a *Account) mendIncident(now time.Time, p Policy) {
	i := a.Incident
	if i == nil {
		return
	}
	past(&i.Since, now)
	past(&i.InLine, now)
	most := longest
	for _, d := range p.Remind {
		most = max(most, d)
	}
	if i.Early {
		most = max(most, a.ExpiresAt.Sub(now))
	}
	ahead(&i.NextAttempt, now, most, now.Add(p.remind(i.Attempts)))
}

// past moves a time that has not come yet to now.
func past(t *time.Time, now time.Time) {
	if t.After(now) {
		*t = now
	}
}

// ahead puts to in the place of a time that is more than most away.
func ahead(t *time.Time, now time.Time, most time.Duration, to time.Time) {
	if t.Sub(now) > most {
		*t = to
	}
}
