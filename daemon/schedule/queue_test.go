package schedule

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// firings records what a queue fired, and how long after the start.
type firings struct {
	mu    sync.Mutex // guards list
	list  []string
	start time.Time
}

func (f *firings) fire(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fmt.Sprintf("%s %s", key, time.Since(f.start)))
}

func (f *firings) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.list
	f.list = nil
	return list
}

func run(t *testing.T, q *Queue) *firings {
	t.Helper()
	f := &firings{start: time.Now()}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); q.Run(ctx, f.fire) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

func want(t *testing.T, f *firings, list ...string) {
	t.Helper()
	synctest.Wait()
	if got := f.take(); !slices.Equal(got, list) {
		t.Errorf("fired %q, want %q", got, list)
	}
}

func TestQueueFiresInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		now := time.Now()
		q.Set("late", now.Add(3*time.Hour))
		q.Set("soon", now.Add(time.Second))
		q.Set("gone", now.Add(2*time.Second))
		q.Set("moved", now.Add(time.Minute))
		f := run(t, &q)
		q.Remove("gone")
		q.Remove("never there")
		q.Set("moved", now.Add(5*time.Second))
		q.Set("past", now.Add(-time.Hour))
		want(t, f, "past 0s")
		if due, ok := q.Due("late"); !ok || !due.Equal(now.Add(3*time.Hour)) {
			t.Errorf("late is due %s, %v", due, ok)
		}
		time.Sleep(10 * time.Second)
		want(t, f, "soon 1s", "moved 5s")
		time.Sleep(24 * time.Hour)
		want(t, f, "late 3h0m0s")
		if q.Len() != 0 {
			t.Errorf("%d left", q.Len())
		}
	})
}

// An earlier time that is set while the queue sleeps cuts the sleep short.
func TestQueueWakesForEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		f := run(t, &q)
		q.Set("later", time.Now().Add(50*time.Second))
		synctest.Wait()
		q.Set("earlier", time.Now().Add(time.Second))
		time.Sleep(time.Minute)
		want(t, f, "earlier 1s", "later 50s")
	})
}

func TestQueueSetFromFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		count := 0
		q.Set("a", time.Now())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			q.Run(ctx, func(key string) {
				count++
				q.Set(key, time.Now().Add(8*time.Hour))
			})
		}()
		time.Sleep(30*24*time.Hour + time.Second)
		cancel()
		<-done
		if count != 91 {
			t.Errorf("fired %d times in 30 days, want 91", count)
		}
	})
}

// The machine slept, or its clock was set: the timers know nothing of it.
func TestQueueFollowsTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var jump time.Duration
		q := Queue{now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Round(0).Add(jump)
		}}
		set := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); jump = d }
		start := time.Now()
		q.Set("in 8h", start.Add(8*time.Hour))
		q.Set("in 9h", start.Add(9*time.Hour))
		f := run(t, &q)
		time.Sleep(90 * time.Second)
		want(t, f)

		set(8 * time.Hour)
		time.Sleep(time.Minute)
		want(t, f, "in 8h 2m0s")

		// Set back, everybody is asked to look: what waits would come as much later.
		set(0)
		time.Sleep(time.Minute)
		want(t, f, "in 9h 3m0s")
		q.Set("in 9h", start.Add(9*time.Hour))
		time.Sleep(8 * time.Hour)
		want(t, f)
		time.Sleep(time.Hour)
		want(t, f, "in 9h 9h0m0s")
	})
}

func TestQueueStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		for i := range 100 {
			q.Set(fmt.Sprint(i), time.Now())
		}
		ctx, cancel := context.WithCancel(t.Context())
		count := 0
		q.Run(ctx, func(string) {
			if count++; count == 10 {
				cancel()
			}
		})
		if count != 10 || q.Len() != 90 {
			t.Errorf("fired %d, %d left", count, q.Len())
		}
	})
}

func TestQueueOfManyAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const accounts = 10_000
		s, err := Parse("@every 8h", 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var q Queue
		now := time.Now()
		offset := func(key string) time.Duration { return Offset(key, 30*time.Minute) }
		for i := range accounts {
			key := fmt.Sprintf("account-%d", i)
			q.Set(key, s.First(now, offset(key)))
		}
		count := 0
		perMinute := make(map[int]int)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour+31*time.Minute)
		defer cancel()
		q.Run(ctx, func(key string) {
			count++
			perMinute[int(time.Since(now)/time.Minute)]++
			q.Set(key, s.After(time.Now(), offset(key)))
		})
		if count != 3*accounts {
			t.Errorf("fired %d times, want %d", count, 3*accounts)
		}
		for minute, n := range perMinute {
			if n > 2*accounts/30 {
				t.Errorf("%d of %d in minute %d", n, accounts, minute)
			}
		}
	})
}

func TestQueueConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		f := run(t, &q)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 200 {
					key := fmt.Sprintf("%d-%d", g, i)
					q.Set(key, time.Now().Add(time.Duration(i%5)*time.Second))
					q.Set(key, time.Now().Add(time.Minute))
					if i%4 == 0 {
						q.Remove(key)
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		// An entry that was due for an instant may have fired and been set anew.
		if got := len(f.take()); got < 8*150 || got > 8*400 {
			t.Errorf("fired %d", got)
		}
		if q.Len() != 0 {
			t.Errorf("%d left", q.Len())
		}
	})
}
