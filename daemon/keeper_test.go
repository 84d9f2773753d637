package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/control"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	mid      = 100200300
	stranger = 400500600

	pathInfo     = "/x/passport-login/web/cookie/info"
	pathNav      = "/x/web-interface/nav"
	pathGenerate = "/x/passport-login/web/qrcode/generate"
	pathPoll     = "/x/passport-login/web/qrcode/poll"
)

// house is a keeper with a simulator of the site and a vault of its own, on
// the fake clock of a synctest bubble.
type house struct {
	t      *testing.T
	dir    string
	site   *passporttest.Site
	config config.Config
	vault  *vault.Vault
	keeper *Keeper
	stop   func()
}

// inHouse runs a test in a bubble with a house whose keeper runs.
func inHouse(t *testing.T, change func(c *config.Config), test func(h *house)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state") // made by the vault, with its own mode
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, dir: dir, site: passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(stranger, "somebody"))}
		h.config = config.Default()
		h.config.Check.Jitter = 0
		e := h.site.Endpoints("http://site.invalid")
		h.config.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
		if change != nil {
			change(&h.config)
		}
		h.start()
		defer func() { h.stop() }()
		test(h)
	})
}

func (h *house) start() {
	h.t.Helper()
	var err error
	h.vault, err = vault.Open(vault.Options{Path: filepath.Join(h.dir, "vault.db"), KeyFile: filepath.Join(h.dir, "vault.key")})
	if err != nil {
		h.t.Fatal(err)
	}
	h.keeper, err = NewKeeper(Parts{
		Vault: h.vault, Config: h.config, Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: h.site.Transport(), CorrespondKey: h.site.CorrespondKey()},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.keeper.Run(ctx) }()
	h.stop = func() {
		cancel()
		<-done
		if err := h.vault.Close(); err != nil {
			h.t.Error(err)
		}
	}
	synctest.Wait()
}

func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.start()
}

