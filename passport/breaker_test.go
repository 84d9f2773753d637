package passport_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func wide() passport.Limits { return passport.Limits{PerMinute: 60_000, Concurrency: 8} }

// Every minute somebody asks, for days; what reaches the site is one request a
// wait, and the waits double to a day.
func TestSiteBreakerDoubles(t *testing.T) {
	for trouble, first := range map[passporttest.Trouble]time.Duration{
		passporttest.HTTP412: 30 * time.Minute,
		passporttest.HTTP403: 30 * time.Minute,
		passporttest.Code412: 30 * time.Minute,
		passporttest.HTTP429: 15 * time.Minute,
		passporttest.Code509: 15 * time.Minute,
		passporttest.Code799: 15 * time.Minute,
	} {
		t.Run(string(trouble), func(t *testing.T) {
			bubble(t, wide(), func(t *testing.T, b *bench) {
				b.site.SetTrouble(passporttest.Any, trouble)
				for time.Since(b.start) < 10*24*time.Hour {
					e := b.ask(t.Context(), "a")
					if e.Class != passport.Blocked || e.Scope != passport.ScopeSite || e.RetryAfter <= 0 {
						t.Fatalf("%+v", e)
					}
					time.Sleep(time.Minute)
				}
				gap := first
				log := b.site.Log()
				for i := 1; i < len(log); i++ {
					within(t, "gap", log[i].Time.Sub(log[i-1].Time), gap, gap+time.Minute)
					gap = min(2*gap, 24*time.Hour)
				}
				if len(log) < 10 {
					t.Errorf("%d requests in ten days: it gave up", len(log))
				}
				if len(b.changes) != len(log) || b.changes[0].Host != "*" {
					t.Errorf("%d changes for %d openings", len(b.changes), len(log))
				}
			})
		})
	}
}

func TestSiteBreakerConcernsEveryHostAndAccount(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.site.SetTrouble(passporttest.PathCookieInfo, passporttest.HTTP412)
		b.ask(t.Context(), "a")
		until, reason := b.gate.BlockedAt(passport.Web)
		if until.Sub(b.start) != 30*time.Minute || reason != "HTTP 412" {
			t.Errorf("blocked until %v for %q", until, reason)
		}
		for op, ask := range operations(b.client) {
			if strings.HasPrefix(op, "intl/") {
				continue // the other realm's are not concerned
			}
			e := errorOf(ask(t.Context()))
			if asked(e) || e.Class != passport.Blocked || e.Op != op || e.RetryAfter != 30*time.Minute {
				t.Errorf("%s: %+v", op, e)
			}
		}
		if n := b.site.Requests(passporttest.Any); n != 1 {
			t.Errorf("%d requests", n)
		}
		// Its end: one probe, success closes and resets.
		b.site.SetTrouble(passporttest.PathCookieInfo, passporttest.None)
		time.Sleep(30 * time.Minute)
		if until, _ := b.gate.BlockedAt(passport.Web); !until.IsZero() {
			t.Errorf("still blocked until %v", until)
		}
		if e := b.ask(t.Context(), "a"); e.Class != passport.Dead {
			t.Errorf("%v", e)
		}
		last := b.changes[len(b.changes)-1]
		if len(b.changes) != 2 || !last.Until.IsZero() || last.Failures != 0 {
			t.Errorf("changes %+v", b.changes)
		}
		b.site.SetTrouble(passporttest.Any, passporttest.HTTP412)
		if e := b.ask(t.Context(), "a"); e.RetryAfter != 30*time.Minute {
			t.Errorf("after a success it starts over, not with %v", e.RetryAfter)
		}
	})
}

func errorOf(err error) *passport.Error {
	e, _ := err.(*passport.Error)
	return e
}

// A block that four requests meet at once is one block.
func TestBlockIsCountedOnce(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.client = client(t, passport.Options{
			Endpoints: b.site.Endpoints(base), Limiter: b.gate,
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return says(412, "text/html", "<html>")(r)
			}),
		})
		var work sync.WaitGroup
		for _, key := range []string{"a", "b", "c", "d"} {
			work.Go(func() { b.ask(t.Context(), key) })
		}
		work.Wait()
		until, _ := b.gate.BlockedAt(passport.Web)
		within(t, "wait", time.Until(until), 30*time.Minute, 30*time.Minute)
	})
}

