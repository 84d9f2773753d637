package keeper_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// What those who ask are answered by each operation. What is done for an account is
// tested with its worker.

// TestAnswersWhileAGrantWaits: a login that the site granted, and of which it does not
// say yet whose it is.
func TestAnswersWhileAGrantWaits(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		ctx := context.Background()
		l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main"})
		if err != nil {
			t.Fatal(err)
		}
		h.Site.SetTrouble(pathNav, passporttest.Code799)
		h.Scan(l.URL, mid)
		time.Sleep(20 * time.Second)
		l, err = h.Keeper.Logins().Get(l.ID)
		if err != nil || !l.Granted || l.State != client.LoginVerifying || l.RetryAt == nil || !l.RetryAt.After(time.Now()) {
			t.Errorf("the login is %+v, %v", l, err)
		}
		if a := h.Account("main"); !strings.Contains(a.Attention, "granted and is saved") || a.Next == nil || a.Next.Action != "login_verify" {
			t.Errorf("the status is %+v", a)
		}
		_, err = h.Keeper.Credentials().Get("main", false)
		if !errors.Is(err, &client.Problem{Type: client.ProblemSiteAway}) || !strings.Contains(err.Error(), "granted") {
			t.Errorf("get: %v", err)
		}
		before := len(h.Site.Log())
		r, err := h.Keeper.Accounts().Check(ctx, "main", false)
		if err != nil || r.Asked || r.Outcome != client.CheckBlocked || !strings.Contains(r.Detail, "asked again at") {
			t.Errorf("check: %+v, %v", r, err)
		}
		if len(h.Site.Log()) != before {
			t.Error("a check asked the site that is to be left alone")
		}
		if r, err = h.Keeper.Accounts().Check(ctx, "main", true); err != nil || !r.Asked || r.Outcome != client.CheckBlocked {
			t.Errorf("check --force, in vain: %+v, %v", r, err)
		}
		h.Site.SetTrouble(pathNav, passporttest.None)
		if r, err = h.Keeper.Accounts().Check(ctx, "main", true); err != nil || r.Outcome != client.CheckOK || !r.Asked {
			t.Errorf("check --force: %+v, %v", r, err)
		}
	})
	keepertest.Run(t, nil, func(h *keepertest.Fixture) { // it is somebody else's
		h.Login("main", mid)
		h.Kill()
		h.Site.SetTrouble(pathNav, passporttest.HTTP502)
		h.Scan(h.Code(), mid)
		time.Sleep(5 * time.Second)
		h.Site.SetTrouble(pathNav, passporttest.CodeTrouble(-101))
		for range 2 {
			_, err := h.Keeper.Accounts().Check(context.Background(), "main", true)
			if err != nil && !errors.Is(err, &client.Problem{Type: client.ProblemNeedsLogin}) {
				t.Errorf("%v", err)
			}
		}
		h.WantState(client.StateNeedsLogin)
	})
}

// TestAnswersOfADeadAccount: its credential is given to those only who want it all the
// same, and nobody rotates it.
func TestAnswersOfADeadAccount(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		h.Kill()
		needs := &client.Problem{Type: client.ProblemNeedsLogin}
		if _, err := h.Keeper.Credentials().Get("main", false); !errors.Is(err, needs) {
			t.Errorf("a dead credential is given out: %v", err)
		}
		if c, err := h.Keeper.Credentials().Get("main", true); err != nil || c.Alive {
			t.Errorf("as it is: %+v, %v", c, err)
		}
		if _, err := h.Keeper.Accounts().Refresh(context.Background(), "main", true); !errors.Is(err, needs) {
			t.Errorf("refresh: %v", err)
		}
		if r, err := h.Keeper.Accounts().Logout(context.Background(), "main"); err != nil || r.Ended {
			t.Errorf("logout: %+v, %v", r, err)
		}
		if _, err := h.Keeper.Accounts().Get("main"); !errors.Is(err, &client.Problem{Type: client.ProblemNoAccount}) {
			t.Errorf("after the logout: %v", err)
		}
	})
}

