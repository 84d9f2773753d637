package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// bubble runs a test on a fake clock, with a simulator and a client behind a
// gate with the given limits.
func bubble(t *testing.T, l passport.Limits, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{site: newSite(), start: time.Now()}
		b.gate = passport.NewLimiter(l, passport.LimiterOptions{OnChange: func(one passport.Breaker) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.changes = append(b.changes, one)
		}})
		b.client = inMemory(t, b.site, b.gate)
		test(t, b)
	})
}

type bench struct {
	site   *passporttest.Site
	gate   *passport.Limiter
	client *passport.Client
	start  time.Time

	mu      sync.Mutex // guards changes
	changes []passport.Breaker
}

// ask makes a check of the account with the given key.
func (b *bench) ask(ctx context.Context, key string) *passport.Error {
	return check(ctx, b.client, key)
}

// insist is ask for what a person wants now.
func (b *bench) insist(ctx context.Context, key string) *passport.Error {
	return check(ctx, b.client.Forced(), key)
}

func check(ctx context.Context, c *passport.Client, key string) *passport.Error {
	s := fakeSession()
	s.Device.Key = key
	_, err := web(c).CheckSession(ctx, s)
	e, _ := errors.AsType[*passport.Error](err)
	return e // never nil: the simulator does not know the session
}

func asked(e *passport.Error) bool { return !errors.Is(e, passport.ErrNotAsked) }

// The rate holds in any minute, whoever asks and however hard.
func TestRateHoldsInAnyMinute(t *testing.T) {
	for _, perMinute := range []int{1, 2, 3, 5, 30, 100} {
		t.Run(fmt.Sprint(perMinute), func(t *testing.T) {
			bubble(t, passport.Limits{PerMinute: perMinute, Concurrency: 8}, func(t *testing.T, b *bench) {
				const hours = 1
				ctx, cancel := context.WithTimeout(t.Context(), hours*time.Hour)
				defer cancel()
				var work sync.WaitGroup
				for i := range 20 {
					work.Go(func() {
						for asked(b.ask(ctx, fmt.Sprint("account", i))) {
						}
					})
				}
				work.Wait()
				total := b.site.Requests(passporttest.Any)
				if most := b.site.MostInWindow(time.Minute); most > perMinute {
					t.Errorf("%d requests in one minute", most)
				}
				// Most of the allowance can be used, else the limit lies.
				if least := hours * 60 * max(1, perMinute-max(1, perMinute/3)); total < least {
					t.Errorf("only %d requests in %d h, want at least %d", total, hours, least)
				}
			})
		})
	}
}

// After a long silence the burst and what flows in together keep to the limit.
func TestRateAfterSilence(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 30, Concurrency: 30}, func(t *testing.T, b *bench) {
		for range 5 {
			time.Sleep(time.Hour)
			var work sync.WaitGroup
			for i := range 40 {
				work.Go(func() { b.ask(t.Context(), fmt.Sprint(i)) })
			}
			work.Wait()
		}
		if most := b.site.MostInWindow(time.Minute); most > 30 {
			t.Errorf("%d requests in one minute", most)
		}
		if total := b.site.Requests(passporttest.Any); total != 200 {
			t.Errorf("%d requests", total)
		}
	})
}

func TestSetLimitsGivesNothingBack(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 30}, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for asked(b.ask(ctx, "a")) {
			b.gate.SetLimits(passport.Limits{PerMinute: 30, Concurrency: 2}) // as a reload does
		}
		if most := b.site.MostInWindow(time.Minute); most > 30 {
			t.Errorf("%d requests in one minute", most)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 1}, func(t *testing.T, b *bench) {
		b.ask(t.Context(), "a")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if e := b.ask(ctx, "a"); asked(e) || e.Class != passport.Unreachable {
			t.Errorf("%v", e)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if e := b.ask(ctx, "a"); asked(e) || time.Since(b.start) > 20*time.Second {
			t.Errorf("%v after %v", e, time.Since(b.start))
		}
	})
}

