package passport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memoryOfSpent is what outlives a limiter in a test.
type memoryOfSpent struct {
	mu    sync.Mutex // guards what follows
	full  time.Time
	hours map[string][]time.Time
	kept  int
	sent  map[string][]time.Time
}

// life is a limiter from its start to the crash that ends it.
func (m *memoryOfSpent) life(t *testing.T, limits Limits, accounts int, lasts time.Duration) {
	l := NewLimiter(limits, LimiterOptions{
		Full: m.full,
		Keep: func(s Spent) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.kept++
			if !s.Full.IsZero() {
				m.full = s.Full
			}
			if s.Account != "" {
				m.hours[s.Account] = s.Hour
			}
			return nil
		},
		Spent: func(account string) []time.Time {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.hours[account]
		},
	})
	ctx, crash := context.WithTimeout(t.Context(), lasts)
	defer crash()
	var all sync.WaitGroup
	for i := range accounts {
		all.Go(func() {
			key := fmt.Sprint("a", i)
			for ctx.Err() == nil {
				p, e := l.enter(ctx, request{op: "nav", key: key, host: "h"})
				if e != nil {
					time.Sleep(time.Second)
					continue
				}
				m.mu.Lock()
				m.sent[key] = append(m.sent[key], time.Now())
				m.mu.Unlock()
				l.leave(p, nil)
			}
		})
	}
	all.Wait()
}

// densest is the most times in any window.
func densest(times []time.Time, window time.Duration) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	for i := range times {
		n := 0
		for _, t := range times[i:] {
			if t.Sub(times[i]) < window {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestCrashesGiveNothingBack: a program that is killed and started again, at whatever
// interval, asks no more than the budgets allow, and not much less.
func TestCrashesGiveNothingBack(t *testing.T) {
	for _, lasts := range []time.Duration{300 * time.Millisecond, 2 * time.Second, 7 * time.Second, 61 * time.Second, 10 * time.Minute} {
		for _, limits := range []Limits{{PerMinute: 30, PerAccountHour: 40}, {PerMinute: 1}, {PerMinute: 90, PerAccountHour: 12}} {
			t.Run(fmt.Sprintf("%s of %d", lasts, limits.PerMinute), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := &memoryOfSpent{hours: map[string][]time.Time{}, sent: map[string][]time.Time{}}
					const all = 20 * time.Minute
					for began := time.Now(); time.Since(began) < all; {
						m.life(t, limits, 6, lasts)
					}
					var total []time.Time
					for key, times := range m.sent {
						if n := densest(times, budgetWindow); limits.PerAccountHour > 0 && n > limits.PerAccountHour {
							t.Errorf("%d requests of %s in an hour", n, key)
						}
						total = append(total, times...)
					}
					if n := densest(total, time.Minute); n > limits.PerMinute {
						t.Errorf("%d requests in a minute", n)
					}
					t.Logf("%d requests in %s, %d writes", len(total), all, m.kept)
					if least := 20 * limits.PerMinute / 4; lasts >= 7*time.Second && limits.PerAccountHour == 0 && len(total) < least {
						t.Errorf("only %d requests", len(total))
					}
				})
			})
		}
	}
}

// TestChargedAhead: not each request costs a write.
func TestChargedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryOfSpent{hours: map[string][]time.Time{}, sent: map[string][]time.Time{}}
		m.life(t, Limits{PerMinute: 1_000_000, Concurrency: 8}, 8, 10*time.Second)
		if n := len(m.sent["a0"]); n < 1000 || m.kept > 100 {
			t.Errorf("%d requests of one of 8 accounts, %d writes", n, m.kept)
		}
	})
}

// TestClockSetBackAfterACrash: what was charged by a clock that was wrong does not
// shut the site off.
func TestClockSetBackAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := time.Now().Add(1000 * time.Hour)
		m := &memoryOfSpent{full: later, hours: map[string][]time.Time{"a0": {later, later}}, sent: map[string][]time.Time{}}
		m.life(t, Limits{PerMinute: 30, PerAccountHour: 40}, 1, 2*time.Minute)
		if len(m.sent["a0"]) == 0 {
			t.Error("nothing was asked")
		}
	})
}

// A request that could not be charged does not leave: there is no place to keep what
// the site gives with the answer.
func TestNoChargeNoRequest(t *testing.T) {
	broken := errors.New("the disk failed")
	l := NewLimiter(Limits{}, LimiterOptions{Keep: func(Spent) error { return broken }})
	for range 2 { // and what it held is free again
		p, e := l.enter(t.Context(), request{op: "nav", key: "main", host: "h"})
		if p != nil || e == nil || e.Err != ErrNotAsked || !strings.Contains(e.Detail, broken.Error()) {
			t.Errorf("%v, %v", p, e)
		}
	}
}

// TestForgetSpent: what another host has spent of an account's hour counts once what
// was known of it is forgotten.
func TestForgetSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := map[string][]time.Time{}
		host := func() *Limiter {
			return NewLimiter(Limits{PerAccountHour: 10}, LimiterOptions{
				Keep: func(s Spent) error {
					if s.Account != "" {
						kept[s.Account] = s.Hour
					}
					return nil
				},
				Spent: func(account string) []time.Time { return kept[account] },
			})
		}
		ask := func(l *Limiter) bool {
			p, e := l.enter(t.Context(), request{op: "nav", key: "a", host: "h"})
			if e == nil {
				l.leave(p, nil)
			}
			time.Sleep(10 * time.Second)
			return e == nil
		}
		first, second := host(), host()
		asked := 0
		for range 20 { // the account goes back and forth
			for _, l := range []*Limiter{first, second} {
				ForgetSpent(l, "a")
				if ask(l) {
					asked++
				}
			}
		}
		if asked < 3 || asked > 10 {
			t.Errorf("%d requests in an hour of 10", asked)
		}
	})
}

// TestForgetSpentUnderWay: so does what another host spends while the last request of
// this one is still under way.
func TestForgetSpentUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []time.Time
		l := NewLimiter(Limits{PerAccountHour: 10}, LimiterOptions{
			Keep:  func(Spent) error { return nil },
			Spent: func(string) []time.Time { return kept },
		})
		r := request{op: "nav", key: "a", host: "h"}
		p, e := l.enter(t.Context(), r)
		if e != nil {
			t.Fatal(e)
		}
		ForgetSpent(l, "a")
		for range 10 {
			kept = append(kept, time.Now())
		}
		l.leave(p, nil)
		if p, e := l.enter(t.Context(), r); e == nil {
			l.leave(p, nil)
			t.Error("an hour that another host has spent has room")
		}
	})
}
