package lifecycle_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport"
)

var start = time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)

const (
	mid      = 100200300
	stranger = 400500600
)

func policy() lifecycle.Policy {
	return lifecycle.Policy{
		ConfirmAfter: time.Minute, AutoLogin: true, Codes: 3, Poll: 2 * time.Second,
		Remind:     []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour},
		FirstCheck: func(now time.Time) time.Time { return now.Add(8 * time.Hour) },
		CheckAfter: func(last time.Time) time.Time { return last.Add(8 * time.Hour) },
		Interval:   8 * time.Hour,
	}
}

// story is an account on its way through inputs, with a clock.
type story struct {
	t      *testing.T
	a      lifecycle.Account
	p      lifecycle.Policy
	now    time.Time
	events []string
}

func newStory(t *testing.T) *story {
	return &story{t: t, a: lifecycle.New("main", passport.Web, start), p: policy(), now: start}
}

func (s *story) after(d time.Duration, in lifecycle.Input) *story {
	s.t.Helper()
	s.now = s.now.Add(d)
	var events []client.EventData
	s.a, events = lifecycle.Apply(s.a, in, s.now, s.p)
	for _, e := range events {
		s.events = append(s.events, e.EventType())
	}
	return s
}

func (s *story) wantState(want lifecycle.State) *story {
	s.t.Helper()
	if got := s.a.State(); got != want {
		s.t.Fatalf("the state is %s, want %s", got, want)
	}
	return s
}

func (s *story) wantNext(action lifecycle.Action, in time.Duration) *story {
	s.t.Helper()
	got := s.a.Next(s.p)
	if got.Action != action || !got.At.Equal(s.now.Add(in)) {
		s.t.Fatalf("next is %s in %s, want %s in %s", got.Action, got.At.Sub(s.now), action, in)
	}
	return s
}

func (s *story) wantEvents(want ...string) *story {
	s.t.Helper()
	if !slices.Equal(s.events, want) {
		s.t.Fatalf("events\n got %v\nwant %v", s.events, want)
	}
	s.events = nil
	return s
}

func ok() lifecycle.Verdict   { return lifecycle.Verdict{Class: passport.OK} }
func dead() lifecycle.Verdict { return lifecycle.Verdict{Class: passport.Dead, Detail: "code -101"} }

func trouble(c passport.Class) lifecycle.Verdict {
	return lifecycle.Verdict{Class: c, Detail: "trouble", RetryAfter: 0}
}

func (s *story) issue(automatic bool) lifecycle.CodeIssued {
	return lifecycle.CodeIssued{ID: "l1", Method: "qr", Automatic: automatic, Expires: s.now.Add(180 * time.Second)}
}

// login takes the account through a first login.
func (s *story) login() *story {
	s.t.Helper()
	s.after(0, s.issue(false)).
		after(2*time.Second, lifecycle.Granted{Mid: mid, Complete: true}).
		after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, Uname: "example", ExpiresAt: start.Add(180 * 24 * time.Hour), Refreshable: true})
	s.events = nil
	return s.wantState(lifecycle.StateValid)
}

// die takes a logged-in account to its death.
func (s *story) die() *story {
	s.t.Helper()
	s.after(8*time.Hour, lifecycle.Checked{Verdict: dead()}).after(time.Minute, lifecycle.AskedAgain{Verdict: dead()})
	s.events = nil
	return s.wantState(lifecycle.StateNeedsLogin)
}

