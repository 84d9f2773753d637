package account_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestRefreshWhenTheSiteSaysSo: due at a check, rotated, confirmed, and only
// the new pair is left.
func TestRefreshWhenTheSiteSaysSo(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		old := h.sessdata()
		h.site.Refresh.SetDue(mid, true)
		time.Sleep(8*time.Hour + time.Minute)
		if r := h.is(); r.Generation != 2 || r.Confirm != nil || !r.Refreshable || r.Base != lifecycle.BaseValid || r.RefreshedAt.IsZero() {
			t.Errorf("after the refresh: %+v", r)
		}
		if h.site.Alive(old) || !h.site.Alive(h.sessdata()) {
			t.Error("the old pair should be dead and the new one alive")
		}
		h.wantRequests(passporttest.PathRefresh, 1)
		h.wantRequests(passporttest.PathConfirm, 1)
		h.wantEvents(client.EventRefreshed, 1)
		time.Sleep(10 * 24 * time.Hour)
		h.wantRequests(passporttest.PathRefresh, 1)
	})
}

// TestRefreshAtTheDeadline: the site never says that it is due.
func TestRefreshAtTheDeadline(t *testing.T) {
	run(t, func(o *options) { o.plan = "@every 24h" }, func(h *fixture) {
		h.logIn()
		time.Sleep(100 * 24 * time.Hour)
		h.wantRequests(passporttest.PathRefresh, 0)
		time.Sleep(21 * 24 * time.Hour)
		h.wantRequests(passporttest.PathRefresh, 1)
		if r := h.is(); r.Generation != 2 {
			t.Errorf("after the deadline: %+v", r)
		}
		// A year later it still lives, without a person.
		time.Sleep(365 * 24 * time.Hour)
		h.wantState(lifecycle.StateValid)
		if !h.site.Alive(h.sessdata()) {
			t.Error("the session died")
		}
	})
}

// TestNoRefreshOnAFailedCheck: at the deadline a check that got no answer says
// nothing of the site's clock, which the next step needs.
func TestNoRefreshOnAFailedCheck(t *testing.T) {
	run(t, func(o *options) { o.plan = "@every 24h" }, func(h *fixture) {
		h.logIn()
		time.Sleep(115 * 24 * time.Hour)
		h.site.SetTrouble(passporttest.PathCookieInfo, passporttest.HTTP502)
		time.Sleep(10 * 24 * time.Hour)
		h.wantRequests(passporttest.PathCorrespond, 0)
		h.wantRequests(passporttest.PathRefresh, 0)
		h.site.SetTrouble(passporttest.PathCookieInfo, passporttest.None)
		time.Sleep(24 * time.Hour)
		h.wantRequests(passporttest.PathRefresh, 1)
	})
}

// TestRefreshOnlyWhenDue: a caller who does not insist leaves it to the site.
func TestRefreshOnlyWhenDue(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		if outcome, _ := h.refresh(false); outcome != client.RefreshNotDue {
			t.Error(outcome)
		}
		h.wantRequests(passporttest.PathRefresh, 0)
		if outcome, _ := h.refresh(true); outcome != client.RefreshDone || h.is().Confirm != nil {
			t.Errorf("%s, %+v", outcome, h.is())
		}
		h.wantRequests(passporttest.PathRefresh, 1)
	})
}

// TestCallersAtOnceShareOneRotation: those who come while one is under way, before
// its first request has an answer and while its confirmation is awaited.
func TestCallersAtOnceShareOneRotation(t *testing.T) {
	for name, late := range map[string]bool{"at its beginning": false, "before it is confirmed": true} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				let := h.wire.hold(passporttest.PathCookieInfo)
				var callers sync.WaitGroup
				call := func() {
					callers.Go(func() {
						r, rotated, err := account.Rotation{Worker: h.w}.Now(context.Background(), true)
						if err != nil || !rotated || r.Generation != 2 || r.Confirm != nil {
							t.Errorf("%+v, %v, %v", r, rotated, err)
						}
					})
					synctest.Wait()
				}
				call()
				if late {
					let()
					synctest.Wait()
					if r := h.is(); r.Generation != 2 || r.Confirm == nil {
						t.Errorf("it should wait to be confirmed: %+v", r)
					}
				}
				for range 7 {
					call()
				}
				if !late {
					let()
				}
				callers.Wait()
				h.wantRequests(passporttest.PathRefresh, 1)
				h.wantRequests(passporttest.PathConfirm, 1)
			})
		})
	}
}

