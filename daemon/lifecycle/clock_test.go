package lifecycle_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
)

// wild does what may happen to an account next, drawn by chance; by is who draws.
func wild(s *story, by *rand.Rand) {
	verdicts := []lifecycle.Verdict{ok(), dead(), trouble(passport.Unreachable), {Class: passport.Blocked, RetryAfter: 30 * time.Minute}}
	v := verdicts[by.IntN(len(verdicts))]
	next := s.a.Next(s.p)
	if by.IntN(12) == 0 {
		s.after(0, lifecycle.Started{})
		return
	}
	if by.IntN(6) == 0 && !s.a.Login.Active() { // a person, at any moment
		s.after(0, s.issue(false))
		return
	}
	if by.IntN(6) == 0 && s.a.Login.Active() && !s.a.Login.Granted() {
		s.after(0, lifecycle.Cancelled{})
		return
	}
	if wait := next.At.Sub(s.now); wait > 0 && next.Action != lifecycle.ActNothing {
		s.now = next.At
	}
	switch next.Action {
	case lifecycle.ActCheck:
		s.after(0, lifecycle.Checked{Verdict: v, RefreshDue: v.OK() && by.IntN(2) == 0})
	case lifecycle.ActAskAgain:
		s.after(0, lifecycle.AskedAgain{Verdict: v, Mid: mid})
	case lifecycle.ActCode:
		if v.OK() || v.Dead() {
			s.after(0, s.issue(true))
		} else {
			s.after(0, lifecycle.CodeRefused{Verdict: v})
		}
	case lifecycle.ActPoll:
		switch by.IntN(4) {
		case 0:
			s.after(0, lifecycle.Granted{Mid: mid, Complete: true})
		case 1:
			s.after(0, lifecycle.Polled{Verdict: ok(), Expired: true})
		default:
			s.after(0, lifecycle.Polled{Verdict: v, Scanned: v.OK() && by.IntN(2) == 0})
		}
	case lifecycle.ActProve:
		s.after(0, lifecycle.Proved{Verdict: v, Mid: mid, ExpiresAt: s.now.Add(180 * 24 * time.Hour), Refreshable: true})
	case lifecycle.ActRefresh:
		rotate(s, by, v)
	case lifecycle.ActProveRefresh:
		s.after(0, lifecycle.RefreshProved{Verdict: v, Mid: mid, ExpiresAt: s.now.Add(180 * 24 * time.Hour), Refreshable: by.IntN(4) > 0})
	case lifecycle.ActConfirm:
		s.after(0, lifecycle.Confirmed{Verdict: v, Refused: by.IntN(4) == 0 && !v.OK()})
	case lifecycle.ActWarn:
		s.after(0, lifecycle.ExpiryNear{})
	}
}

// rotate is what may come of a refresh.
func rotate(s *story, by *rand.Rand, v lifecycle.Verdict) {
	if by.IntN(4) == 0 {
		s.after(0, lifecycle.RefreshNotDue{})
		return
	}
	s.after(0, lifecycle.RefreshIntended{})
	whys := []lifecycle.RefreshFailure{
		lifecycle.RefreshTrouble, lifecycle.RefreshNoPage, lifecycle.RefreshMismatch, lifecycle.RefreshWrongCSRF, lifecycle.RefreshUnusable,
	}
	switch {
	case v.OK() && by.IntN(3) > 0:
		s.after(0, lifecycle.RefreshStagedNow{})
	case v.OK():
		s.after(0, lifecycle.RefreshFailed{Verdict: lifecycle.Verdict{Class: passport.Unknown}, Why: whys[by.IntN(len(whys))]})
	default:
		s.after(0, lifecycle.RefreshFailed{Verdict: v, Why: whys[by.IntN(2)]})
	}
}

// TestAnyClock: whatever happens, and however the clock jumps, an account never
// stays silent for longer than its longest pause, and the time of the next code
// that people were told of is never moved without a word.
func TestAnyClock(t *testing.T) {
	const most = 31 * time.Hour
	for seed := range uint64(400) {
		by := rand.New(rand.NewPCG(seed, 1))
		s := newStory(t).login()
		for range 120 {
			promised, events := time.Time{}, len(s.events)
			if i := s.a.Incident; i != nil {
				promised = i.Promised
			}
			if by.IntN(10) == 0 {
				years := by.IntN(21) - 10
				s.now = s.now.AddDate(years, 0, 0)
				if years < 0 && s.a.OffClock(s.now, s.p) {
					s.after(0, lifecycle.ClockSet{})
				}
			} else {
				wild(s, by)
			}
			if next := s.a.Next(s.p); next.Action != lifecycle.ActNothing && next.At.Sub(s.now) > most {
				t.Fatalf("seed %d: nothing happens until %s, it is %s", seed, next.At, s.now)
			}
			if i := s.a.Incident; i != nil && !promised.IsZero() && !s.a.Login.Active() &&
				i.NextAttempt.Sub(promised) > 15*time.Minute && len(s.events) == events {
				t.Fatalf("seed %d: the code promised for %s comes at %s, and nobody was told", seed, promised, i.NextAttempt)
			}
		}
	}
}