func TestFirstLogin(t *testing.T) {
	s := newStory(t).wantState(lifecycle.StateNew)
	if next := s.a.Next(s.p); next.Action != lifecycle.ActNothing {
		t.Fatalf("a new account waits for a person, not for %s", next.Action)
	}
	s.after(0, s.issue(false)).wantState(lifecycle.StateLoggingIn).wantNext(lifecycle.ActPoll, 2*time.Second).wantEvents(client.EventLoginCode)
	s.after(2*time.Second, lifecycle.Polled{Verdict: ok()}).wantNext(lifecycle.ActPoll, 2*time.Second).wantEvents()
	s.after(2*time.Second, lifecycle.Polled{Verdict: ok(), Scanned: true}).wantEvents(client.EventLoginScanned)
	s.after(2*time.Second, lifecycle.Polled{Verdict: ok(), Scanned: true}).wantEvents()
	s.after(2*time.Second, lifecycle.Granted{Mid: mid}).wantNext(lifecycle.ActCollect, 0).wantState(lifecycle.StateLoggingIn)
	s.after(0, lifecycle.Collected{Verdict: ok(), Mid: mid, Complete: true}).wantNext(lifecycle.ActProve, 0)
	s.after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, Uname: "example", Refreshable: true}).
		wantState(lifecycle.StateValid).wantNext(lifecycle.ActCheck, 8*time.Hour).wantEvents(client.EventLoginSucceeded)
	if s.a.Generation != 1 || s.a.Mid != mid || !s.a.Refreshable || s.a.Login.Active() {
		t.Errorf("after the login: %+v", s.a)
	}
}

func TestDeathNeedsTwoAnswers(t *testing.T) {
	s := newStory(t).login()
	s.after(8*time.Hour, lifecycle.Checked{Verdict: dead()}).wantState(lifecycle.StateValid).
		wantNext(lifecycle.ActAskAgain, time.Minute).wantEvents(client.EventCheckDead)
	// The same question again adds nothing.
	s.after(time.Second, lifecycle.Checked{Verdict: dead()}).wantState(lifecycle.StateValid).wantEvents()
	s.after(59*time.Second, lifecycle.AskedAgain{Verdict: dead()}).wantState(lifecycle.StateNeedsLogin).
		wantNext(lifecycle.ActCode, 0).wantEvents(client.EventCheckDead, client.EventLoginRequired)
}

func TestSecondAnswerMayClearTheDoubt(t *testing.T) {
	s := newStory(t).login()
	s.after(8*time.Hour, lifecycle.Checked{Verdict: dead()}).after(time.Minute, lifecycle.AskedAgain{Verdict: ok(), Mid: mid}).
		wantState(lifecycle.StateValid).wantNext(lifecycle.ActCheck, 8*time.Hour).wantEvents(client.EventCheckDead, client.EventCheckOK)
}

func TestUndecidedSecondAnswerKeepsTheDoubt(t *testing.T) {
	s := newStory(t).login()
	s.after(8*time.Hour, lifecycle.Checked{Verdict: dead()}).after(time.Minute, lifecycle.AskedAgain{Verdict: trouble(passport.Unreachable)}).
		wantState(lifecycle.StateValid).wantNext(lifecycle.ActAskAgain, time.Minute)
	if s.a.LastCheck != lifecycle.OutcomeUnreachable {
		t.Errorf("the last check is %s", s.a.LastCheck)
	}
	s.after(time.Minute, lifecycle.AskedAgain{Verdict: dead()}).wantState(lifecycle.StateNeedsLogin)
}

func TestTroubleNeverChangesTheState(t *testing.T) {
	classes := []passport.Class{passport.Blocked, passport.Unreachable, passport.Unknown}
	for _, first := range classes {
		for _, second := range classes {
			s := newStory(t).login()
			for range 100 {
				s.after(time.Hour, lifecycle.Checked{Verdict: trouble(first)}).after(time.Hour, lifecycle.AskedAgain{Verdict: trouble(second)})
			}
			s.wantState(lifecycle.StateValid)
			if slices.Contains(s.events, client.EventLoginRequired) || slices.Contains(s.events, client.EventCheckDead) {
				t.Errorf("%s, %s: events %v", first, second, s.events)
			}
			if !s.a.BlockedUntil.After(s.now) {
				t.Errorf("%s, %s: the back-off is not to be seen", first, second)
			}
			s.after(time.Hour, lifecycle.Checked{Verdict: ok()})
			if !s.a.BlockedUntil.IsZero() || s.a.Failures != 0 {
				t.Errorf("%s, %s: the back-off outlives the trouble", first, second)
			}
		}
	}
}

