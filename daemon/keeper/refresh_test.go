package keeper_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	pathCorrespond = "/correspond/1/"
	pathRefresh    = "/x/passport-login/web/cookie/refresh"
	pathConfirm    = "/x/passport-login/web/confirm/refresh"
	pathLogout     = "/login/exit/v2"
)

// TestRefreshWhenTheSiteSaysSo: due at a check, rotated, confirmed, and only
// the new pair is left.
func TestRefreshWhenTheSiteSaysSo(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		old := h.SESSDATA()
		h.Site.Refresh.SetDue(mid, true)
		time.Sleep(8*time.Hour + time.Minute)
		a := h.Account("main")
		if a.Generation != 2 || a.PendingConfirm || !a.Refreshable || a.State != client.StateValid || a.RefreshedAt == nil {
			t.Errorf("after the refresh: %+v", a)
		}
		if h.Site.Alive(old) || !h.Site.Alive(h.SESSDATA()) {
			t.Error("the old pair should be dead and the new one alive")
		}
		h.WantRequests(pathRefresh, 1)
		h.WantRequests(pathConfirm, 1)
		if n := len(h.Events(client.EventRefreshed)); n != 1 {
			t.Errorf("told %d times", n)
		}
		time.Sleep(10 * 24 * time.Hour)
		h.WantRequests(pathRefresh, 1)
	})
}

// TestRefreshAtTheDeadline: the site never says that it is due.
func TestRefreshAtTheDeadline(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		time.Sleep(100 * 24 * time.Hour)
		h.WantRequests(pathRefresh, 0)
		time.Sleep(21 * 24 * time.Hour)
		h.WantRequests(pathRefresh, 1)
		if a := h.Account("main"); a.Generation != 2 {
			t.Errorf("after the deadline: %+v", a)
		}
		// A year later it still lives, without a person.
		time.Sleep(365 * 24 * time.Hour)
		h.WantState(client.StateValid)
		if !h.Site.Alive(h.SESSDATA()) {
			t.Error("the session died")
		}
	})
}

// TestNoRefreshOnAFailedCheck: at the deadline a check that got no answer says
// nothing of the site's clock, which the next step needs.
func TestNoRefreshOnAFailedCheck(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.SetTrouble(pathInfo, passporttest.HTTP502)
		time.Sleep(125 * 24 * time.Hour)
		for _, r := range h.Site.Log() {
			if strings.Contains(r.Path, "correspond") || r.Path == pathRefresh {
				t.Fatalf("%s was asked on a failed check", r.Path)
			}
		}
		h.Site.SetTrouble(pathInfo, passporttest.None)
		time.Sleep(24 * time.Hour)
		h.WantRequests(pathRefresh, 1)
	})
}

func TestRefreshOnlyWhenDue(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		if r := h.Refresh(false); r.Outcome != client.RefreshNotDue {
			t.Errorf("%+v", r)
		}
		h.WantRequests(pathRefresh, 0)
		if r := h.Refresh(true); r.Outcome != client.RefreshDone || r.Account.PendingConfirm {
			t.Errorf("%+v", r)
		}
		h.WantRequests(pathRefresh, 1)
	})
}

// TestCallersAtOnceShareOneRotation: the schedule and commands.
func TestCallersAtOnceShareOneRotation(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.Refresh.SetDue(mid, true)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				r, err := h.Keeper.Accounts().Refresh(context.Background(), "main", true)
				if err != nil || r.Outcome != client.RefreshDone || r.Account.Generation != 2 {
					t.Errorf("%+v, %v", r, err)
				}
			})
		}
		wg.Wait()
		h.WantRequests(pathRefresh, 1)
	})
}

// TestRefreshTroubles: thirty days in which a refresh is due and something
// fails all the time. The state stays, the credential works, and no hour sees
// more than six requests.
func TestRefreshTroubles(t *testing.T) {
	for _, path := range []string{pathCorrespond, pathRefresh, pathConfirm, pathNav} {
		for _, trouble := range refreshTroubles() {
			t.Run(path+" "+string(trouble), func(t *testing.T) {
				t.Parallel()
				keepertest.Run(t, nil, func(h *keepertest.Fixture) {
					h.Login("main", mid)
					time.Sleep(time.Hour)
					h.Site.ResetLog()
					h.Site.Refresh.SetDue(mid, true)
					h.Site.SetTrouble(path, trouble)
					time.Sleep(30 * 24 * time.Hour)
					if most := mostWithin(h, time.Hour); most > 6 {
						t.Errorf("%d requests within an hour", most)
					}
					h.WantState(client.StateValid)
					if !h.Site.Alive(h.SESSDATA()) {
						t.Error("what is handed out is dead")
					}
				})
			})
		}
	}
}