func TestAccountBudget(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 6000, PerAccountHour: 6}, func(t *testing.T, b *bench) {
		perHour := map[int]int{}
		for minute := range 6 * 60 {
			e := b.insist(t.Context(), "a") // a person's wish is no way round it
			if asked(e) {
				perHour[minute/60]++
			} else if e.Class != passport.Blocked || e.Scope != passport.ScopeAccount ||
				e.Detail != "the hourly budget of this account is used up" || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
				t.Fatalf("%+v", e)
			} else if minute == 6 {
				within(t, "RetryAfter", e.RetryAfter, 54*time.Minute, 54*time.Minute)
			}
			time.Sleep(time.Minute)
		}
		if most := b.site.MostInWindow(time.Hour); most != 6 || len(perHour) != 6 {
			t.Errorf("%d in an hour, hours %v", most, perHour)
		}
		if e := b.ask(t.Context(), "b"); !asked(e) {
			t.Errorf("another account: %v", e)
		}
		code, err := web(b.client).Generate(t.Context(), passport.Device{Key: "c"}, passport.ProfileHeader)
		for range 50 {
			if err == nil {
				_, err = web(b.client).Poll(t.Context(), passport.Device{Key: "c"}, code)
			}
		}
		if err != nil {
			t.Errorf("polls count: %v", err)
		}
	})
}

func TestPoliteGap(t *testing.T) {
	for _, polite := range []bool{true, false} {
		bubble(t, passport.Limits{PerMinute: 6000, Concurrency: 10, Polite: polite}, func(t *testing.T, b *bench) {
			var work sync.WaitGroup
			for i := range 10 {
				work.Go(func() { b.ask(t.Context(), fmt.Sprint(i%2)) })
			}
			work.Wait()
			want := time.Duration(0)
			if polite {
				want = 4 * time.Second
			}
			within(t, "time taken", time.Since(b.start), want, want+100*time.Millisecond)
		})
	}
}

// Requests to the site's own hosts are polite whatever the limits say.
func TestRealHostsArePolite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := client(t, passport.Options{Limiter: generous(), Transport: says(200, "application/json", `{"code":-101}`)})
		for range 3 {
			_, _ = web(c).Identify(t.Context(), fakeSession())
		}
		within(t, "time taken", time.Since(start), 2*time.Second, 2*time.Second)
	})
}

// slow is a transport that takes a second and knows how many it serves at once.
type slow struct {
	mu           sync.Mutex
	now, most    int
	byAgent, top map[string]int
	order        []string
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	agent := r.UserAgent()
	s.mu.Lock()
	s.now++
	s.byAgent[agent]++
	s.most = max(s.most, s.now)
	s.top[agent] = max(s.top[agent], s.byAgent[agent])
	s.order = append(s.order, agent)
	s.mu.Unlock()
	time.Sleep(time.Second)
	s.mu.Lock()
	s.now--
	s.byAgent[agent]--
	s.mu.Unlock()
	return says(200, "application/json", `{"code":0,"data":{"refresh":false}}`)(r)
}