func TestBackoff(t *testing.T) {
	m := time.Minute
	tests := []struct {
		name    string
		verdict lifecycle.Verdict
		want    []time.Duration // the pauses, one after another
	}{
		{"unreachable doubles to an hour", trouble(passport.Unreachable), []time.Duration{m, 2 * m, 4 * m, 8 * m, 16 * m, 32 * m, 60 * m, 60 * m}},
		{"unknown is as unreachable", trouble(passport.Unknown), []time.Duration{m, 2 * m}},
		{"the site's wish counts", lifecycle.Verdict{Class: passport.Unreachable, RetryAfter: 5 * m}, []time.Duration{5 * m, 5 * m, 5 * m, 8 * m}},
		{"blocked for all is doubled elsewhere", lifecycle.Verdict{Class: passport.Blocked, RetryAfter: 30 * m}, []time.Duration{30 * m, 30 * m}},
		{"blocked for one doubles to a day", lifecycle.Verdict{Class: passport.Blocked, RetryAfter: time.Hour, AccountOnly: true},
			[]time.Duration{60 * m, 120 * m, 240 * m, 480 * m, 960 * m, 1440 * m, 1440 * m}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t).login()
			for i, want := range tt.want {
				s.after(time.Hour, lifecycle.Checked{Verdict: tt.verdict})
				if got := s.a.BlockedUntil.Sub(s.now); got != want {
					t.Errorf("pause %d is %s, want %s", i+1, got, want)
				}
			}
		})
	}
}

// TestBlockedKeepsTheSchedule: whoever was told to stop does not come back
// before the ordinary time; whoever got no answer comes back sooner.
func TestBlockedKeepsTheSchedule(t *testing.T) {
	s := newStory(t).login().after(8*time.Hour, lifecycle.Checked{Verdict: lifecycle.Verdict{Class: passport.Blocked, RetryAfter: 30 * time.Minute}})
	s.wantNext(lifecycle.ActCheck, 8*time.Hour)
	s = newStory(t).login().after(8*time.Hour, lifecycle.Checked{Verdict: trouble(passport.Unreachable)})
	s.wantNext(lifecycle.ActCheck, time.Minute)
}

func TestCodesAreReplacedThenReminded(t *testing.T) {
	s := newStory(t).login().die()
	for attempt, pause := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		for code := range 3 {
			s.wantNext(lifecycle.ActCode, 0)
			s.after(0, s.issue(true)).wantState(lifecycle.StateLoggingIn).wantEvents(client.EventLoginCode)
			if s.a.Login.Code != code+1 {
				t.Fatalf("this is code %d, want %d", s.a.Login.Code, code+1)
			}
			s.after(180*time.Second, lifecycle.Polled{Verdict: ok()})
		}
		s.wantState(lifecycle.StateNeedsLogin).wantEvents(client.EventLoginFailed).wantNext(lifecycle.ActCode, pause)
		if s.a.Incident.Attempts != attempt+1 {
			t.Fatalf("attempts: %d", s.a.Incident.Attempts)
		}
		s.now = s.now.Add(pause)
	}
}

func TestLastPollFallsOnTheCodesEnd(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(179*time.Second, lifecycle.Polled{Verdict: ok()})
	s.wantNext(lifecycle.ActPoll, time.Second)
	// The site's word that a code is gone comes before the keeper's clock.
	s = newStory(t).login().die()
	s.after(0, s.issue(true)).after(10*time.Second, lifecycle.Polled{Verdict: ok(), Expired: true}).wantNext(lifecycle.ActCode, 0)
}

