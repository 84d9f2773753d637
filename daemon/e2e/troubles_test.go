//go:build unix

package e2e_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestTroubles: whatever the site does, short of denying the session, the
// account stays valid, its credential is handed out, nobody is sent a message,
// and the site is left alone until somebody insists.
func TestTroubles(t *testing.T) {
	t.Parallel()
	// The one that takes long, because it is about giving up, begins first.
	troubles := append([]passporttest.Trouble{passporttest.Hang}, passporttest.Troubles()...)
	var all sync.WaitGroup
	limit := make(chan struct{}, 5)
	for i, trouble := range troubles {
		if i > 0 && trouble == passporttest.Hang || i == 0 && testing.Short() {
			continue
		}
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			t.Run(string(trouble), func(t *testing.T) { trial(t, trouble) })
		})
	}
	all.Wait()
}

func trial(t *testing.T, trouble passporttest.Trouble) {
	s := newStage(t, nil)
	// So far apart that nothing is asked beside what the test asks for.
	s.configure(settings{schedule: "@every 1h"})
	s.start()
	s.login(mid)
	s.message(client.EventLoginSucceeded, 1)
	before := s.get()

	s.site.SetTrouble(passporttest.Any, trouble)
	asked := s.site.Requests(passporttest.Any)
	s.wantCode(6, "check", account)
	s.wantAsked(asked, 1)
	a := s.account()
	if a.State != client.StateValid || a.BlockedUntil == nil || a.Detail == "" || a.LastCheck == nil ||
		*a.LastCheck != client.CheckBlocked && *a.LastCheck != client.CheckUnreachable {
		t.Errorf("the trouble does not show in status: %+v", a)
	}
	r := s.wantCode(6, "check", account)
	if !strings.Contains(r.stdout, "not asked") || !strings.Contains(r.stderr, "hint: ") {
		t.Errorf("check does not say that it did not ask, or what to do: %s%s", r.stdout, r.stderr)
	}
	s.wantCode(6, "check")
	s.wantAsked(asked, 1)
	s.wantCode(6, s.insist(trouble)...)
	s.wantAsked(asked, 2)
	if s.get() != before {
		t.Error("the credential changed")
	}

	s.site.SetTrouble(passporttest.Any, passporttest.None)
	s.wantCode(0, "check", account, "--force")
	if a := s.account(); a.State != client.StateValid || a.BlockedUntil != nil || *a.LastCheck != client.CheckOK || a.Failures != 0 {
		t.Errorf("after the trouble: %+v", a)
	}
	s.wantCode(0, "check", account)
	if n := len(s.hooks.All()); n != 1 {
		t.Errorf("%d messages beyond the first login's", n-1)
	}
	s.stop()
}

func (s *stage) wantAsked(before, want int) {
	s.t.Helper()
	if n := s.site.Requests(passporttest.Any) - before; n != want {
		s.t.Errorf("the site was asked %d times, want %d", n, want)
	}
}

// insist is the forced check. A site that does not answer at all was waited for
// once; here the connection breaks as soon as the question has come.
func (s *stage) insist(trouble passporttest.Trouble) []string {
	s.front.breakNext.Store(trouble == passporttest.Hang)
	return []string{"check", account, "--force"}
}
