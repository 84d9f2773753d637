package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
)

const (
	day     = 24 * time.Hour
	halfway = 180 * day
)

// refreshing is a logged-in account with automatic refreshes.
func refreshing(t *testing.T) *story {
	s := newStory(t)
	s.p.AutoRefresh, s.p.ConfirmDelay = true, time.Second
	return s.login()
}

func (s *story) failed(why lifecycle.RefreshFailure) lifecycle.RefreshFailed {
	v := lifecycle.Verdict{Class: passport.Unknown, Detail: string(why)}
	if why == lifecycle.RefreshTrouble {
		v.Class = passport.Unreachable
	}
	return lifecycle.RefreshFailed{Verdict: v, Why: why}
}

// rotate takes the account through a refresh up to its promotion.
func (s *story) rotate() *story {
	s.t.Helper()
	return s.after(0, lifecycle.RefreshIntended{}).after(0, lifecycle.RefreshStagedNow{}).after(0, lifecycle.RefreshProved{
		Verdict: ok(), Mid: mid, Uname: "example", ExpiresAt: s.now.Add(halfway), Refreshable: true})
}

func TestRefreshStepByStep(t *testing.T) {
	s := refreshing(t)
	s.after(8*time.Hour, lifecycle.Checked{Verdict: ok(), RefreshDue: true}).wantNext(lifecycle.ActRefresh, 0)
	s.events = nil
	s.after(0, lifecycle.RefreshIntended{}).wantNext(lifecycle.ActRefresh, 0).wantState(lifecycle.StateValid).wantEvents()
	s.after(0, lifecycle.RefreshStagedNow{}).wantNext(lifecycle.ActProveRefresh, 0).wantEvents()
	if s.a.Generation != 1 {
		t.Fatal("the new pair is in use before it is proven")
	}
	s.after(0, lifecycle.RefreshProved{Verdict: ok(), Mid: mid, ExpiresAt: s.now.Add(halfway), Refreshable: true}).
		wantNext(lifecycle.ActConfirm, time.Second).wantEvents(client.EventRefreshed)
	if s.a.Generation != 2 || s.a.Confirm == nil {
		t.Fatalf("after the promotion: %+v", s.a)
	}
	s.after(time.Second, lifecycle.Confirmed{Verdict: ok()}).wantNext(lifecycle.ActCheck, 8*time.Hour-time.Second).wantEvents(client.EventConfirmed)
}

func TestDeadlineIsDrawnOnceAndKept(t *testing.T) {
	for _, spread := range []float64{0, 0.5, 0.999} {
		s := newStory(t)
		s.p.AutoRefresh, s.p.Spread = true, spread
		s.login()
		first := s.a.RefreshBy
		left := s.a.ExpiresAt.Sub(first)
		if left < halfway/3-2*time.Second || left > halfway/3+halfway/10+time.Second {
			t.Errorf("spread %v: %s of life are left at the deadline", spread, left)
		}
		for range 200 {
			s.after(8*time.Hour, lifecycle.Checked{Verdict: ok()})
		}
		if !s.a.RefreshBy.Equal(first) {
			t.Errorf("the deadline moved from %s to %s", first, s.a.RefreshBy)
		}
		if s.a.MustRefresh(first.Add(-time.Second)) || !s.a.MustRefresh(first) {
			t.Error("a credential must be rotated from its deadline on")
		}
	}
}

func TestTokenThatDoesNotMatch(t *testing.T) {
	s := refreshing(t)
	s.after(8*time.Hour, lifecycle.Checked{Verdict: ok(), RefreshDue: true})
	s.events = nil
	s.after(0, lifecycle.RefreshIntended{}).after(0, s.failed(lifecycle.RefreshMismatch)).wantNext(lifecycle.ActRefresh, 0).wantEvents(client.EventRefreshFailed)
	s.after(0, lifecycle.RefreshIntended{}).after(0, s.failed(lifecycle.RefreshMismatch)).wantState(lifecycle.StateValid).
		wantEvents(client.EventRefreshFailed, client.EventLoginRequired).wantNext(lifecycle.ActCode, 0)
	if s.a.Refreshable || s.a.Attention == "" || s.a.Generation != 1 || !s.a.Incident.Early {
		t.Errorf("after two mismatches: %+v", s.a)
	}
	// Nothing presses while the session lives: the next code comes near its end.
	for range 3 {
		s.after(0, s.issue(true)).after(180*time.Second, lifecycle.Polled{Verdict: ok(), Expired: true})
	}
	if next := s.a.Incident.NextAttempt; !next.Equal(s.a.ExpiresAt.AddDate(0, 0, -14)) {
		t.Errorf("the next attempt is %s before the end", s.a.ExpiresAt.Sub(next))
	}
	s.wantNext(lifecycle.ActCheck, s.a.NextCheckAt.Sub(s.now))
}