func TestTroubleWhilePollingEndsNoCode(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(2*time.Second, lifecycle.Polled{Verdict: trouble(passport.Unreachable)}).wantNext(lifecycle.ActPoll, 2*time.Second)
	s.after(2*time.Second, lifecycle.Polled{Verdict: trouble(passport.Unreachable)}).wantNext(lifecycle.ActPoll, 4*time.Second)
	s.after(4*time.Second, lifecycle.Granted{Mid: mid, Complete: true}).wantNext(lifecycle.ActProve, 0)
}

func TestStrangersScanIsRefused(t *testing.T) {
	tests := map[string][]lifecycle.Input{
		"the cookies say so":     {lifecycle.Granted{Mid: stranger, Complete: true}},
		"the hop says so":        {lifecycle.Granted{}, lifecycle.Collected{Verdict: ok(), Mid: stranger, Complete: true}},
		"only nav says so":       {lifecycle.Granted{Complete: true}, lifecycle.Proved{Verdict: ok(), Mid: stranger}},
		"nav and cookies differ": {lifecycle.Granted{Mid: mid, Complete: true}, lifecycle.Proved{Verdict: ok(), Mid: stranger}},
	}
	for name, inputs := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStory(t).login().die()
			s.after(0, s.issue(true))
			for _, in := range inputs {
				s.after(time.Second, in)
			}
			s.wantState(lifecycle.StateNeedsLogin).wantEvents(client.EventLoginCode, client.EventLoginFailed)
			if s.a.Generation != 1 || s.a.Mid != mid || s.a.Login.Reason != client.ReasonWrongAccount {
				t.Errorf("after the stranger: %+v, login %+v", s.a, s.a.Login)
			}
			s.wantNext(lifecycle.ActCode, time.Hour)
			if s.a.Login.By != "mid 400500600" {
				t.Errorf("whose scan it was: %q", s.a.Login.By)
			}
		})
	}
}

// TestDeniedOnceAfterTheGrant: the second answer decides.
func TestDeniedOnceAfterTheGrant(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(time.Second, lifecycle.Granted{Mid: mid, Complete: true}).after(0, lifecycle.Proved{Verdict: dead()})
	s.after(time.Minute, lifecycle.Proved{Verdict: ok(), Mid: mid}).wantState(lifecycle.StateValid).
		wantEvents(client.EventLoginCode, client.EventLoginSucceeded)
}

// TestBlockedWhilePolling: a code that was scanned is asked about within its
// life, and no login whose answer is missing is called one that nobody scanned.
func TestBlockedWhilePolling(t *testing.T) {
	blocked := lifecycle.Polled{Verdict: lifecycle.Verdict{Class: passport.Blocked, RetryAfter: 30 * time.Minute}}
	s := newStory(t).login().die()
	s.p.Codes = 1
	s.after(0, s.issue(true)).after(2*time.Second, lifecycle.Polled{Verdict: ok(), Scanned: true})
	polls := 0
	for s.a.Login.Active() {
		next := s.a.Next(s.p)
		s.after(next.At.Sub(s.now), blocked)
		if s.a.Login.Active() && !s.a.Login.Insists() {
			t.Fatal("the next question waits for the site to be asked again")
		}
		if polls++; polls > 20 {
			t.Fatal("the site is asked without end")
		}
	}
	if polls < 4 || polls > 10 {
		t.Errorf("%d questions about one code", polls)
	}
	if l := s.a.Login; l.Reason != client.ReasonSite {
		t.Errorf("the login ended as %q: %s", l.Reason, l.Detail)
	}

	s = newStory(t).login().die()
	s.after(0, s.issue(true)).after(2*time.Second, lifecycle.Polled{Verdict: ok(), Scanned: true}).after(2*time.Second, blocked).wantNext(lifecycle.ActPoll, 10*time.Second)
	s.after(10*time.Second, lifecycle.Granted{Mid: mid, Complete: true}).after(0, lifecycle.Proved{Verdict: ok(), Mid: mid}).wantState(lifecycle.StateValid)

	s = newStory(t).login().die()
	s.p.Codes = 1
	s.after(0, s.issue(true)).after(180*time.Second, blocked)
	if l := s.a.Login; l.Reason != client.ReasonSite {
		t.Errorf("a code that the site did not answer for ended as %q: %s", l.Reason, l.Detail)
	}
	s = newStory(t).login().die()
	s.p.Codes = 1
	s.after(0, s.issue(true)).after(2*time.Second, lifecycle.Polled{Verdict: ok(), Scanned: true}).after(178*time.Second, lifecycle.Polled{Verdict: ok(), Expired: true})
	if l := s.a.Login; l.Detail == "nobody scanned the code" {
		t.Errorf("somebody scanned it: %s", l.Detail)
	}
}

