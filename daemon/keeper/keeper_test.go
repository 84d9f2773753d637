package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid      = keepertest.Mid
	stranger = keepertest.Stranger

	pathInfo     = "/x/passport-login/web/cookie/info"
	pathNav      = "/x/web-interface/nav"
	pathGenerate = "/x/passport-login/web/qrcode/generate"
	pathPoll     = "/x/passport-login/web/qrcode/poll"
)

// TestMonthOfChecks counts what an account costs the site in 30 days.
func TestMonthOfChecks(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		time.Sleep(time.Second) // so that no check is due at the very end
		h.Site.ResetLog()
		time.Sleep(30 * 24 * time.Hour)
		h.WantRequests(pathInfo, 90)
		if all := len(h.Site.Log()); all != 90 {
			t.Errorf("%d requests in all, want the 90 checks alone", all)
		}
	})
}

// TestCronSchedule: fields, a zone and the account's offset.
func TestCronSchedule(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		c.Check.Schedule = "CRON_TZ=Asia/Shanghai 30 4 * * *"
		c.Check.Jitter = config.Duration(30 * time.Minute)
	}, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.ResetLog()
		var offset time.Duration
		for day := range 5 {
			next := *h.Account("main").NextCheckAt
			planned := time.Date(next.Year(), next.Month(), next.Day(), 20, 30, 0, 0, time.UTC)
			if day == 0 {
				offset = next.Sub(planned)
				if offset < 0 || offset >= 30*time.Minute {
					t.Fatalf("the offset is %s", offset)
				}
			}
			if next.Sub(planned) != offset {
				t.Errorf("day %d: the offset is %s, was %s", day, next.Sub(planned), offset)
			}
			time.Sleep(24 * time.Hour)
		}
		h.WantRequests(pathInfo, 5)
	})
}

// TestTroubleAtTheSite: whatever the site does, short of denying the session,
// the account stays valid, nobody is told of a login, the back-off shows, and
// the site is asked ever less often.
func TestTroubleAtTheSite(t *testing.T) {
	for _, trouble := range passporttest.Troubles() {
		t.Run(string(trouble), func(t *testing.T) {
			t.Parallel()
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Login("main", mid)
				before := h.Header()
				told := len(h.Events("login."))
				h.Site.ResetLog()
				h.Site.SetTrouble("*", trouble)
				time.Sleep(8*time.Hour + time.Minute)
				a := h.Account("main")
				if a.BlockedUntil == nil || a.LastCheck == nil || *a.LastCheck == client.CheckOK || *a.LastCheck == client.CheckDead || a.Detail == "" {
					t.Errorf("the trouble does not show: %+v", a)
				}
				time.Sleep(24 * time.Hour)
				h.WantState(client.StateValid)
				// A minute, doubling to an hour, makes 29 at most in a day.
				if n := len(h.Site.Log()); n == 0 || n > 31 {
					t.Errorf("%d requests in a day of trouble", n)
				}
				if again := h.Events("login."); len(again) != told {
					t.Errorf("a login was talked of: %v", again[told:])
				}
				if h.Header() != before {
					t.Error("the credential changed")
				}
				h.Site.SetTrouble("*", passporttest.None)
				time.Sleep(25 * time.Hour)
				if a := h.Account("main"); *a.LastCheck != client.CheckOK || a.BlockedUntil != nil || a.Failures != 0 {
					t.Errorf("after the trouble: %+v", a)
				}
			})
		})
	}
}

// TestSiteBlocksAll: one account's 412 keeps the others from asking.
func TestSiteBlocksAll(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Login("second", stranger)
		h.Site.ResetLog()
		h.Site.SetTrouble("*", passporttest.HTTP412)
		r, err := h.Keeper.Accounts().Check(context.Background(), "main", false)
		if err != nil || r.Outcome != client.CheckBlocked || !r.Asked {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 10 {
			for _, name := range []string{"main", "second"} {
				if r, err = h.Keeper.Accounts().Check(context.Background(), name, false); err != nil || r.Outcome != client.CheckBlocked || r.Asked || r.Account.BlockedUntil == nil {
					t.Fatalf("%+v, %v", r, err)
				}
			}
		}
		if n := len(h.Site.Log()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		h.Restart()
		if r, _ = h.Keeper.Accounts().Check(context.Background(), "second", false); r.Asked {
			t.Error("a restart forgot that the site is to be left alone")
		}
		h.Site.SetTrouble("*", passporttest.None)
		if r, err = h.Keeper.Accounts().Check(context.Background(), "second", true); err != nil || r.Outcome != client.CheckOK {
			t.Errorf("a person who insists is told %+v, %v", r, err)
		}
	})
}