func (h *house) account(name string) client.Account {
	h.t.Helper()
	a, err := h.keeper.Account(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *house) wantState(want string) {
	h.t.Helper()
	if got := h.account("main"); got.State != want {
		h.t.Fatalf("main is %s (%s), want %s", got.State, got.Detail, want)
	}
}

// login logs an account in, as a person with the right phone would.
func (h *house) login(name string, mid int64) {
	h.t.Helper()
	l, err := h.keeper.StartLogin(context.Background(), client.LoginRequest{Account: name})
	if err != nil {
		h.t.Fatal(err)
	}
	h.scan(l.URL, mid)
	for range 60 {
		time.Sleep(time.Second)
		if h.account(name).State == client.StateValid {
			return
		}
	}
	if got := h.account(name); got.State != client.StateValid {
		h.t.Fatalf("after the login %s is %s", name, got.State)
	}
}

func (h *house) scan(url string, mid int64) {
	h.t.Helper()
	if err := errors.Join(h.site.Scan(url, mid), h.site.Confirm(url, mid)); err != nil {
		h.t.Fatal(err)
	}
}

// kill ends the session at the site and lets the keeper find out.
func (h *house) kill() {
	h.t.Helper()
	h.site.Kill(mid)
	time.Sleep(8*time.Hour + 2*time.Minute)
}

func (h *house) code() string {
	h.t.Helper()
	codes := h.site.Codes()
	if len(codes) == 0 {
		h.t.Fatal("no code is out")
	}
	return codes[len(codes)-1]
}

func (h *house) header() string {
	h.t.Helper()
	c, err := h.keeper.Credential("main", control.CredentialQuery{Format: "header", Stale: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(c.Body)
}

func (h *house) events(types ...string) []client.Event {
	h.t.Helper()
	all, err := h.keeper.Events(0, 100000)
	if err != nil {
		h.t.Fatal(err)
	}
	var list []client.Event
	for _, e := range all {
		for _, want := range types {
			if e.Type == want || strings.HasSuffix(want, ".") && strings.HasPrefix(e.Type, want) {
				list = append(list, e)
			}
		}
	}
	return list
}

func (h *house) wantRequests(path string, want int) {
	h.t.Helper()
	if got := h.site.Requests(path); got != want {
		h.t.Errorf("%d requests to %s, want %d", got, path, want)
	}
}

// TestMonthOfChecks counts what an account costs the site in 30 days.
func TestMonthOfChecks(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		h.site.ResetLog()
		time.Sleep(30 * 24 * time.Hour)
		h.wantRequests(pathInfo, 90)
		if all := len(h.site.Log()); all != 90 {
			t.Errorf("%d requests in all, want the 90 checks alone", all)
		}
	})
}

// TestCronSchedule: fields, a zone and the account's offset.
func TestCronSchedule(t *testing.T) {
	inHouse(t, func(c *config.Config) {
		c.Check.Schedule = "CRON_TZ=Asia/Shanghai 30 4 * * *"
		c.Check.Jitter = config.Duration(30 * time.Minute)
	}, func(h *house) {
		h.login("main", mid)
		h.site.ResetLog()
		var offset time.Duration
		for day := range 5 {
			next := *h.account("main").NextCheckAt
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
		h.wantRequests(pathInfo, 5)
	})
}

// TestTroubleAtTheSite: whatever the site does, short of denying the session,
// the account stays valid, nobody is told of a login, the back-off shows, and
// the site is asked ever less often.
func TestTroubleAtTheSite(t *testing.T) {
	for _, trouble := range passporttest.Troubles() {
		t.Run(string(trouble), func(t *testing.T) {
			t.Parallel()
			inHouse(t, nil, func(h *house) {
				h.login("main", mid)
				before := h.header()
				told := len(h.events("login."))
				h.site.ResetLog()
				h.site.SetTrouble("*", trouble)
				time.Sleep(8*time.Hour + time.Minute)
				a := h.account("main")
				if a.BlockedUntil == nil || a.LastCheck == nil || *a.LastCheck == client.CheckOK || *a.LastCheck == client.CheckDead || a.Detail == "" {
					t.Errorf("the trouble does not show: %+v", a)
				}
				time.Sleep(24 * time.Hour)
				h.wantState(client.StateValid)
				// A minute, doubling to an hour, makes 29 at most in a day.
				if n := len(h.site.Log()); n == 0 || n > 31 {
					t.Errorf("%d requests in a day of trouble", n)
				}
				if again := h.events("login."); len(again) != told {
					t.Errorf("a login was talked of: %v", again[told:])
				}
				if h.header() != before {
					t.Error("the credential changed")
				}
				h.site.SetTrouble("*", passporttest.None)
				time.Sleep(25 * time.Hour)
				if a := h.account("main"); *a.LastCheck != client.CheckOK || a.BlockedUntil != nil || a.Failures != 0 {
					t.Errorf("after the trouble: %+v", a)
				}
			})
		})
	}
}

// TestSiteBlocksAll: one account's 412 keeps the others from asking.
func TestSiteBlocksAll(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		h.login("second", stranger)
		h.site.ResetLog()
		h.site.SetTrouble("*", passporttest.HTTP412)
		r, err := h.keeper.Check(context.Background(), "main", false)
		if err != nil || r.Outcome != client.CheckBlocked || !r.Asked {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 10 {
			for _, name := range []string{"main", "second"} {
				if r, err = h.keeper.Check(context.Background(), name, false); err != nil || r.Outcome != client.CheckBlocked || r.Asked || r.Account.BlockedUntil == nil {
					t.Fatalf("%+v, %v", r, err)
				}
			}
		}
		if n := len(h.site.Log()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		h.restart()
		if r, _ = h.keeper.Check(context.Background(), "second", false); r.Asked {
			t.Error("a restart forgot that the site is to be left alone")
		}
		h.site.SetTrouble("*", passporttest.None)
		if r, err = h.keeper.Check(context.Background(), "second", true); err != nil || r.Outcome != client.CheckOK {
			t.Errorf("a person who insists is told %+v, %v", r, err)
		}
	})
}

// TestDeathAndRecovery: twice denied, a code by itself, the scan, the new cookie.
func TestDeathAndRecovery(t *testing.T) {
	for _, form := range []passporttest.Form{passporttest.FormHeaders, passporttest.FormBoth, passporttest.FormQuery, passporttest.FormHop} {
		t.Run(string(form), func(t *testing.T) {
			inHouse(t, nil, func(h *house) {
				h.site.SetForm(form)
				h.login("main", mid)
				old := h.header()
				h.kill()
				h.wantState(client.StateLoggingIn)
				if _, err := h.keeper.Credential("main", control.CredentialQuery{Format: "header"}); !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
					t.Errorf("a dead credential is given out: %v", err)
				}
				h.scan(h.code(), mid)
				time.Sleep(30 * time.Second)
				h.wantState(client.StateValid)
				if a := h.account("main"); a.Generation != 2 || *a.Mid != mid || a.Uname != "example" || a.ExpiresAt == nil {
					t.Errorf("after the recovery: %+v", a)
				}
				sessions := h.site.Sessions(mid)
				if h.header() == old || len(sessions) != 1 || !strings.Contains(h.header(), "SESSDATA="+sessions[0]+";") {
					t.Errorf("the credential is not the site's new one, byte for byte")
				}
				if !strings.Contains(h.header(), "buvid3=") {
					t.Error("the device identifier is missing")
				}
				if n := len(h.events(client.EventLoginRequired)); n != 1 {
					t.Errorf("the death was told %d times", n)
				}
			})
		})
	}
}

// TestNobodyScans counts the codes of three days: three at once, then again
// after one, six and twenty-four hours. Three codes take nine minutes.
func TestNobodyScans(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		h.site.ResetLog()
		h.kill()
		time.Sleep(20 * time.Minute)
		h.wantRequests(pathGenerate, 3)
		h.wantState(client.StateNeedsLogin)
		time.Sleep(time.Hour)
		h.wantRequests(pathGenerate, 6)
		time.Sleep(6*time.Hour + 10*time.Minute)
		h.wantRequests(pathGenerate, 9)
		time.Sleep(24*time.Hour + 10*time.Minute)
		h.wantRequests(pathGenerate, 12)
		time.Sleep(48*time.Hour + 20*time.Minute)
		h.wantRequests(pathGenerate, 18)
		// A code lives 180 s and is asked for every 2 s.
		if polls := h.site.Requests(pathPoll); polls > 18*91 {
			t.Errorf("%d polls for 18 codes", polls)
		}
		// A dead session is not asked about again and again.
		h.wantRequests(pathInfo, 1)
		h.wantRequests(pathNav, 1)
		if n := len(h.events(client.EventLoginRequired)); n != 1 {
			t.Errorf("the death was told %d times", n)
		}
	})
}