// TestManualLoginMovesNothing: a login that a person began and gave up leaves
// the next code at the time that was told.
func TestManualLoginMovesNothing(t *testing.T) {
	s := newStory(t).login().die()
	s.p.Codes = 1
	s.after(0, s.issue(true)).after(180*time.Second, lifecycle.Polled{Verdict: ok()}).wantNext(lifecycle.ActCode, time.Hour)
	s.after(2*time.Minute, s.issue(false)).after(time.Second, lifecycle.Cancelled{}).wantNext(lifecycle.ActCode, 58*time.Minute-time.Second)
	if s.a.Incident.Attempts != 1 {
		t.Errorf("%d attempts were counted", s.a.Incident.Attempts)
	}
}

// TestPostponed: people are told once where the code that was announced comes
// later.
func TestPostponed(t *testing.T) {
	s := newStory(t).login().die()
	s.p.Codes = 1
	s.after(0, s.issue(true)).after(180*time.Second, lifecycle.Polled{Verdict: ok()})
	s.events = nil
	refused := lifecycle.CodeRefused{Verdict: lifecycle.Verdict{Class: passport.Blocked, RetryAfter: 30 * time.Minute}}
	s.after(time.Hour, refused).wantEvents(client.EventAccountAttention)
	s.after(30*time.Minute, refused).after(time.Hour, refused).wantEvents()
	s = newStory(t).login().die()
	s.after(0, refused).wantEvents()
}

func TestShortLogin(t *testing.T) {
	for life, want := range map[time.Duration]bool{24 * time.Hour: true, 180 * 24 * time.Hour: false, 0: false} {
		s := newStory(t)
		var expires time.Time
		if life > 0 {
			expires = start.Add(life)
		}
		s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: mid, Complete: true}).after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, ExpiresAt: expires})
		if got := slices.Contains(s.events, client.EventAccountAttention); got != want {
			t.Errorf("a login for %s: told %t, want %t", life, got, want)
		}
	}
}

func TestNewAccountTakesWhoeverScans(t *testing.T) {
	s := newStory(t)
	s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: stranger, Complete: true}).after(0, lifecycle.Proved{Verdict: ok(), Mid: stranger}).wantState(lifecycle.StateValid)
	if s.a.Mid != stranger {
		t.Errorf("mid %d", s.a.Mid)
	}
}

func TestGrantIsKeptWhileTheSiteIsAway(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(time.Second, lifecycle.Granted{Mid: mid, Complete: true})
	for range 50 {
		s.after(time.Hour, lifecycle.Proved{Verdict: trouble(passport.Unreachable)})
		if !s.a.Login.Granted() {
			t.Fatal("what the site gave was dropped")
		}
	}
	s.after(time.Hour, lifecycle.Proved{Verdict: ok(), Mid: mid}).wantState(lifecycle.StateValid)
}