// TestRefreshTroubles: days in which a refresh is due and something
// fails all the time. The state stays, the credential works, and no hour sees
// more than six requests.
func TestRefreshTroubles(t *testing.T) {
	for _, path := range []string{passporttest.PathCorrespond, passporttest.PathRefresh, passporttest.PathConfirm, passporttest.PathNav} {
		for _, trouble := range refreshTroubles() {
			t.Run(path+" "+string(trouble), func(t *testing.T) {
				t.Parallel()
				run(t, nil, func(h *fixture) {
					h.logIn()
					time.Sleep(time.Hour)
					h.site.ResetLog()
					h.site.Refresh.SetDue(mid, true)
					h.site.SetTrouble(path, trouble)
					time.Sleep(troubledDays * 24 * time.Hour)
					if most := h.mostWithin(time.Hour); most > 6 {
						t.Errorf("%d requests within an hour", most)
					}
					h.wantState(lifecycle.StateValid)
					if !h.site.Alive(h.sessdata()) {
						t.Error("what is handed out is dead")
					}
				})
			})
		}
	}
}

// TestCannotBeRefreshed: refusals after which a credential is served while it lives,
// and a login is asked for before it does not.
func TestCannotBeRefreshed(t *testing.T) {
	for name, c := range map[string]struct {
		code, asked int
	}{
		"the token does not belong to the cookie":      {86095, 2}, // once may be the page's fault
		"the csrf token does not belong to the cookie": {-111, 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				before := h.sessdata()
				h.site.SetTrouble(passporttest.PathRefresh, passporttest.CodeTrouble(c.code))
				if outcome, detail := h.refresh(true); outcome != client.RefreshImpossible || detail == "" {
					t.Errorf("%s, %q", outcome, detail)
				}
				h.wantRequests(passporttest.PathRefresh, c.asked)
				time.Sleep(10 * time.Second)
				if r := h.is(); r.Base != lifecycle.BaseValid || r.Refreshable || r.Attention == "" || h.sessdata() != before {
					t.Errorf("%+v", r)
				}
				h.wantEvents(client.EventLoginRequired, 1)
				h.site.SetTrouble(passporttest.PathRefresh, passporttest.None)
				h.scan(h.code(), mid)
				time.Sleep(30 * time.Second)
				if r := h.is(); r.Generation != 2 || !r.Refreshable || r.Attention != "" {
					t.Errorf("after the login: %+v", r)
				}
			})
		})
	}
}

// TestLostReplies: the site acts, and the reply is lost, at each request of the
// refresh, with both answers that it may give to an old token used twice.
func TestLostReplies(t *testing.T) {
	for _, reuse := range []passporttest.Reuse{passporttest.ReuseAllowed, passporttest.ReuseDenied} {
		for _, path := range []string{passporttest.PathCookieInfo, passporttest.PathCorrespond, passporttest.PathRefresh, passporttest.PathConfirm, passporttest.PathNav} {
			t.Run(string(reuse)+" "+path, func(t *testing.T) {
				t.Parallel()
				run(t, nil, func(h *fixture) {
					h.logIn()
					h.site.Refresh.SetOldTokenReuse(reuse)
					h.site.LoseReply(path, 1)
					h.refresh(true)
					time.Sleep(48 * time.Hour)
					h.wantState(lifecycle.StateValid)
					r := h.is()
					if !h.site.Alive(h.sessdata()) || r.Confirm != nil {
						t.Errorf("%+v", r)
					}
					denied := path == passporttest.PathRefresh && reuse == passporttest.ReuseDenied
					if denied == r.Refreshable || denied != (len(h.events(client.EventLoginRequired)) == 1) {
						t.Errorf("denied %v: %+v", denied, r)
					}
					if spent := path == passporttest.PathRefresh || path == passporttest.PathNav; spent && !denied && r.Generation < 2 {
						t.Errorf("generation %d", r.Generation)
					}
				})
			})
		}
	}
}