// TestAnswersOfARefresh: not due, done, and while the site is to be left alone.
func TestAnswersOfARefresh(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		if r := h.Refresh(false); r.Outcome != client.RefreshNotDue || r.Detail == "" {
			t.Errorf("%+v", r)
		}
		if r := h.Refresh(true); r.Outcome != client.RefreshDone || r.Account.Generation != 2 || r.Account.PendingConfirm {
			t.Errorf("%+v", r)
		}
		h.Site.SetTrouble(pathInfo, passporttest.HTTP412)
		for _, asked := range []int{1, 0} {
			before := h.Site.Requests(pathInfo)
			if r := h.Refresh(false); r.Outcome != client.RefreshFailed || r.Detail == "" {
				t.Errorf("%+v", r)
			}
			h.WantRequests(pathInfo, before+asked)
		}
		h.WantRequests(passporttest.PathRefresh, 1)
	})
}

// TestAnswersOfALoginBySMS: each step, and the address of a further verification.
func TestAnswersOfALoginBySMS(t *testing.T) {
	for name, verify := range map[string]int{"granted": 0, "a further verification": 2} {
		t.Run(name, func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				ctx := context.Background()
				h.Site.SMS.AddPhone(mid, keepertest.Phone)
				h.Site.SMS.SetVerification(mid, verify)
				l, err := h.SMSLogin()
				if err != nil || l.State != client.LoginSMSSent {
					t.Fatalf("%+v, %v", l, err)
				}
				if _, err := h.Keeper.Logins().SendSMS(ctx, l.ID, client.SMSSend{Phone: keepertest.Phone}); !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
					t.Errorf("without a captcha: %v", err)
				}
				if _, err := h.Keeper.Logins().SubmitSMS(ctx, l.ID, client.SMSCode{Code: "000000"}); !errors.Is(err, &client.Problem{Type: client.ProblemSMS}) {
					t.Errorf("a wrong code: %v", err)
				}
				l, err = h.Keeper.Logins().SubmitSMS(ctx, l.ID, client.SMSCode{Code: h.Site.SMS.Code(keepertest.Phone)})
				if err != nil || strings.HasPrefix(l.URL, "https://") != (verify != 0) {
					t.Fatalf("%+v, %v", l, err)
				}
				time.Sleep(10 * time.Second)
				if a := h.Account("main"); (a.State == client.StateValid) != (verify == 0) {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

// TestAnswersOfTheTwoSites: an account of one is none of the other.
func TestAnswersOfTheTwoSites(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) { c.Login.IntlPlatform = "tv" }, func(h *keepertest.Fixture) {
		h.StartIntl()
		if a := h.Account("tv"); a.State != client.StateValid || a.Site != "intl" || a.Refreshable {
			t.Errorf("%+v", a)
		}
		bad := &client.Problem{Type: client.ProblemBadRequest}
		if _, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "tv"}); !errors.Is(err, bad) {
			t.Errorf("a login: %v", err)
		}
		h.Login("main", mid)
		before := h.Account("tv").Generation
		_, err := h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "tv", Data: pasted(h, "main", "SESSDATA", "bili_jct"), Replace: true})
		if !errors.Is(err, bad) || h.Account("tv").Generation != before {
			t.Errorf("an import: %v", err)
		}
	})
}

// pasted is a session of the simulator as a person copies it.
func pasted(h *keepertest.Fixture, account string, names ...string) string {
	c := h.Keeper.Credentials().Held(account)
	var pairs []string
	for _, name := range names {
		if name == "ac_time_value" {
			pairs = append(pairs, name+"="+c.RefreshToken.Reveal())
			continue
		}
		pairs = append(pairs, name+"="+c.Value(name))
	}
	return strings.Join(pairs, "; ")
}