// mostWithin counts the requests that are not part of a login.
func mostWithin(h *keepertest.Fixture, window time.Duration) int {
	var times []time.Time
	for _, r := range h.Site.Log() {
		if r.Path != pathPoll && r.Path != pathGenerate {
			times = append(times, r.Time)
		}
	}
	most, begin := 0, 0
	for end := range times {
		for times[end].Sub(times[begin]) >= window {
			begin++
		}
		most = max(most, end-begin+1)
	}
	return most
}

func TestMismatchAsksForALoginEarly(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		before := h.SESSDATA()
		h.Site.SetTrouble(pathRefresh, passporttest.CodeTrouble(86095))
		r := h.Refresh(true)
		if r.Outcome != client.RefreshImpossible || r.Detail == "" {
			t.Errorf("%+v", r)
		}
		h.WantRequests(pathRefresh, 2)
		time.Sleep(time.Second)
		a := h.Account("main")
		if a.State != client.StateValid || a.Refreshable || a.Attention == "" || h.SESSDATA() != before {
			t.Errorf("%+v", a)
		}
		if n := len(h.Events(client.EventLoginRequired)); n != 1 {
			t.Errorf("a login was asked for %d times", n)
		}
		h.Site.SetTrouble(pathRefresh, passporttest.None)
		h.Scan(h.Code(), mid)
		time.Sleep(30 * time.Second)
		if a := h.Account("main"); a.Generation != 2 || !a.Refreshable || a.Attention != "" {
			t.Errorf("after the login: %+v", a)
		}
	})
}

// TestLostReplies: the site acts, and the reply is lost, at each request of the
// refresh, with both answers that it may give to an old token used twice.
func TestLostReplies(t *testing.T) {
	for _, reuse := range []passporttest.Reuse{passporttest.ReuseAllowed, passporttest.ReuseDenied} {
		for _, path := range []string{pathInfo, pathCorrespond, pathRefresh, pathConfirm, pathNav} {
			t.Run(string(reuse)+" "+path, func(t *testing.T) {
				t.Parallel()
				keepertest.Run(t, nil, func(h *keepertest.Fixture) {
					h.Login("main", mid)
					h.Site.Refresh.SetOldTokenReuse(reuse)
					h.Site.LoseReply(path, 1)
					h.Refresh(true)
					time.Sleep(48 * time.Hour)
					h.WantState(client.StateValid)
					a := h.Account("main")
					if !h.Site.Alive(h.SESSDATA()) || a.PendingConfirm {
						t.Errorf("%+v", a)
					}
					denied := path == pathRefresh && reuse == passporttest.ReuseDenied
					if denied == a.Refreshable || denied != (len(h.Events(client.EventLoginRequired)) == 1) {
						t.Errorf("denied %v: %+v", denied, a)
					}
					if !denied && path != pathConfirm && path != pathInfo && path != pathCorrespond && a.Generation < 2 {
						t.Errorf("generation %d", a.Generation)
					}
				})
			})
		}
	}
}

// TestClockAhead: the machine's clock is wrong; the site's own time is used.
func TestClockAhead(t *testing.T) {
	for _, offset := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		keepertest.Run(t, nil, func(h *keepertest.Fixture) {
			h.Login("main", mid)
			h.Site.SetClockOffset(offset)
			if r := h.Refresh(true); r.Outcome != client.RefreshDone {
				t.Errorf("the site's clock is %s away: %+v", offset, r)
			}
		})
	}
}

func TestEmptyPage(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.Refresh.EmptyPage(1)
		if r := h.Refresh(true); r.Outcome != client.RefreshFailed {
			t.Errorf("%+v", r)
		}
		h.WantRequests(pathRefresh, 0)
		h.WantState(client.StateValid)
		if r := h.Refresh(true); r.Outcome != client.RefreshDone {
			t.Errorf("%+v", r)
		}
	})
}

