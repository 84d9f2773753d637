package account_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// TestPanics: a panic in what is due is recorded and told of, the account goes on after
// a while that doubles, and it is told when it does. A caller's is told to that one, as
// a mistake that is neither the site's nor the disk's.
func TestPanics(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.ResetLog()
		h.wire.panics.Store(3)
		time.Sleep(8*time.Hour + time.Second)
		if told := h.problems.Of("account main"); !strings.Contains(told, "internal error") {
			t.Errorf("people are told %q", told)
		}
		for _, want := range []string{"a panic while working on the account", "a mistake in the program", "panicNow", `"account":"main"`} {
			if !h.log.has(want) {
				t.Errorf("the log has no %q", want)
			}
		}
		h.wantRequests(passporttest.Any, 0)
		h.wantState(lifecycle.StateValid)
		time.Sleep(3*time.Minute + 5*time.Second) // one, and two
		h.wantRequests(passporttest.Any, 0)
		time.Sleep(4 * time.Minute)
		h.wantRequests(passporttest.PathCookieInfo, 1)
		if told := h.problems.Sentences(); len(told) != 0 {
			t.Errorf("it goes on, and people are told %q", told)
		}
	})
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.wire.panics.Store(1)
		_, err := account.Check{Worker: h.w}.Now(context.Background(), true)
		if !isProblem(err, client.ProblemInternal) {
			t.Errorf("the caller is told %v", err)
		}
		if r := h.check(true); r.LastCheck != lifecycle.OutcomeOK {
			t.Errorf("the next one: %+v", r)
		}
	})
	var wrong atomic.Int32 // how often it cannot be said what holds for the account
	policy := func(*lifecycle.Policy) {
		if wrong.Add(-1) >= 0 {
			panic("a mistake in the settings")
		}
	}
	run(t, func(o *options) { o.policy = policy }, func(h *fixture) {
		h.logIn()
		for name, again := range map[string]func(){"at the start": h.restart, "at a step": func() { time.Sleep(8 * time.Hour) }} {
			h.check(true)
			h.settle() // the worker is at rest, and looks at nothing any more
			wrong.Store(2)
			again()
			time.Sleep(time.Second)
			if told := h.problems.Of("account main"); !strings.Contains(told, "internal error") {
				t.Errorf("%s, people are told %q", name, told)
			}
			time.Sleep(8*time.Hour + 10*time.Minute)
			if r := h.is(); time.Since(r.CheckedAt) > 8*time.Hour || len(h.problems.Sentences()) != 0 {
				t.Errorf("%s, it does not go on: %+v", name, r)
			}
		}
	})
	run(t, nil, func(h *fixture) { // nothing is told of an account that is forgotten
		h.logIn()
		h.wire.panics.Store(1)
		time.Sleep(8*time.Hour + time.Second)
		h.must(account.Session{Worker: h.w}.Forget(context.Background()))
		if told := h.problems.Sentences(); len(told) != 0 {
			t.Errorf("people are told %q", told)
		}
	})
}

// TestOneAtATime: those who want something of the account at once get it one after
// another, and one who goes away before his turn has none.
func TestOneAtATime(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.site.ResetLog()
		let := h.wire.hold(passporttest.PathCookieInfo)
		var mu sync.Mutex // guards order
		var order []int
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() {
				if r, err := (account.Check{Worker: h.w}).Now(context.Background(), true); err != nil || r.LastCheck != lifecycle.OutcomeOK {
					t.Errorf("%+v, %v", r, err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			h.settle()
		}
		ctx, goAway := context.WithCancel(context.Background())
		gone := make(chan error, 1)
		go func() {
			_, err := account.Check{Worker: h.w}.Now(ctx, true)
			gone <- err
		}()
		h.settle()
		goAway()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("one who is gone is told %v", err)
		}
		let()
		callers.Wait()
		h.wantRequests(passporttest.PathCookieInfo, 10)
		if len(order) != 10 {
			t.Errorf("%v", order)
		}
	})
}