// TestBootWithoutAClock: a machine that starts in 1970, or years ahead, and is
// set right later.
func TestBootWithoutAClock(t *testing.T) {
	for name, boot := range map[string]time.Time{"1970": time.Unix(100, 0).UTC(), "ten years ahead": start.AddDate(10, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			s.now = boot
			s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: mid, Complete: true}).
				after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, ExpiresAt: start.Add(180 * 24 * time.Hour), Refreshable: true})
			s.after(time.Hour, lifecycle.Checked{Verdict: lifecycle.Verdict{Class: passport.Blocked, RetryAfter: 30 * time.Minute}})
			s.now = start
			s.after(0, lifecycle.ClockSet{})
			if next := s.a.Next(s.p); next.At.Sub(s.now) > 9*time.Hour {
				t.Errorf("the next thing is %s at %s", next.Action, next.At)
			}
			if s.a.CheckedAt.After(s.now) || s.a.RefreshBy.After(s.a.ExpiresAt) {
				t.Errorf("checked at %s, refreshed by %s", s.a.CheckedAt, s.a.RefreshBy)
			}
			for _, e := range s.events {
				if e == client.EventLoginRequired {
					t.Error("a clock killed a session")
				}
			}
		})
	}
}

// TestClockAnHourAhead: what was written by a clock that was an hour ahead comes no later
// than it was meant to, also where its pause is a minute.
func TestClockAnHourAhead(t *testing.T) {
	for name, one := range map[string]struct {
		happens []lifecycle.Input
		action  lifecycle.Action
	}{
		"denied once":    {[]lifecycle.Input{lifecycle.Checked{Verdict: dead()}}, lifecycle.ActAskAgain},
		"not answered":   {[]lifecycle.Input{lifecycle.Checked{Verdict: trouble(passport.Unreachable)}}, lifecycle.ActCheck},
		"not asked":      {[]lifecycle.Input{lifecycle.Checked{Verdict: lifecycle.Verdict{Class: passport.Unreachable, Unasked: true}}}, lifecycle.ActCheck},
		"a code is out":  {[]lifecycle.Input{lifecycle.Checked{Verdict: dead()}, lifecycle.AskedAgain{Verdict: dead()}}, lifecycle.ActCode},
		"checked, lives": {[]lifecycle.Input{lifecycle.Checked{Verdict: ok()}}, lifecycle.ActCheck},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t).login()
			right := *s
			for _, in := range one.happens {
				right.after(time.Hour, in)
			}
			want := right.a.Next(right.p).At.Sub(right.now)
			s.now = s.now.Add(time.Hour)
			for _, in := range one.happens {
				s.after(time.Hour, in)
			}
			s.now = s.now.Add(-time.Hour)
			if want < 0 || want > 0 && !s.a.OffClock(s.now, s.p) {
				t.Fatal("it is not seen that the clock was wrong")
			}
			s.after(0, lifecycle.ClockSet{}).wantNext(one.action, want)
			s.after(0, lifecycle.ClockSet{}).wantNext(one.action, want) // once
		})
	}
}

// TestSpentByAClockAhead: refreshes that were made by a clock that was an hour ahead count
// when it is right again.
func TestSpentByAClockAhead(t *testing.T) {
	s := newStory(t).login()
	s.now = s.now.Add(time.Hour)
	s.after(time.Minute, lifecycle.RefreshIntended{}).after(time.Minute, lifecycle.RefreshIntended{})
	s.now = s.now.Add(-time.Hour)
	s.after(time.Minute, lifecycle.ClockSet{})
	if room := s.a.RefreshRoom(s.now, 2); room.Before(s.now.Add(55*time.Minute)) || room.After(s.now.Add(time.Hour)) {
		t.Errorf("there is room in %v", room.Sub(s.now))
	}
}