func TestStrangersScan(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		before := h.header()
		h.kill()
		h.scan(h.code(), stranger)
		time.Sleep(10 * time.Second)
		h.wantState(client.StateNeedsLogin)
		if h.header() != before || h.account("main").Generation != 1 || *h.account("main").Mid != mid {
			t.Error("a stranger's scan changed the account")
		}
		failed := h.events(client.EventLoginFailed)
		if len(failed) != 1 || !strings.Contains(string(failed[0].Data), client.ReasonWrongAccount) {
			t.Errorf("told: %v", failed)
		}
		h.login("main", mid)
	})
}

// TestOneLogin: later callers join the login in progress.
func TestOneLogin(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		first, err := h.keeper.StartLogin(context.Background(), client.LoginRequest{Account: "main"})
		if err != nil || first.Joined {
			t.Fatal(first, err)
		}
		for range 5 {
			l, err := h.keeper.StartLogin(context.Background(), client.LoginRequest{Account: "main"})
			if err != nil || !l.Joined || l.ID != first.ID || l.URL != first.URL {
				t.Fatalf("%+v, %v", l, err)
			}
		}
		h.wantRequests(pathGenerate, 1)
		if err := h.keeper.CancelLogin(context.Background(), first.ID); err != nil {
			t.Fatal(err)
		}
		l, err := h.keeper.Login(first.ID)
		if err != nil || l.State != client.LoginCancelled || l.URL != "" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestRestartGoesOn stops the keeper at each step of a login.
func TestRestartGoesOn(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		next := h.account("main").NextCheckAt
		time.Sleep(time.Hour)
		h.restart()
		if got := h.account("main").NextCheckAt; !got.Equal(*next) {
			t.Errorf("the next check moved from %s to %s", next, got)
		}
		h.site.Kill(mid)
		time.Sleep(7*time.Hour + 30*time.Second)
		h.restart() // between the two answers
		time.Sleep(2 * time.Minute)
		h.wantState(client.StateLoggingIn)
		code := h.code()
		h.restart() // with a code out
		if h.code() != code {
			t.Error("a code that still lived was replaced")
		}
		if err := h.site.Scan(code, mid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		h.restart() // scanned
		h.stop()
		if err := h.site.Confirm(code, mid); err != nil { // confirmed while nobody polls
			t.Fatal(err)
		}
		h.start()
		time.Sleep(5 * time.Second)
		h.wantState(client.StateValid)
		if n := len(h.events(client.EventLoginScanned)); n != 1 {
			t.Errorf("%d scans were told of, want the one that a poll saw", n)
		}
	})
}