func TestUnusableGrantSaysSo(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(time.Second, lifecycle.Granted{}).after(time.Second, lifecycle.Collected{Verdict: ok()})
	if s.a.Login.Reason != client.ReasonUnusable {
		t.Errorf("reason %q", s.a.Login.Reason)
	}
	s = newStory(t).login().die()
	s.after(0, s.issue(true)).after(time.Second, lifecycle.Granted{Mid: mid, Complete: true}).after(time.Second, lifecycle.Proved{Verdict: dead()}).
		wantNext(lifecycle.ActProve, time.Minute)
	if !s.a.Login.Granted() {
		t.Fatal("one denial threw away what the site had just given")
	}
	s.after(time.Minute, lifecycle.Proved{Verdict: dead()})
	if s.a.Login.Reason != client.ReasonRefused {
		t.Errorf("reason %q", s.a.Login.Reason)
	}
}

func TestAttendedLoginGoesOn(t *testing.T) {
	s := newStory(t)
	first := s.issue(false)
	first.Attended = s.now.Add(24 * time.Hour)
	s.after(0, first)
	codes := 1
	for s.a.Login.Active() {
		s.after(180*time.Second, lifecycle.Polled{Verdict: ok()})
		if s.a.Login.Active() {
			s.after(0, s.issue(false))
			codes++
		}
	}
	if codes != 20 {
		t.Errorf("%d codes were issued to a person who stays; they are bounded by 20", codes)
	}
}

func TestNoCodeFromTheSite(t *testing.T) {
	s := newStory(t).login().die()
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		s.after(0, lifecycle.CodeRefused{Verdict: trouble(passport.Unreachable)}).wantState(lifecycle.StateNeedsLogin).wantNext(lifecycle.ActCode, want).wantEvents()
		s.now = s.now.Add(want)
	}
	s.after(0, s.issue(true)).wantState(lifecycle.StateLoggingIn)
}

// TestPutOff: an account waits for its turn, and leaves the line by a code, by a
// refusal, or because nobody is there.
func TestPutOff(t *testing.T) {
	wait := func(s *story) *story {
		return s.after(0, lifecycle.PutOff{Until: s.now.Add(5 * time.Minute), InLine: s.now}).wantNext(lifecycle.ActCode, 5*time.Minute)
	}
	for name, test := range map[string]struct {
		in       func(s *story) lifecycle.Input
		attempts int
	}{
		"a code":          {func(s *story) lifecycle.Input { return s.issue(true) }, 0},
		"a refusal":       {func(*story) lifecycle.Input { return lifecycle.CodeRefused{Verdict: trouble(passport.Unreachable)} }, 0},
		"nobody is there": {func(s *story) lifecycle.Input { return lifecycle.PutOff{Until: s.now.Add(time.Hour), Attempt: true} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := wait(newStory(t).login().die())
			if s.a.Incident.InLine.IsZero() {
				t.Fatal("the place in line is not kept")
			}
			s.after(time.Minute, test.in(s))
			if i := s.a.Incident; !i.InLine.IsZero() || i.Attempts != test.attempts {
				t.Errorf("%+v", i)
			}
		})
	}
	t.Run("a person's code that nobody scans", func(t *testing.T) {
		s := wait(newStory(t).login().die())
		in := s.a.Incident.InLine
		s.after(time.Minute, s.issue(false)).after(time.Second, lifecycle.Cancelled{})
		if !s.a.Incident.InLine.Equal(in) {
			t.Error("the place in line is lost")
		}
	})
	s := newStory(t).login().die().after(0, lifecycle.CodeIssued{ID: "own", Method: "qr", Expires: start.Add(24 * time.Hour)})
	if before := s.a.Incident.NextAttempt; !s.after(0, lifecycle.PutOff{Until: s.now.Add(time.Hour), Attempt: true}).a.Incident.NextAttempt.Equal(before) {
		t.Error("a login that a person began was put off")
	}
}

func TestQuietHoursHoldBackCodes(t *testing.T) {
	s := newStory(t).login()
	morning := start.Add(20 * time.Hour)
	s.p.Quiet = func(now time.Time) time.Time {
		if now.Before(morning) {
			return morning
		}
		return time.Time{}
	}
	s.die()
	if next := s.a.Next(s.p); next.Action != lifecycle.ActCode || !next.At.Equal(morning) {
		t.Errorf("the next code comes at %s, want the end of the quiet hours %s", next.At, morning)
	}
}