// TestDeathAndRecovery: twice denied, a code by itself, the scan, the new cookie.
func TestDeathAndRecovery(t *testing.T) {
	for _, form := range []passporttest.Form{passporttest.FormHeaders, passporttest.FormBoth, passporttest.FormQuery, passporttest.FormHop} {
		t.Run(string(form), func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Site.QR.SetForm(form)
				h.Login("main", mid)
				old := h.Header()
				h.Kill()
				h.WantState(client.StateLoggingIn)
				if _, err := h.Keeper.Credentials().Get("main", false); !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
					t.Errorf("a dead credential is given out: %v", err)
				}
				h.Scan(h.Code(), mid)
				time.Sleep(30 * time.Second)
				h.WantState(client.StateValid)
				if a := h.Account("main"); a.Generation != 2 || *a.Mid != mid || a.Uname != "example" || a.ExpiresAt == nil {
					t.Errorf("after the recovery: %+v", a)
				}
				sessions := h.Site.Sessions(mid)
				if h.Header() == old || len(sessions) != 1 || !strings.Contains(h.Header(), "SESSDATA="+sessions[0]+";") {
					t.Errorf("the credential is not the site's new one, byte for byte")
				}
				if !strings.Contains(h.Header(), "buvid3=") {
					t.Error("the device identifier is missing")
				}
				if n := len(h.Events(client.EventLoginRequired)); n != 1 {
					t.Errorf("the death was told %d times", n)
				}
			})
		})
	}
}

// TestNobodyScans counts the codes of three days: three at once, then again
// after one, six and twenty-four hours. Three codes take nine minutes.
func TestNobodyScans(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.ResetLog()
		h.Kill()
		time.Sleep(20 * time.Minute)
		h.WantRequests(pathGenerate, 3)
		h.WantState(client.StateNeedsLogin)
		time.Sleep(time.Hour)
		h.WantRequests(pathGenerate, 6)
		time.Sleep(6*time.Hour + 10*time.Minute)
		h.WantRequests(pathGenerate, 9)
		time.Sleep(24*time.Hour + 10*time.Minute)
		h.WantRequests(pathGenerate, 12)
		time.Sleep(48*time.Hour + 20*time.Minute)
		h.WantRequests(pathGenerate, 18)
		// A code lives 180 s and is asked for every 2 s.
		if polls := h.Site.Requests(pathPoll); polls > 18*91 {
			t.Errorf("%d polls for 18 codes", polls)
		}
		// A dead session is not asked about again and again.
		h.WantRequests(pathInfo, 1)
		h.WantRequests(pathNav, 1)
		if n := len(h.Events(client.EventLoginRequired)); n != 1 {
			t.Errorf("the death was told %d times", n)
		}
	})
}

func TestStrangersScan(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		before := h.Header()
		h.Kill()
		h.Scan(h.Code(), stranger)
		time.Sleep(10 * time.Second)
		h.WantState(client.StateNeedsLogin)
		if h.Header() != before || h.Account("main").Generation != 1 || *h.Account("main").Mid != mid {
			t.Error("a stranger's scan changed the account")
		}
		failed := h.Events(client.EventLoginFailed)
		if len(failed) != 1 || !strings.Contains(string(failed[0].Data), client.ReasonWrongAccount) {
			t.Errorf("told: %v", failed)
		}
		h.Login("main", mid)
	})
}

// TestOneLogin: later callers join the login in progress.
func TestOneLogin(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		first, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
		if err != nil || first.Joined {
			t.Fatal(first, err)
		}
		for range 5 {
			l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
			if err != nil || !l.Joined || l.ID != first.ID || l.URL != first.URL {
				t.Fatalf("%+v, %v", l, err)
			}
		}
		h.WantRequests(pathGenerate, 1)
		if err := h.Keeper.Logins().Cancel(context.Background(), first.ID); err != nil {
			t.Fatal(err)
		}
		l, err := h.Keeper.Logins().Get(first.ID)
		if err != nil || l.State != client.LoginCancelled || l.URL != "" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestRestartGoesOn stops the keeper at each step of a login.
func TestRestartGoesOn(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		next := h.Account("main").NextCheckAt
		time.Sleep(time.Hour)
		h.Restart()
		if got := h.Account("main").NextCheckAt; !got.Equal(*next) {
			t.Errorf("the next check moved from %s to %s", next, got)
		}
		h.Site.Kill(mid)
		time.Sleep(7*time.Hour + 30*time.Second)
		h.Restart() // between the two answers
		time.Sleep(2 * time.Minute)
		h.WantState(client.StateLoggingIn)
		code := h.Code()
		h.Restart() // with a code out
		if h.Code() != code {
			t.Error("a code that still lived was replaced")
		}
		if err := h.Site.QR.Scan(code, mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		h.Restart() // scanned
		h.Stop()
		if err := h.Site.QR.Confirm(code, mid); err != nil { // confirmed while nobody polls
			t.Fatal(err)
		}
		h.Start()
		time.Sleep(5 * time.Second)
		h.WantState(client.StateValid)
		if n := len(h.Events(client.EventLoginScanned)); n != 1 {
			t.Errorf("%d scans were told of, want the one that a poll saw", n)
		}
	})
}