// TestGrantSurvives: granted, then the site is away for a night and the keeper
// restarts.
func TestGrantSurvives(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		h.kill()
		h.site.SetTrouble(pathNav, passporttest.HTTP500)
		h.scan(h.code(), mid)
		time.Sleep(time.Minute)
		h.wantState(client.StateLoggingIn)
		for range 4 {
			time.Sleep(2 * time.Hour)
			h.restart()
		}
		h.site.SetTrouble(pathNav, passporttest.None)
		time.Sleep(2 * time.Hour)
		h.wantState(client.StateValid)
		h.wantRequests(pathGenerate, 2)
	})
}

// TestManyAccounts: a restart with everything overdue does not burst.
func TestManyAccounts(t *testing.T) {
	inHouse(t, func(c *config.Config) { c.Check.Jitter = config.Duration(30 * time.Minute) }, func(h *house) {
		const n = 40
		for i := range n {
			h.site.AddUser(int64(1000+i), fmt.Sprintf("user%d", i))
			h.login(fmt.Sprintf("a%d", i), int64(1000+i))
		}
		h.site.ResetLog()
		h.stop()
		time.Sleep(10 * time.Hour)
		h.start()
		time.Sleep(20 * time.Minute)
		h.wantRequests(pathInfo, n)
		if most := h.site.MostInWindow(time.Minute); most > 30 {
			t.Errorf("%d requests within a minute", most)
		}
	})
}

// TestForget removes the account, its secrets and its goroutine.
func TestForget(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		if err := h.keeper.Forget(context.Background(), "main"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.keeper.Account("main"); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
			t.Errorf("after forgetting: %v", err)
		}
		h.site.ResetLog()
		h.restart()
		time.Sleep(48 * time.Hour)
		if n := len(h.site.Log()); n != 0 {
			t.Errorf("%d requests for a forgotten account", n)
		}
		if len(h.keeper.Status().Accounts) != 0 {
			t.Error("it came back")
		}
	})
}

// TestCheckWaitsForTheSecondAnswer: a caller is told what is sure.
func TestCheckWaitsForTheSecondAnswer(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.login("main", mid)
		h.site.Kill(mid)
		began := time.Now()
		r, err := h.keeper.Check(context.Background(), "main", false)
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