func TestMismatchThenMatch(t *testing.T) {
	s := refreshing(t)
	s.after(0, lifecycle.RefreshWanted{Forced: true}).after(0, lifecycle.RefreshIntended{}).after(0, s.failed(lifecycle.RefreshMismatch))
	s.rotate()
	if s.a.Generation != 2 || s.a.Refresh != nil {
		t.Errorf("one mismatch was believed: %+v", s.a)
	}
}

func TestRefreshFailuresAreFarApart(t *testing.T) {
	for _, why := range []lifecycle.RefreshFailure{lifecycle.RefreshTrouble, lifecycle.RefreshNoPage, lifecycle.RefreshUnusable, lifecycle.RefreshDenied} {
		s := refreshing(t)
		s.after(8*time.Hour, lifecycle.Checked{Verdict: ok(), RefreshDue: true})
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 24, 24} {
			s.after(0, lifecycle.RefreshIntended{}).after(0, s.failed(why)).wantState(lifecycle.StateValid)
			if got := s.a.Refresh.At.Sub(s.now); got != want*time.Hour {
				t.Fatalf("%s: the next attempt is in %s, want %d h", why, got, want)
			}
			s.now = s.a.Refresh.At
		}
		if !s.a.Refreshable || s.a.Incident != nil {
			t.Errorf("%s: the account was given up", why)
		}
	}
}

// TestLostReplyMakesTheNextAttemptAMust: the site may have acted.
func TestLostReplyMakesTheNextAttemptAMust(t *testing.T) {
	s := refreshing(t)
	s.after(8*time.Hour, lifecycle.Checked{Verdict: ok(), RefreshDue: true})
	s.after(0, s.failed(lifecycle.RefreshTrouble))
	if s.a.MustRefresh(s.now) {
		t.Error("nothing was sent, so nothing is unsure")
	}
	s.after(time.Hour, lifecycle.RefreshIntended{}).after(0, s.failed(lifecycle.RefreshTrouble))
	if !s.a.MustRefresh(s.now) {
		t.Error("the site may have acted, and the next attempt waits for its word that it is due")
	}
}

func TestHourlyBudgetOfRefreshes(t *testing.T) {
	s := refreshing(t)
	for range 6 {
		if at := s.a.RefreshRoom(s.now, 6); !at.IsZero() {
			t.Fatalf("no room until %s", at)
		}
		s.after(time.Minute, lifecycle.RefreshWanted{Forced: true}).rotate().after(0, lifecycle.Confirmed{Verdict: ok()})
	}
	at := s.a.RefreshRoom(s.now, 6)
	if want := s.now.Add(55 * time.Minute); !at.Equal(want) {
		t.Errorf("there is room at %s, want %s", at, want)
	}
	s.now = at
	if at := s.a.RefreshRoom(s.now, 6); !at.IsZero() {
		t.Errorf("the budget does not free itself: %s", at)
	}
}

func TestConfirmation(t *testing.T) {
	s := refreshing(t).rotate()
	for _, want := range []time.Duration{time.Minute, time.Hour, 6 * time.Hour, day} {
		s.after(0, lifecycle.Confirmed{Verdict: trouble(passport.Unreachable)})
		if got := s.a.Confirm.At.Sub(s.now); got != want {
			t.Fatalf("the next try is in %s, want %s", got, want)
		}
		s.now = s.a.Confirm.At
	}
	s.after(0, lifecycle.Confirmed{Verdict: trouble(passport.Unreachable)})
	if s.a.Confirm != nil {
		t.Error("it is never given up")
	}

	s = refreshing(t).rotate().after(0, lifecycle.Confirmed{Verdict: trouble(passport.Unknown), Refused: true})
	if s.a.Confirm != nil {
		t.Error("a definite refusal does not end it")
	}
	// Denied: either it was confirmed before, or the new pair died. The site is
	// asked, and nobody believes anything yet.
	refreshing(t).rotate().after(0, lifecycle.Confirmed{Verdict: dead()}).wantState(lifecycle.StateValid).wantNext(lifecycle.ActCheck, 0)
}

func TestNewPairDenied(t *testing.T) {
	s := refreshing(t)
	s.after(0, lifecycle.RefreshWanted{Forced: true}).after(0, lifecycle.RefreshIntended{}).after(0, lifecycle.RefreshStagedNow{})
	// Once proves nothing.
	s.after(0, lifecycle.RefreshProved{Verdict: dead()}).wantState(lifecycle.StateValid).wantNext(lifecycle.ActProveRefresh, time.Minute)
	if !s.a.Staged() {
		t.Fatal("one denial threw away what the site had just given")
	}
	s.after(time.Minute, lifecycle.RefreshProved{Verdict: dead()}).wantState(lifecycle.StateValid)
	if s.a.Generation != 1 || s.a.Staged() {
		t.Errorf("a pair that the site denied was kept: %+v", s.a)
	}
	s = refreshing(t)
	s.after(0, lifecycle.RefreshWanted{Forced: true}).after(0, lifecycle.RefreshIntended{}).after(0, lifecycle.RefreshStagedNow{})
	s.after(0, lifecycle.RefreshProved{Verdict: ok(), Mid: stranger}).wantState(lifecycle.StateValid)
	if s.a.Generation != 1 || s.a.Staged() {
		t.Error("another account's pair was put to use")
	}
}