// TestNoTwoRequestsAtOnce: whoever asks, and whatever is due.
func TestNoTwoRequestsAtOnce(t *testing.T) {
	run(t, func(o *options) { o.plan = "@every 1m" }, func(h *fixture) {
		h.logIn()
		under := 0
		var mu sync.Mutex // guards under
		count := func(n int) func(*http.Request) {
			return func(*http.Request) {
				mu.Lock()
				under += n
				now := under
				mu.Unlock()
				if now > 1 {
					t.Errorf("%d requests are under way", now)
				}
				time.Sleep(time.Second)
			}
		}
		h.wire.watch(count(1), count(-1))
		ctx := context.Background()
		var callers sync.WaitGroup
		for range 5 {
			for name, call := range map[string]func() error{
				"check":   func() error { _, err := account.Check{Worker: h.w}.Now(ctx, true); return err },
				"refresh": func() error { _, _, err := account.Rotation{Worker: h.w}.Now(ctx, true); return err },
				"login": func() error {
					_, err := account.Login{Worker: h.w}.Start(ctx, client.MethodQR, time.Time{}, false)
					return err
				},
				"forget": func() error { return account.Session{Worker: h.w}.ForgetEmpty(ctx) },
			} {
				callers.Go(func() {
					if err := call(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
		callers.Wait()
		time.Sleep(2 * time.Minute)
	})
}

// TestACallerWhoGoesAwayCutsNothing: what was begun for him is finished.
func TestACallerWhoGoesAwayCutsNothing(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		let := h.wire.hold(passporttest.PathRefresh)
		ctx, goAway := context.WithCancel(context.Background())
		gone := make(chan error, 1)
		go func() {
			_, _, err := account.Rotation{Worker: h.w}.Now(ctx, true)
			gone <- err
		}()
		h.settle()
		goAway()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("he is told %v", err)
		}
		let()
		time.Sleep(5 * time.Second)
		if r := h.is(); r.Generation != 2 || r.Confirm != nil || h.site.Refresh.Rotations(mid) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// TestAStoppedWorker takes nothing on any more, and says so.
func TestAStoppedWorker(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.w.Retire()
		if _, err := (account.Check{Worker: h.w}).Now(context.Background(), true); !isProblem(err, client.ProblemBusy) {
			t.Errorf("%v", err)
		}
		if _, err := h.w.Await(context.Background(), func(*store.Brief) bool { return false }); !isProblem(err, client.ProblemBusy) {
			t.Errorf("who waits: %v", err)
		}
		account.Preferences{Worker: h.w}.Reconsider()
		h.w.Nudge()
		select {
		case <-h.w.Ended():
		default:
			t.Error("it has not ended")
		}
	})
	run(t, nil, func(h *fixture) { // one who waits for his turn then has none
		h.logIn()
		let := h.wire.hold(passporttest.PathCookieInfo)
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := account.Check{Worker: h.w}.Now(context.Background(), true)
				answers <- err
			}()
			h.settle()
		}
		h.w.Retire()
		let()
		told := []error{<-answers, <-answers}
		if n := len(slices.DeleteFunc(told, func(err error) bool { return !isProblem(err, client.ProblemBusy) })); n == 0 {
			t.Error("nobody is told that it stops")
		}
		h.wantRequests(passporttest.PathCookieInfo, 1)
	})
}

// TestBudgetOfAnHour: what is asked for one account is bounded, whoever asks, and its
// hour is written down before the request leaves.
func TestBudgetOfAnHour(t *testing.T) {
	const perHour = 12
	run(t, func(o *options) { o.perMinute, o.perHour = 600, perHour }, func(h *fixture) {
		h.logIn()
		s := h.store
		left := 0
		h.wire.watch(func(*http.Request) {
			var kept struct{ Hour []time.Time }
			if _, err := s.Get(store.KindSpent, "spent", &kept); err != nil || len(kept.Hour) == 0 {
				t.Errorf("a request left with %v written down, %v", kept, err)
			}
			left++
		}, nil)
		for range 3 * perHour {
			h.check(true)
		}
		if most := h.mostWithin(time.Hour); most > perHour || left == 0 {
			t.Errorf("%d requests in an hour, %d that were looked at", most, left)
		}
		if r := h.is(); r.Base != lifecycle.BaseValid || r.LastCheck != lifecycle.OutcomeBlocked || !strings.Contains(r.Detail, "budget") {
			t.Errorf("%+v", r)
		}
	})
}

// TestAFailedVault: what could not be kept is not asked for, by whichever way it is
// wanted.
func TestAFailedVault(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(h *fixture)
		do    func(h *fixture) error
	}{
		"a code": {begin: func(*fixture) {}, do: func(h *fixture) error {
			_, err := account.Login{Worker: h.w}.Start(context.Background(), client.MethodQR, time.Time{}, false)
			return err
		}},
		"a login by SMS": {begin: func(h *fixture) {
			h.site.SMS.AddPhone(mid, phone)
			h.must(startSMS(h).send(nil))
		}, do: func(h *fixture) error {
			_, err := account.SMS{Worker: h.w}.Submit(context.Background(), h.is().Login.ID, client.SMSCode{Code: h.site.SMS.Code(phone)})
			return err
		}},
		"a refresh": {begin: (*fixture).logIn, do: func(h *fixture) error {
			_, _, err := account.Rotation{Worker: h.w}.Now(context.Background(), true)
			return err
		}},
		"a check": {begin: (*fixture).logIn, do: func(h *fixture) error {
			_, err := account.Check{Worker: h.w}.Now(context.Background(), true)
			return err
		}},
		"a removal": {begin: (*fixture).logIn, do: func(h *fixture) error {
			return account.Session{Worker: h.w}.Forget(context.Background())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				c.begin(h)
				h.must(os.Rename(filepath.Join(h.dir, "vault.db"), filepath.Join(h.dir, "elsewhere")))
				if err := h.vault.Disk().CheckPlace(); !errors.Is(err, vault.ErrReplaced) {
					t.Fatal(err)
				}
				h.site.ResetLog()
				if err := c.do(h); !isProblem(err, client.ProblemStorage) {
					t.Errorf("%v", err)
				}
				time.Sleep(9 * time.Hour)
				for _, path := range []string{passporttest.PathGenerate, passporttest.PathSMSLogin, passporttest.PathRefresh} {
					h.wantRequests(path, 0)
				}
				if n := h.site.Requests(passporttest.Any); n > 3 { // so many were charged together
					t.Errorf("%d requests", n)
				}
				if told := h.problems.Of("account main"); name != "a code" && name != "a login by SMS" && told == "" {
					t.Error("nobody is told")
				}
			})
		})
	}
}