// What was under way before a block says nothing about the block: neither does
// its success end the wait, nor its failure lengthen it.
func TestRepliesFromBeforeTheBlock(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.client = client(t, passport.Options{
			Endpoints: b.site.Endpoints(base), Limiter: b.gate, Timeout: 2 * time.Hour,
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				switch r.URL.Path {
				case passporttest.PathNav: // answers after a minute
					time.Sleep(time.Minute)
					return says(200, "application/json", `{"code":-101}`)(r)
				case passporttest.PathFinger: // is refused after the block's end
					time.Sleep(time.Hour)
				}
				return says(412, "text/html", "<html>")(r)
			}),
		})
		var work sync.WaitGroup
		for i, op := range []string{"nav", "finger/spi"} {
			d := passport.Device{Key: op}
			work.Go(func() {
				if i == 0 {
					_, _ = web(b.client).Identify(t.Context(), passport.Session{Device: d})
				} else {
					_, _ = b.client.Fingerprint(t.Context(), d)
				}
			})
		}
		synctest.Wait()
		b.ask(t.Context(), "a")
		time.Sleep(2 * time.Minute)
		if until, _ := b.gate.BlockedAt(passport.Web); until.Sub(b.start) != 30*time.Minute {
			t.Errorf("after an old success: until %v", until)
		}
		work.Wait() // half an hour after the block's end
		if until, _ := b.gate.BlockedAt(passport.Web); !until.IsZero() {
			t.Errorf("after an old failure: until %v", until)
		}
	})
}

// A request that waits for the rate does not leave when the site has asked for
// peace meanwhile.
func TestBreakerOpensWhileOthersWait(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 1, Concurrency: 4}, func(t *testing.T, b *bench) {
		requests := 0
		b.client = client(t, passport.Options{
			Endpoints: b.site.Endpoints(base), Limiter: b.gate,
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				requests++
				time.Sleep(time.Second)
				return says(412, "text/html", "<html>")(r)
			}),
		})
		var work sync.WaitGroup
		for _, key := range []string{"a", "b", "c"} {
			work.Go(func() { b.ask(t.Context(), key) })
		}
		work.Wait()
		if requests != 1 {
			t.Errorf("%d requests", requests)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                              15 * time.Minute,
		"60":                            15 * time.Minute,
		"3600":                          time.Hour,
		"99999999999999999999":          24 * time.Hour,
		"-5":                            15 * time.Minute,
		"Sat, 01 Jan 2000 02:00:00 GMT": 2 * time.Hour,
		"Fri, 01 Jan 1999 02:00:00 GMT": 15 * time.Minute,
		"soon":                          15 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) { // the bubble's clock starts in 2000
			c := client(t, passport.Options{
				Endpoints: passporttest.New().Endpoints(base), Limiter: generous(),
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					resp, _ := says(429, "text/plain", "slow down")(r)
					resp.Header.Set("Retry-After", header)
					return resp, nil
				}),
			})
			_, err := web(c).Identify(t.Context(), fakeSession())
			if got := errorOf(err).RetryAfter; got != want {
				t.Errorf("%q: %v, want %v", header, got, want)
			}
		})
	}
}

func TestHostBreaker(t *testing.T) {
	for _, trouble := range []passporttest.Trouble{passporttest.HTTP502, passporttest.Reset, passporttest.HTTP204, passporttest.EmptyBody} {
		t.Run(string(trouble), func(t *testing.T) {
			bubble(t, wide(), func(t *testing.T, b *bench) {
				b.site.SetTrouble(passporttest.Any, trouble)
				for time.Since(b.start) < 6*time.Hour {
					if e := b.ask(t.Context(), "a"); e.Class != passport.Unreachable || e.Scope != passport.ScopeHost {
						t.Fatalf("%+v", e)
					}
					time.Sleep(time.Second)
				}
				log := b.site.Log()
				gap := time.Minute
				for i := 5; i < len(log); i++ {
					within(t, "gap", log[i].Time.Sub(log[i-1].Time), gap, gap+time.Second)
					gap = min(2*gap, 15*time.Minute)
				}
				if len(log) < 25 {
					t.Errorf("%d requests in six hours: it gave up", len(log))
				}
				if until, _ := b.gate.BlockedAt(passport.Web); !until.IsZero() {
					t.Error("a host's failures blocked the site")
				}
			})
		})
	}
}

func TestHostBreakersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := newSite()
		e := site.Endpoints(base)
		e.API = "http://api.invalid"
		site.SetTrouble(passporttest.PathCookieInfo, passporttest.HTTP500)
		c := client(t, passport.Options{Endpoints: e, Limiter: generous(), Transport: site.Transport()})
		for range 7 {
			_, _ = web(c).CheckSession(t.Context(), fakeSession())
		}
		if n := site.Requests(passporttest.PathCookieInfo); n != 5 {
			t.Errorf("%d requests to the failing host, want 5", n)
		}
		if _, err := web(c).Identify(t.Context(), fakeSession()); passport.ClassOf(err) != passport.Dead {
			t.Errorf("the other host: %v", err)
		}
	})
}

// Successes between failures keep a host's breaker closed.
func TestFailuresMustBeInARow(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		for i := range 50 {
			b.site.SetTrouble(passporttest.Any, passporttest.HTTP500)
			if i%5 == 4 {
				b.site.SetTrouble(passporttest.Any, passporttest.None)
			}
			if e := b.ask(t.Context(), "a"); !asked(e) {
				t.Fatalf("request %d: %v", i, e)
			}
		}
		if len(b.changes) != 0 {
			t.Errorf("changes %+v", b.changes)
		}
	})
}

// A caller that gives up says nothing about the host.
func TestCancelledIsNoFailure(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.site.SetTrouble(passporttest.Any, passporttest.Hang)
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if e := b.ask(ctx, "a"); !asked(e) || e.Class != passport.Unreachable {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// When a breaker's time ends, one request finds out and the others wait for it.
func TestOneProbe(t *testing.T) {
	for _, healed := range []bool{true, false} {
		bubble(t, wide(), func(t *testing.T, b *bench) {
			b.gate.Restore([]passport.Breaker{{Host: "*", Until: b.start.Add(time.Hour), Failures: 1, Reason: "HTTP 412"}})
			most, now := 0, 0
			var mu sync.Mutex
			b.client = client(t, passport.Options{
				Endpoints: b.site.Endpoints(base), Limiter: b.gate,
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(5 * time.Second)
					mu.Lock()
					now--
					mu.Unlock()
					if healed {
						return says(200, "application/json", `{"code":-101}`)(r)
					}
					return says(412, "text/html", "<html>")(r)
				}),
			})
			time.Sleep(time.Hour)
			var work sync.WaitGroup
			var first time.Duration
			notAsked := 0
			for _, key := range []string{"a", "b", "c", "d"} {
				work.Go(func() {
					e := b.ask(t.Context(), key)
					mu.Lock()
					defer mu.Unlock()
					if !asked(e) {
						notAsked++
						first = e.RetryAfter
					}
				})
			}
			work.Wait()
			if healed && (notAsked != 0 || most != 3) {
				t.Errorf("healed: %d refused, %d at once", notAsked, most)
			}
			if !healed && (notAsked != 3 || most != 1 || first != time.Hour) {
				t.Errorf("blocked: %d refused for %v, %d at once", notAsked, first, most)
			}
		})
	}
}

// A probe that never left frees the way for the next one.
func TestProbeThatGivesUp(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 60_000, PerAccountHour: 1}, func(t *testing.T, b *bench) {
		b.ask(t.Context(), "a")
		b.gate.Restore([]passport.Breaker{{Host: "*", Until: b.start.Add(-time.Second), Failures: 3, Reason: "HTTP 412"}})
		if e := b.ask(t.Context(), "a"); asked(e) {
			t.Fatal("the budget let it through")
		}
		if e := b.ask(t.Context(), "b"); e.Class != passport.Dead {
			t.Errorf("%v", e)
		}
	})
}

func TestForce(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.site.SetTrouble(passporttest.Any, passporttest.HTTP412)
		b.ask(t.Context(), "a")
		for range 20 { // a person who insists does not make it a day
			if e := b.insist(t.Context(), "a"); !asked(e) {
				t.Fatalf("%v", e)
			}
		}
		until, _ := b.gate.BlockedAt(passport.Web)
		within(t, "wait", time.Until(until), 30*time.Minute, 30*time.Minute)

		b.site.SetTrouble(passporttest.Any, passporttest.None)
		if e := b.ask(t.Context(), "a"); asked(e) {
			t.Error("an ordinary request passed")
		}
		if e := b.insist(t.Context(), "a"); e.Class != passport.Dead {
			t.Errorf("%v", e)
		}
		if until, _ := b.gate.BlockedAt(passport.Web); !until.IsZero() {
			t.Error("a success did not close the breaker")
		}
	})
}

