package notify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRate(t *testing.T) {
	rate := Rate{Messages: 3, Per: time.Minute}
	tests := []struct {
		name   string
		every  time.Duration
		n      int
		fails  int // how many of the first tries fail
		at     []int
		within time.Duration
	}{
		{"a burst, and then evenly", 0, 6, 0, []int{0, 0, 0, 20, 40, 60}, 2 * time.Minute},
		{"slower than the rate", 30 * time.Second, 4, 0, []int{0, 30, 60, 90}, 3 * time.Minute},
		{"retries count", 0, 3, 2, []int{0, 1, 3, 20, 40}, 2 * time.Minute},
		{"a pause fills it again", 2 * time.Minute, 3, 0, []int{0, 120, 240}, 10 * time.Minute},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", tt.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					r := recorder{begun: time.Now()}
					cfg := w.config("phone", sendFunc(func(context.Context, Message) (Receipt, error) {
						if r.note(); len(r.at) <= tt.fails {
							return Receipt{}, errors.New("busy")
						}
						return Receipt{}, nil
					}))
					cfg.Rate = rate
					run := w.start(t, cfg)
					for i := range tt.n {
						w.add(message(fmt.Sprint("m", i), "account.attention", "A"))
						synctest.Wait()
						if tt.every > 0 {
							after(tt.every)
						}
					}
					for time.Since(r.begun) < tt.within {
						if restarts {
							run.stop()
							run = w.start(t, cfg)
						}
						after(time.Second)
					}
					run.stop()
					equal(t, "tries", r.at, tt.at)
				})
			})
		}
	}
}

// While a message waits for the rate, newer ones take its place and codes die,
// as in quiet hours.
func TestWaitingForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := w.config("phone", w.accepting("phone"))
		cfg.Rate = Rate{Messages: 1, Per: 10 * time.Minute}
		run := w.start(t, cfg)
		defer run.stop()
		w.add(message("m", "account.attention", "A"), code("dies", "B"))
		after(time.Second)
		if s := run.Status()[0]; !s.Pending || s.RetryAt.IsZero() || !s.FailingSince.IsZero() {
			t.Errorf("status %+v", s)
		}
		after(8 * time.Minute)
		w.add(code("c1", "A"), code("c2", "A"))
		after(time.Hour)
		equal(t, "delivered", w.gotIDs("phone"), []string{"m", "c2"})
		equal(t, "outcomes", w.outcomes("phone"), []string{"m delivered 1", "dies dropped 0", "c1 dropped 0", "c2 delivered 1"})
	})
}

// A change in place is a call like any other; taking back is not counted.
func TestReplacingCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := newPhone(w)
		cfg := w.config("phone", p)
		cfg.Rate = Rate{Messages: 3, Per: time.Hour}
		run := w.start(t, cfg)
		defer run.stop()
		w.add(threaded("c1", "A"))
		synctest.Wait()
		w.add(threaded("c2", "A"))
		synctest.Wait()
		w.add(message("ok", typeSucceeded, "A"))
		synctest.Wait()
		w.add(message("next", "account.attention", "A"))
		after(time.Minute)
		equal(t, "sees", p.sees(), "ok")
		equal(t, "taken back", p.retracts, 1)
		after(20 * time.Minute)
		equal(t, "sees later", p.sees(), "ok next")
	})
}

// Where a change is refused and the message is sent anew, that is two calls.
func TestAChangeThatIsRefusedCountsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := newPhone(w)
		p.replaceErr = errRefused
		cfg := w.config("phone", p)
		cfg.Rate = Rate{Messages: 3, Per: time.Hour}
		run := w.start(t, cfg)
		defer run.stop()
		w.add(threaded("c1", "A"))
		synctest.Wait()
		w.add(threaded("c2", "A"))
		synctest.Wait()
		w.add(message("m", "account.attention", "A"))
		after(time.Minute)
		equal(t, "heard", p.heard, []string{"c1", "c2"})
	})
}

// A clock that was set back does not silence a channel for as long.
func TestRateAndAClockSetBack(t *testing.T) {
	rate, now := Rate{Messages: 4, Per: time.Minute}, time.Now()
	g := limiter{rate: rate, known: Service{Paced: now.Add(1000 * time.Hour)}}
	if at := g.full(now); at.Sub(now) > 15*time.Second || at.IsZero() {
		t.Errorf("the next is due in %v", at.Sub(now))
	}
	for _, ahead := range []time.Duration{time.Hour, 1000 * time.Hour} {
		g := limiter{rate: rate, known: Service{Paced: now.Add(ahead)}}
		at := g.full(now)
		if later := g.full(at); !later.IsZero() || !g.take(at) {
			t.Errorf("written %v ahead, the next is due in %v, and then in %v more", ahead, at.Sub(now), later.Sub(at))
		}
		g = limiter{rate: rate, known: Service{Paced: now.Add(ahead)}}
		if g.take(now) || !g.take(now.Add(15*time.Second)) {
			t.Errorf("written %v ahead, no call is allowed", ahead)
		}
		g = limiter{rate: rate, known: Service{Delivered: now.Add(ahead), RetryAt: now.Add(ahead + time.Minute)}}
		if at := g.rests(now); !at.IsZero() {
			t.Errorf("written %v ahead, it is left alone for %v", ahead, at.Sub(now))
		}
	}
	g = limiter{rate: rate}
	for i := range 4 {
		if !g.take(now) {
			t.Errorf("call %d was refused", i)
		}
	}
	if g.take(now) || g.full(now).Sub(now) != 15*time.Second || !g.take(now.Add(15*time.Second)) {
		t.Error("the fifth call")
	}
}

func FuzzRate(f *testing.F) {
	f.Add(20, int64(time.Minute), int64(0), int64(time.Second))
	f.Fuzz(func(t *testing.T, messages int, per, used, step int64) {
		rate := Rate{Messages: messages, Per: time.Duration(per)}
		if rate.check() != nil || rate == (Rate{}) || messages > 1<<20 || per > int64(1000*time.Hour) || per < int64(messages) ||
			step <= 0 || step > per || used > per || used < -per {
			t.Skip()
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		g := limiter{rate: rate, known: Service{Paced: now.Add(time.Duration(used))}}
		allowed, span := 0, time.Duration(0)
		for range 100 {
			if g.take(now.Add(span)) {
				allowed++
			} else if at := g.full(now.Add(span)); at.IsZero() || at.Sub(now.Add(span)) > rate.share() {
				t.Fatalf("refused at %v, and the next is at %v", span, at)
			}
			span += time.Duration(step)
		}
		if most := int64(messages) + int64(span/rate.share()) + 1; int64(allowed) > most {
			t.Fatalf("%d calls in %v", allowed, span)
		}
	})
}