func newSlow() *slow { return &slow{byAgent: map[string]int{}, top: map[string]int{}} }

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		gate := passport.NewLimiter(passport.Limits{PerMinute: 60_000, Concurrency: 3}, passport.LimiterOptions{})
		c := client(t, passport.Options{Endpoints: passporttest.New().Endpoints(base), Limiter: gate, Transport: s})
		var work sync.WaitGroup
		for i := range 40 {
			work.Go(func() {
				key := fmt.Sprint(i % 8)
				_, err := web(c).CheckSession(t.Context(), passport.Session{Device: passport.Device{Key: key, UserAgent: key}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if s.most != 3 {
			t.Errorf("%d at once, want 3", s.most)
		}
		for key, top := range s.top {
			if top != 1 {
				t.Errorf("account %s had %d under way", key, top)
			}
		}
		gate.SetLimits(passport.Limits{PerMinute: 60_000, Concurrency: 8})
		for i := range 8 {
			work.Go(func() {
				_, _ = web(c).CheckSession(t.Context(), passport.Session{Device: passport.Device{Key: fmt.Sprint(i)}})
			})
		}
		work.Wait()
		if s.most != 8 {
			t.Errorf("%d at once after the change, want 8", s.most)
		}
	})
}

// A code that runs out in front of a person, and what a person asked for now,
// go before a queue of checks.
func TestPeopleGoFirst(t *testing.T) {
	for what, ask := range map[string]func(context.Context, *passport.Client, passport.Device) error{
		"login": func(ctx context.Context, c *passport.Client, d passport.Device) error {
			_, err := web(c).Generate(ctx, d, passport.ProfileHeader)
			return err
		},
		"forced check": func(ctx context.Context, c *passport.Client, d passport.Device) error {
			_, err := web(c.Forced()).CheckSession(ctx, passport.Session{Device: d})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlow()
			gate := passport.NewLimiter(passport.Limits{PerMinute: 60_000, Concurrency: 1}, passport.LimiterOptions{})
			c := client(t, passport.Options{Endpoints: passporttest.New().Endpoints(base), Limiter: gate, Transport: s})
			var work sync.WaitGroup
			for i := range 10 {
				work.Go(func() {
					_, _ = web(c).CheckSession(t.Context(), passport.Session{Device: passport.Device{Key: fmt.Sprint(i), UserAgent: "check"}})
				})
			}
			synctest.Wait()
			work.Go(func() { _ = ask(t.Context(), c, passport.Device{Key: "p", UserAgent: "person"}) })
			work.Wait()
			if s.order[1] != "person" {
				t.Errorf("%s: order %v", what, s.order)
			}
		})
	}
}

// Waiting callers that give up leave the limiter usable.
func TestGivingUpLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		gate := passport.NewLimiter(passport.Limits{PerMinute: 60_000, Concurrency: 2}, passport.LimiterOptions{})
		c := client(t, passport.Options{Endpoints: passporttest.New().Endpoints(base), Limiter: gate, Transport: s})
		var work sync.WaitGroup
		for i := range 200 {
			work.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*10*time.Millisecond)
				defer cancel()
				_, _ = web(c).CheckSession(ctx, passport.Session{Device: passport.Device{Key: fmt.Sprint(i % 5)}})
			})
		}
		work.Wait()
		s.most = 0
		for i := range 4 {
			work.Go(func() {
				if _, err := web(c).CheckSession(t.Context(), passport.Session{Device: passport.Device{Key: fmt.Sprint(i)}}); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if s.most != 2 {
			t.Errorf("%d at once, want 2", s.most)
		}
	})
}

func TestMirrorNeverReachesTheRealSite(t *testing.T) {
	site := newSite()
	e := site.Endpoints(base)
	if e.Real() {
		t.Fatal("the simulator counts as the site")
	}
	e.PassportGame = "" // the site's own
	c := client(t, passport.Options{Endpoints: e, Limiter: generous(), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Hostname() != "sim.invalid" {
			t.Errorf("asked %s", r.URL.Host)
		}
		return site.Transport().RoundTrip(r)
	})})
	site.QR.SetForm(passporttest.FormHop)
	grant := login(t, site, c)
	if _, err := web(c).Collect(t.Context(), device(), grant); !errors.Is(err, passport.ErrRefusedHost) {
		t.Errorf("%v", err)
	}
}

func TestEndpoints(t *testing.T) {
	if !(passport.Endpoints{}).Real() {
		t.Error("the defaults are not real")
	}
	mirror := passport.Endpoints{Passport: "http://127.0.0.1:1", API: "http://127.0.0.1:1"}
	if mirror.Real() {
		t.Error("a mirror is real")
	}
	for _, host := range []string{"https://api.bilibili.com", "https://API.BILIBILI.COM.", "https://x.biliintl.com:443", "https://bilibili.tv"} {
		one := mirror
		if one.API = host; !one.Real() {
			t.Errorf("%s is not real", host)
		}
		one = mirror
		if one.Passport = host; !one.Real() {
			t.Errorf("%s is not real", host)
		}
	}
	for _, bad := range []string{"passport", "ftp://x", "http://passport.bilibili.com", "https://u:p@x", "https://x/y", "https://x?y", "://"} {
		if _, err := passport.New(passport.Options{Endpoints: passport.Endpoints{Passport: bad}}); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
	for _, other := range []string{"http://notbilibili.com", "http://bilibili.com.example"} {
		one := mirror
		if one.API = other; one.Real() {
			t.Errorf("%s is real", other)
		}
	}
}