func TestStagedPairWaitsForTheSite(t *testing.T) {
	s := refreshing(t)
	s.after(0, lifecycle.RefreshWanted{Forced: true}).after(0, lifecycle.RefreshIntended{}).after(0, lifecycle.RefreshStagedNow{})
	for range 30 {
		s.after(time.Hour, lifecycle.RefreshProved{Verdict: trouble(passport.Blocked)})
		if !s.a.Staged() {
			t.Fatal("a pair that the site gave was dropped")
		}
	}
}

func TestDeadSessionIsNotRefreshed(t *testing.T) {
	s := refreshing(t)
	s.after(0, lifecycle.RefreshWanted{Forced: true})
	s.events = nil
	s.after(0, lifecycle.RefreshFailed{Verdict: dead(), Why: lifecycle.RefreshTrouble}).wantState(lifecycle.StateValid).
		wantNext(lifecycle.ActAskAgain, time.Minute).wantEvents(client.EventCheckDead)
	s.after(time.Minute, lifecycle.AskedAgain{Verdict: dead()}).wantState(lifecycle.StateNeedsLogin)
	if s.a.Refresh != nil {
		t.Error("a refresh of a dead session is still planned")
	}
}

func TestNotDue(t *testing.T) {
	s := refreshing(t)
	s.after(0, lifecycle.RefreshWanted{}).after(0, lifecycle.RefreshNotDue{}).wantNext(lifecycle.ActCheck, 8*time.Hour)
	if s.a.Refresh != nil {
		t.Error("a refresh is planned that is not due")
	}
}

func TestWarningsOnceEach(t *testing.T) {
	s := newStory(t)
	s.p.AutoLogin = false
	s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: mid, Complete: true}).
		after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, ExpiresAt: start.Add(halfway)})
	s.events = nil
	var marks []int
	for s.now.Before(start.Add(halfway - time.Hour)) {
		next := s.a.Next(s.p)
		s.now = next.At
		if next.Action == lifecycle.ActWarn {
			marks = append(marks, int(s.a.ExpiresAt.Sub(s.now).Hours()/24))
			s.after(0, lifecycle.ExpiryNear{})
			continue
		}
		s.after(0, lifecycle.Checked{Verdict: ok()})
	}
	if !slices.Equal(marks, []int{14, 7, 3, 1}) {
		t.Errorf("warned at %v days before the end", marks)
	}
	told := slices.DeleteFunc(s.events, func(e string) bool { return e != client.EventAccountAttention })
	if len(told) != 4 {
		t.Errorf("%d warnings", len(told))
	}
}

func TestLateWarningIsToldOnce(t *testing.T) {
	s := newStory(t)
	s.after(0, lifecycle.Imported{Mid: mid, ExpiresAt: start.Add(5 * day)})
	s.events = nil
	s.wantNext(lifecycle.ActWarn, 5*day-14*day).after(0, lifecycle.ExpiryNear{}).wantEvents(client.EventAccountAttention)
	if next := s.a.Next(s.p); next.Action == lifecycle.ActWarn && !next.At.After(s.now) {
		t.Error("the marks that had passed are told one by one")
	}
}

func TestNoWarningForWhatRefreshesItself(t *testing.T) {
	s := refreshing(t)
	for range 600 {
		if next := s.a.Next(s.p); next.Action == lifecycle.ActWarn {
			t.Fatal("warned of a session that refreshes itself")
		}
		s.after(8*time.Hour, lifecycle.Checked{Verdict: ok()})
	}
}

func TestDeathSoonAfterImportNamesTheCause(t *testing.T) {
	s := newStory(t)
	s.after(0, lifecycle.Imported{Mid: mid, ExpiresAt: start.Add(halfway), Refreshable: true})
	s.after(2*day, lifecycle.Checked{Verdict: dead()}).after(time.Minute, lifecycle.AskedAgain{Verdict: dead()}).wantState(lifecycle.StateNeedsLogin)
	if s.a.Attention == "" {
		t.Error("nothing is said of the browser that shares the login")
	}
	s = newStory(t).login()
	s.after(2*day, lifecycle.Checked{Verdict: dead()}).after(time.Minute, lifecycle.AskedAgain{Verdict: dead()})
	if s.a.Attention != "" {
		t.Errorf("a login of the keeper's own is put down to sharing: %s", s.a.Attention)
	}
}

func TestLoginEndsEverythingOfTheOldCredential(t *testing.T) {
	s := refreshing(t).rotate()
	s.after(0, lifecycle.RefreshWanted{Forced: true})
	s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: mid, Complete: true}).after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, Refreshable: true})
	if s.a.Confirm != nil || s.a.Refresh != nil || s.a.Generation != 3 {
		t.Errorf("after the login: %+v", s.a)
	}
}