// TestGrantSurvives: granted, then the site is away for a night and the keeper
// restarts.
func TestGrantSurvives(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Kill()
		h.Site.SetTrouble(pathNav, passporttest.HTTP500)
		h.Scan(h.Code(), mid)
		time.Sleep(time.Minute)
		h.WantState(client.StateLoggingIn)
		for range 4 {
			time.Sleep(2 * time.Hour)
			h.Restart()
		}
		h.Site.SetTrouble(pathNav, passporttest.None)
		time.Sleep(2 * time.Hour)
		h.WantState(client.StateValid)
		h.WantRequests(pathGenerate, 2)
	})
}

// TestManyAccounts: a restart with everything overdue does not burst.
func TestManyAccounts(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) { c.Check.Jitter = config.Duration(30 * time.Minute) }, func(h *keepertest.Fixture) {
		const n = 40
		for i := range n {
			h.Site.AddUser(int64(1000+i), fmt.Sprintf("user%d", i))
			h.Login(fmt.Sprintf("a%d", i), int64(1000+i))
		}
		h.Site.ResetLog()
		h.Stop()
		time.Sleep(10 * time.Hour)
		h.Start()
		time.Sleep(20 * time.Minute)
		h.WantRequests(pathInfo, n)
		if most := h.Site.MostInWindow(time.Minute); most > 30 {
			t.Errorf("%d requests within a minute", most)
		}
	})
}

// TestForget removes the account, its secrets and its goroutine.
func TestForget(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		if err := h.Keeper.Accounts().Forget(context.Background(), "main"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Keeper.Accounts().Get("main"); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
			t.Errorf("after forgetting: %v", err)
		}
		h.Site.ResetLog()
		h.Restart()
		time.Sleep(48 * time.Hour)
		if n := len(h.Site.Log()); n != 0 {
			t.Errorf("%d requests for a forgotten account", n)
		}
		if len(h.Keeper.Accounts().Status().Accounts) != 0 {
			t.Error("it came back")
		}
	})
}

// TestCheckWaitsForTheSecondAnswer: a caller is told what is sure.
func TestCheckWaitsForTheSecondAnswer(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Site.Kill(mid)
		began := time.Now()
		r, err := h.Keeper.Accounts().Check(context.Background(), "main", false)
		if err != nil || r.Outcome != client.CheckDead {
			t.Fatalf("%+v, %v", r, err)
		}
		if waited := time.Since(began); waited < time.Minute || waited > 2*time.Minute {
			t.Errorf("it took %s", waited)
		}
		if r.Account.State != client.StateLoggingIn && r.Account.State != client.StateNeedsLogin {
			t.Errorf("state %s", r.Account.State)
		}
	})
}

// TestChecksThatChangeNothing: a month of them is one entry of the journal, while the
// status has the time of the last; what puts an end to the calm is told, and the calm
// after it.
func TestChecksThatChangeNothing(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		time.Sleep(30 * 24 * time.Hour)
		if n := len(h.Events(client.EventCheckOK)); n != 1 {
			t.Errorf("%d events of a month of checks", n)
		}
		if n := h.Keeper.Accounts().Unchanged(); n < 80 {
			t.Errorf("%d checks that changed nothing", n)
		}
		if a := h.Account("main"); a.CheckedAt == nil || time.Since(*a.CheckedAt) > 9*time.Hour {
			t.Errorf("checked at %v", a.CheckedAt)
		}
		h.Site.SetTrouble(pathInfo, passporttest.HTTP502)
		time.Sleep(9 * time.Hour)
		h.Site.SetTrouble(pathInfo, "")
		time.Sleep(24 * time.Hour)
		if n := len(h.Events(client.EventCheckOK)); n != 2 {
			t.Errorf("%d events after the site was away", n)
		}
		before := h.Account("main")
		h.Restart()
		if a := h.Account("main"); !a.CheckedAt.Equal(*before.CheckedAt) {
			t.Errorf("checked at %v, after a restart %v", before.CheckedAt, a.CheckedAt)
		}
	})
}