// TestUnreadable: a record whose secrets mean nothing to this program is left alone
// and told of.
func TestUnreadable(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		h.must(h.vault.Update(func(tx vault.Tx) error {
			value := `{"account":{"name":"main","site":"web","base":"valid","generation":1},"device":{"user_agent":7}}`
			_, err := tx.Put("account", "main", []byte(value), h.is().Revision)
			return err
		}))
		w := h.unread()
		h.site.ResetLog()
		_, err := account.Check{Worker: w}.Now(context.Background(), true)
		if !isProblem(err, client.ProblemInternal) || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("a caller is told %v", err)
		}
		w.Nudge()
		h.settle()
		allowed := func(*store.Brief) error { return nil }
		if _, err := w.Form("header", allowed, func(*store.Record) (any, error) { return "", nil }); !isProblem(err, client.ProblemInternal) {
			t.Errorf("a reader is told %v", err)
		}
		if told := h.problems.Of("account main"); !strings.Contains(told, "cannot be read") {
			t.Errorf("people are told %q", told)
		}
		h.wantRequests(passporttest.Any, 0)
	})
	var nothing account.Worker
	if err := nothing.Read(store.Text{}); err == nil {
		t.Error("no record is one that can be read")
	}
}

// TestReadersAtRest: what readers see of an account that is left alone, and the same
// session by its number.
func TestReadersAtRest(t *testing.T) {
	run(t, nil, func(h *fixture) {
		if h.w.Session() != 0 {
			t.Error("a new account has a session")
		}
		h.logIn()
		number, header := h.w.Session(), h.header()
		h.restart()
		if h.w.Session() != number || h.header() != header || h.w.Name() != "main" {
			t.Error("after a restart it is another")
		}
		refused := errors.New("refused")
		if _, err := h.w.Form("header", func(*store.Brief) error { return refused }, nil); !errors.Is(err, refused) {
			t.Errorf("%v", err)
		}
		made := 0
		for range 2 {
			form, err := h.w.Form("header", func(*store.Brief) error { return nil }, func(r *store.Record) (any, error) {
				made++
				return r.Session().Header().Reveal(), nil
			})
			if err != nil || form != header {
				t.Errorf("%v, %v", form, err)
			}
		}
		h.refresh(true)
		if made != 1 || h.w.Session() == number {
			t.Errorf("made %d times; another session has the same number: %v", made, h.w.Session() == number)
		}
	})
}