func TestForceKeepsTheRate(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 10}, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for asked(b.insist(ctx, "a")) {
		}
		if most := b.site.MostInWindow(time.Minute); most > 10 {
			t.Errorf("%d in a minute", most)
		}
	})
}

// What OnChange was told and Restore is given makes the next run go on where
// the last one stopped.
func TestBreakersSurviveARestart(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.site.SetTrouble(passporttest.Any, passporttest.HTTP412)
		for range 3 {
			b.ask(t.Context(), "a")
			until, _ := b.gate.BlockedAt(passport.Web)
			time.Sleep(time.Until(until))
		}
		b.ask(t.Context(), "a") // the fourth: 4 h
		kept := b.changes[len(b.changes)-1]

		time.Sleep(time.Hour)
		again := passport.NewLimiter(wide(), passport.LimiterOptions{})
		again.Restore([]passport.Breaker{kept, {Host: "x", Failures: 3}, {}})
		b.gate, b.client = again, inMemory(t, b.site, again)
		if e := b.ask(t.Context(), "a"); asked(e) || e.RetryAfter != 3*time.Hour {
			t.Errorf("%+v", e)
		}
		time.Sleep(3 * time.Hour)
		if e := b.ask(t.Context(), "a"); !asked(e) || e.RetryAfter != 8*time.Hour {
			t.Errorf("%+v", e)
		}
	})
}

// A clock that was set back does not keep the site blocked for years.
func TestImpossibleUntilIsCut(t *testing.T) {
	bubble(t, wide(), func(t *testing.T, b *bench) {
		b.gate.Restore([]passport.Breaker{{Host: "*", Until: b.start.AddDate(20, 0, 0), Failures: 1}})
		time.Sleep(24*time.Hour + time.Second)
		if e := b.ask(t.Context(), "a"); !asked(e) {
			t.Errorf("%v", e)
		}
	})
}

// Risk control and pages are about one account; others go on.
func TestAccountTroubleOpensNothing(t *testing.T) {
	for trouble, hint := range map[passporttest.Trouble]time.Duration{
		passporttest.Code352: time.Hour, passporttest.HTML: 15 * time.Minute,
	} {
		bubble(t, wide(), func(t *testing.T, b *bench) {
			b.site.SetTrouble(passporttest.Any, trouble)
			for range 20 {
				e := b.ask(t.Context(), "a")
				if !asked(e) || e.Scope != passport.ScopeAccount || e.RetryAfter != hint {
					t.Fatalf("%+v", e)
				}
			}
			if len(b.changes) != 0 {
				t.Errorf("changes %+v", b.changes)
			}
		})
	}
}

// A mistake of the program in the middle of a request keeps nobody else waiting, and
// says nothing about the site.
func TestPanicGivesTheTurnBack(t *testing.T) {
	bubble(t, passport.Limits{PerMinute: 1_000_000, Concurrency: 1}, func(t *testing.T, b *bench) {
		transport := b.site.Transport()
		broken := true
		b.client = client(t, passport.Options{
			Endpoints: b.site.Endpoints(base), Limiter: b.gate,
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if broken {
					panic("a mistake")
				}
				return transport.RoundTrip(r)
			}),
		})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was hidden")
				}
			}()
			b.ask(t.Context(), "a")
		}()
		broken = false
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, key := range []string{"a", "b"} {
			if e := b.ask(ctx, key); e == nil || e.Class != passport.Dead { // nobody knows the session
				t.Errorf("%s is told %v", key, e)
			}
		}
		if len(b.changes) != 0 {
			t.Errorf("breakers: %v", b.changes)
		}
	})
}

// A clock that was an hour ahead when a breaker opened does not keep it open for an hour
// more when it is right again.
func TestOpenedByAClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 20 * 365 * 24 * time.Hour} {
		bubble(t, wide(), func(t *testing.T, b *bench) {
			opened := b.start.Add(ahead)
			b.gate.Restore([]passport.Breaker{{Host: "*", Opened: opened, Until: opened.Add(30 * time.Minute), Failures: 1}})
			if until, _ := b.gate.BlockedAt(passport.Web); !until.Equal(b.start.Add(30 * time.Minute)) {
				t.Errorf("it is open until %v", until.Sub(b.start))
			}
			time.Sleep(29 * time.Minute)
			if e := b.ask(t.Context(), "a"); asked(e) {
				t.Errorf("%v", e)
			}
			time.Sleep(time.Minute)
			if e := b.ask(t.Context(), "a"); !asked(e) {
				t.Errorf("%v", e)
			}
		})
	}
}