// TestHourlyRefreshes: commands in a loop, over a restart too.
func TestHourlyRefreshes(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		for i := range 20 {
			h.Refresh(true)
			if i%5 == 4 {
				h.Restart()
			}
		}
		h.WantRequests(pathRefresh, 6)
		time.Sleep(time.Hour)
		if r := h.Refresh(true); r.Outcome != client.RefreshDone {
			t.Errorf("%+v", r)
		}
	})
}

// TestReaderNeverGetsADeadOne reads all the time through many rotations: what
// it gets is alive then, and a second later it still is or a newer one is out.
func TestReaderNeverGetsADeadOne(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		c.Limits.RefreshesPerHour = 10000
		c.Limits.RequestsPerMinute = 600
	}, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		stop := make(chan struct{})
		read := make(chan int)
		go func() {
			n := 0
			defer func() { read <- n }()
			for {
				select {
				case <-stop:
					return
				case <-time.After(7 * time.Millisecond):
				}
				c, err := h.Keeper.Credentials().Get("main", false)
				if err != nil {
					t.Error(err)
					return
				}
				if !h.Site.Alive(c.Value("SESSDATA")) {
					t.Error("a dead credential was handed out")
					return
				}
				n++
			}
		}()
		for i := range manyRotations {
			if r := h.Refresh(true); r.Outcome != client.RefreshDone {
				t.Fatalf("rotation %d: %+v", i, r)
			}
		}
		close(stop)
		if n := <-read; n < manyRotations {
			t.Errorf("only %d reads", n)
		}
		if g := h.Account("main").Generation; g != manyRotations+1 {
			t.Errorf("generation %d", g)
		}
	})
}

func TestImport(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		lines := h.Site.Grant(mid)
		var pairs []string
		for _, line := range lines {
			pair, _, _ := strings.Cut(line, ";")
			pairs = append(pairs, pair)
		}
		header := strings.Join(pairs, "; ")
		r, err := h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "main", Data: header})
		if err != nil || r.Refreshable || r.Format != "header" || len(r.Notes) == 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		h.WantState(client.StateValid)
		if !h.Site.Alive(h.SESSDATA()) || *h.Account("main").Mid != mid {
			t.Error("what was imported is not what is handed out")
		}
		// Another person's login does not take its place.
		pairs = nil
		for _, line := range h.Site.Grant(stranger) {
			pair, _, _ := strings.Cut(line, ";")
			pairs = append(pairs, pair)
		}
		before := h.Header()
		_, err = h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "main", Data: strings.Join(pairs, "; ")})
		if !errors.Is(err, &client.Problem{Type: client.ProblemBadRequest}) || h.Header() != before {
			t.Errorf("a stranger's login: %v", err)
		}
		// A dead one is refused, and leaves no account behind.
		h.Site.Kill(mid)
		_, err = h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "other", Data: header})
		if !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
			t.Errorf("a dead login: %v", err)
		}
		if _, err := h.Keeper.Accounts().Get("other"); err == nil {
			t.Error("a refused import left an account behind")
		}
	})
}

func TestLogout(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		session := h.SESSDATA()
		h.Site.SetTrouble(pathLogout, passporttest.HTTP500)
		if _, err := h.Keeper.Accounts().Logout(context.Background(), "main"); !errors.Is(err, &client.Problem{Type: client.ProblemSiteAway}) {
			t.Errorf("while the site is away: %v", err)
		}
		h.WantState(client.StateValid)
		h.Site.SetTrouble(pathLogout, passporttest.None)
		if r, err := h.Keeper.Accounts().Logout(context.Background(), "main"); err != nil || !r.Ended || h.Site.Alive(session) {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := h.Keeper.Accounts().Get("main"); err == nil {
			t.Error("the account is still there")
		}
		h.Login("main", mid)
		h.Site.Kill(mid)
		if r, err := h.Keeper.Accounts().Logout(context.Background(), "main"); err != nil || r.Ended {
			t.Errorf("of a dead session: %+v, %v", r, err)
		}
	})
}