// TestClockAhead: the machine's clock is wrong; the site's own time is used.
func TestClockAhead(t *testing.T) {
	for _, offset := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		run(t, nil, func(h *fixture) {
			h.logIn()
			h.site.SetClockOffset(offset)
			if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
				t.Errorf("the site's clock is %s away: %s, %s", offset, outcome, detail)
			}
		})
	}
}

// TestEmptyPage: the page that authorises a refresh comes without the code.
func TestEmptyPage(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.Refresh.EmptyPage(1)
		if outcome, detail := h.refresh(true); outcome != client.RefreshFailed {
			t.Errorf("%s, %s", outcome, detail)
		}
		h.wantRequests(passporttest.PathRefresh, 0)
		h.wantState(lifecycle.StateValid)
		if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
			t.Errorf("%s, %s", outcome, detail)
		}
	})
}

// TestThePathIsRefusedOnce: the site's clock is put right between its word and the
// page; the way is gone once more with its new word.
func TestThePathIsRefusedOnce(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.SetClockOffset(time.Hour)
		var once sync.Once
		h.wire.watch(func(r *http.Request) {
			if strings.HasPrefix(r.URL.Path, passporttest.PathCorrespond) {
				once.Do(func() { h.site.SetClockOffset(0) })
			}
		}, nil)
		if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
			t.Errorf("%s, %s", outcome, detail)
		}
		h.wantRequests(passporttest.PathCorrespond, 2)
		h.wantRequests(passporttest.PathRefresh, 1)
	})
}

// TestHourlyRefreshes: commands in a loop, over a restart and a crash too. The budget
// is charged on the disk before the request leaves.
func TestHourlyRefreshes(t *testing.T) {
	run(t, func(o *options) { o.perMinute = 600 }, func(h *fixture) {
		h.logIn()
		charged := 0
		watch := func() {
			s := h.store
			h.wire.watch(func(r *http.Request) {
				if r.URL.Path != passporttest.PathRefresh {
					return
				}
				charged++
				if r, err := s.Record("main"); err != nil || len(r.RefreshLog) != charged {
					t.Errorf("request %d left with %+v, %v", charged, r, err)
				}
			}, nil)
		}
		watch()
		for i := range 20 {
			h.refresh(true)
			switch i % 6 {
			case 2:
				h.restart()
				watch()
			case 5:
				h.crash()
				h.fromThere()
				watch()
			}
		}
		h.wantRequests(passporttest.PathRefresh, 6)
		h.wire.watch(nil, nil)
		// What the budget refuses makes no pause shorter that the site asked for.
		h.site.SetTroubleFor(passporttest.PathCookieInfo, passporttest.Code352, 1)
		until := h.check(true).BlockedUntil
		if h.refresh(true); until.Before(time.Now().Add(time.Hour)) || !h.is().BlockedUntil.Equal(until) {
			t.Errorf("left alone until %s, then until %s", until, h.is().BlockedUntil)
		}
		time.Sleep(time.Hour)
		if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
			t.Errorf("%s, %s", outcome, detail)
		}
	})
}

// TestReaderNeverGetsADeadOne reads all the time through many rotations: what
// it gets is on the disk and alive, until a second after a newer one is out.
func TestReaderNeverGetsADeadOne(t *testing.T) {
	run(t, func(o *options) { o.perMinute, o.settings.RefreshesPerHour = 600, 10000 }, func(h *fixture) {
		h.logIn()
		stop, read := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			defer func() { read <- n }()
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				generation := h.is().Generation
				if !h.site.Alive(h.sessdata()) {
					t.Error("a dead credential was handed out")
					return
				}
				if r, err := h.store.Record("main"); err != nil || r.Generation < generation {
					t.Errorf("%d was shown before it was on the disk, %v", generation, err)
					return
				}
				n++
			}
		}()
		for i := range manyRotations {
			if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
				t.Errorf("rotation %d: %s, %s", i, outcome, detail)
				break
			}
		}
		close(stop)
		if n := <-read; n < manyRotations {
			t.Errorf("only %d reads", n)
		}
		if g := h.is().Generation; g != manyRotations+1 {
			t.Errorf("generation %d", g)
		}
	})
}