func TestManualLoginOnly(t *testing.T) {
	s := newStory(t).login()
	s.p.AutoLogin = false
	s.die()
	if next := s.a.Next(s.p); next.Action != lifecycle.ActNothing {
		t.Errorf("next is %s; a code must wait for a person", next.Action)
	}
}

func TestRevivedSession(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).after(time.Second, lifecycle.Checked{Verdict: ok()}).wantState(lifecycle.StateValid).
		wantEvents(client.EventLoginCode, client.EventCheckOK, client.EventLoginSucceeded)
	if s.a.Incident != nil || s.a.Login.Active() || s.a.Generation != 1 {
		t.Errorf("after the revival: %+v", s.a)
	}
}

func TestCancelled(t *testing.T) {
	s := newStory(t)
	s.after(0, s.issue(false)).after(time.Second, lifecycle.Cancelled{}).wantState(lifecycle.StateNew).wantEvents(client.EventLoginCode, client.EventLoginFailed)
}

func TestLoginWhileValidLeavesItValid(t *testing.T) {
	s := newStory(t).login()
	s.after(0, s.issue(false)).wantState(lifecycle.StateValid).wantNext(lifecycle.ActPoll, 2*time.Second)
	s.after(time.Second, lifecycle.Granted{Mid: mid, Complete: true}).after(0, lifecycle.Proved{Verdict: ok(), Mid: mid})
	if s.a.Generation != 2 {
		t.Errorf("generation %d", s.a.Generation)
	}
}

func TestCheckBeforeTheSessionsOwnEnd(t *testing.T) {
	s := newStory(t)
	s.after(0, s.issue(false)).after(0, lifecycle.Granted{Mid: mid, Complete: true}).
		after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, ExpiresAt: start.Add(time.Hour), Refreshable: true})
	s.wantNext(lifecycle.ActCheck, time.Hour+time.Second)
}

func TestRestart(t *testing.T) {
	s := newStory(t).login()
	s.after(time.Hour, lifecycle.Started{}).wantNext(lifecycle.ActCheck, 7*time.Hour)
	s = newStory(t).login()
	s.p.Spread = 0.5
	s.after(100*time.Hour, lifecycle.Started{}).wantNext(lifecycle.ActCheck, 30*time.Second)
}

// TestRestartUnderTheSamePlan: whoever was given a next check by the schedule in force
// is left as it is by a start, also where the schedule was changed before.
func TestRestartUnderTheSamePlan(t *testing.T) {
	s := newStory(t)
	s.p.Plan = "@every 8h"
	s.login()
	before := s.a
	s.after(time.Hour, lifecycle.Started{})
	if before.Written = s.now; !reflect.DeepEqual(s.a, before) {
		t.Errorf("a start made %+v of %+v", s.a, before)
	}
	changed := s.now
	s.p.Plan, s.p.Replaced = "@every 9h", func(string) time.Time { return changed }
	s.after(20*time.Hour, lifecycle.Checked{Verdict: ok()}).wantNext(lifecycle.ActCheck, 8*time.Hour)
	s.after(0, lifecycle.Started{}).wantNext(lifecycle.ActCheck, 8*time.Hour)
}

// TestScheduleChangedWhileStopped: the new schedule holds from the start on.
func TestScheduleChangedWhileStopped(t *testing.T) {
	s := newStory(t)
	s.p.Plan = "@every 8h"
	s.login().after(0, lifecycle.Rescheduled{}).wantNext(lifecycle.ActCheck, 8*time.Hour)
	for plan, next := range map[string]time.Duration{"@every 1h": time.Hour, "@every 48h": 48 * time.Hour} {
		after := *s
		after.p.Plan = plan
		after.p.FirstCheck = func(now time.Time) time.Time { return now.Add(next) }
		after.p.CheckAfter = after.p.FirstCheck
		after.after(0, lifecycle.Started{}).wantNext(lifecycle.ActCheck, next)
	}
}