// TestAnswersOfAnImport: in which format it was, whether it can be refreshed, and under
// which other names the same login or user is kept. A refused one leaves no account.
func TestAnswersOfAnImport(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		take := func(req client.ImportRequest) client.ImportResult {
			t.Helper()
			r, err := h.Keeper.Accounts().Import(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		has := func(r client.ImportResult, text string) bool {
			return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, text) })
		}
		r := take(client.ImportRequest{Account: "copy", Data: pasted(h, "main", "SESSDATA", "bili_jct")})
		if r.Refreshable || r.Format != "header" || *r.Account.Mid != mid || !has(r, "refresh token") || !has(r, "the same session is kept as account main too") {
			t.Errorf("%+v", r)
		}
		r = take(client.ImportRequest{Account: "copy", Data: pasted(h, "main", "SESSDATA", "bili_jct", "DedeUserID", "ac_time_value")})
		if !r.Refreshable || !has(r, "is refreshed by it") {
			t.Errorf("%+v", r)
		}
		h.Login("own", mid)
		if r = take(client.ImportRequest{Account: "third", Bytes: inUTF16(pasted(h, "main", "SESSDATA"))}); !has(r, "the same user is kept as account own too") {
			t.Errorf("%+v", r)
		}
		dead := pasted(h, "main", "SESSDATA", "bili_jct")
		h.Site.Kill(mid)
		for data, kind := range map[string]string{dead: client.ProblemNeedsLogin, "nothing": client.ProblemBadRequest} {
			_, err := h.Keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: "fourth", Data: data})
			if !errors.Is(err, &client.Problem{Type: kind}) {
				t.Errorf("%v, want %s", err, kind)
			}
		}
		if _, err := h.Keeper.Accounts().Get("fourth"); err == nil {
			t.Error("a refused import left an account behind")
		}
	})
}

// inUTF16 is a text in another encoding: bytes reach the keeper as bytes.
func inUTF16(text string) []byte {
	data := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		data = append(data, byte(unit), byte(unit>>8))
	}
	return data
}

// TestAnswersOfALogin: later callers join it, and it can be cancelled; its code is gone
// then.
func TestAnswersOfALogin(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		ctx := context.Background()
		first, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main"})
		if err != nil || first.Joined || first.URL == "" {
			t.Fatal(first, err)
		}
		if l, err := h.Keeper.Logins().Start(ctx, client.LoginRequest{Account: "main", Attend: 60}); err != nil || !l.Joined || l.ID != first.ID || l.URL != first.URL {
			t.Errorf("%+v, %v", l, err)
		}
		if err := h.Keeper.Logins().Cancel(ctx, "another"); !errors.Is(err, &client.Problem{Type: client.ProblemNoLogin}) {
			t.Errorf("another is cancelled: %v", err)
		}
		if err := h.Keeper.Logins().Cancel(ctx, first.ID); err != nil {
			t.Error(err)
		}
		if l, err := h.Keeper.Logins().Get(first.ID); err != nil || l.State != client.LoginCancelled || l.URL != "" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestAnswersOfAPausedAccount: nothing comes next for it, and checks that change nothing
// are counted before it is paused.
func TestAnswersOfAPausedAccount(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", mid)
		time.Sleep(25 * time.Hour)
		if n := h.Keeper.Accounts().Unchanged(); n != 2 { // the first of three is told
			t.Errorf("%d checks changed nothing", n)
		}
		if a := patch(h, client.AccountPatch{Paused: of(true)}); !a.Paused || a.Next != nil || a.NextCheckAt != nil || a.State != client.StateValid {
			t.Errorf("%+v", a)
		}
		many := make([]string, 65)
		refused(h, client.ProblemBadRequest, client.AccountPatch{Tags: &many})
		if a := patch(h, client.AccountPatch{Paused: of(false)}); a.Paused || a.Next == nil {
			t.Errorf("%+v", a)
		}
	})
}