// TestApplyChangesNoArgument: a committed record is shared with readers.
func TestApplyChangesNoArgument(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true))
	before := s.a
	login, incident := *before.Login, *before.Incident
	lifecycle.Apply(before, lifecycle.Polled{Verdict: ok(), Expired: true}, s.now, s.p)
	lifecycle.Apply(before, lifecycle.Cancelled{}, s.now, s.p)
	if *before.Login != login || *before.Incident != incident {
		t.Error("Apply changed the account that it was given")
	}
}

// pause leaves the account alone.
func (s *story) pause(paused bool) *story {
	s.p.Paused, s.p.AutoLogin, s.p.AutoRefresh = paused, !paused, !paused
	if paused {
		return s.after(0, lifecycle.Paused{})
	}
	return s
}

// Nothing is begun for a paused account; what a person begins is finished.
func TestPaused(t *testing.T) {
	s := newStory(t).login().pause(true)
	if got := s.a.Next(s.p); got.Action != lifecycle.ActNothing {
		t.Errorf("next is %s", got.Action)
	}
	s.after(time.Hour, lifecycle.Checked{Verdict: dead()}).wantNext(lifecycle.ActAskAgain, time.Minute)
	s.after(time.Minute, lifecycle.AskedAgain{Verdict: dead()}).wantState(lifecycle.StateNeedsLogin)
	if s.a.Next(s.p).Action != lifecycle.ActNothing {
		t.Error("a paused account is logged in to")
	}
	s.after(0, s.issue(false)).wantNext(lifecycle.ActPoll, 2*time.Second)
	s.after(2*time.Second, lifecycle.Granted{Mid: mid, Complete: true}).
		after(0, lifecycle.Proved{Verdict: ok(), Mid: mid, Uname: "example", ExpiresAt: s.now.Add(180 * 24 * time.Hour), Refreshable: true}).
		wantState(lifecycle.StateValid)
	s.pause(false)
	if got := s.a.Next(s.p).Action; got != lifecycle.ActCheck {
		t.Errorf("after the pause comes %s", got)
	}
}

// A login that the keeper began ends with the pause, and comes back after it.
func TestPausedDuringALogin(t *testing.T) {
	s := newStory(t).login().die()
	s.after(0, s.issue(true)).pause(true).wantState(lifecycle.StateNeedsLogin)
	if got := s.a.Next(s.p).Action; got != lifecycle.ActNothing {
		t.Errorf("next is %s", got)
	}
	if s.a.Incident.Attempts != 0 {
		t.Errorf("it counted as %d attempts", s.a.Incident.Attempts)
	}
	s.pause(false).wantNext(lifecycle.ActCode, 0)

	// One that was granted is seen through.
	s = newStory(t).login().die()
	s.after(0, s.issue(true)).after(2*time.Second, lifecycle.Granted{Mid: mid, Complete: true}).pause(true)
	if got := s.a.Next(s.p).Action; got != lifecycle.ActProve {
		t.Errorf("next is %s", got)
	}
}

// TestHourUsedUp: an account whose hour is used up is left alone until it has room again, not
// longer because the site did not answer before.
func TestHourUsedUp(t *testing.T) {
	s := newStory(t).login()
	for range 6 {
		s.after(time.Hour, lifecycle.Checked{Verdict: trouble(passport.Unreachable)})
	}
	v := lifecycle.Verdict{Class: passport.Blocked, AccountOnly: true, Unasked: true, RetryAfter: 20 * time.Minute}
	for range 3 {
		s.after(time.Minute, lifecycle.Checked{Verdict: v})
		if left := s.a.BlockedUntil.Sub(s.now); left != 20*time.Minute {
			t.Errorf("it is left alone for %v", left)
		}
	}
}
