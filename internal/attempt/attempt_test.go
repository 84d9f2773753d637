package attempt

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

var (
	errTimeout  = errors.New("no answer")
	errBusy     = errors.New("busy")
	errPanicked = errors.New("panicked")
	errOwn      = errors.New("refused")
)

func newSlot() *Slot {
	return NewSlot(Guard{Err: errPanicked, Message: "it panicked", Log: zerolog.Nop()}, errTimeout, errBusy)
}

var limits = Limits{Most: 30 * time.Second, Grace: 5 * time.Second, Settle: time.Second}

func TestDo(t *testing.T) {
	// A try that ends after a time, or some time after its context.
	ends := func(after, settling time.Duration, err error) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if Sleep(ctx, after) {
				return 7, err
			}
			time.Sleep(settling)
			return 7, ctx.Err()
		}
	}
	const never = time.Hour
	tests := []struct {
		name  string
		stop  time.Duration // when the caller's context ends
		f     func(context.Context) (int, error)
		value int
		err   error
		took  time.Duration
		late  bool
	}{
		{"a success", never, ends(time.Second, 0, nil), 7, nil, time.Second, false},
		{"a failure", never, ends(time.Second, 0, errOwn), 7, errOwn, time.Second, false},
		{"too slow", never, ends(time.Minute, 0, nil), 7, context.DeadlineExceeded, 30 * time.Second, false},
		{"it ignores its context", never, func(context.Context) (int, error) { time.Sleep(time.Minute); return 7, nil }, 0, errTimeout, 31 * time.Second, true},
		{"it ignores its context and fails", never, func(context.Context) (int, error) { time.Sleep(time.Minute); return 7, errOwn }, 0, errTimeout, 31 * time.Second, false},
		{"a success just after the limit", never, func(context.Context) (int, error) { time.Sleep(30500 * time.Millisecond); return 7, nil }, 7, nil, 30500 * time.Millisecond, false},
		{"a success in the time of grace", time.Second, ends(4*time.Second, 0, nil), 7, nil, 4 * time.Second, false},
		{"a failure in the time of grace", time.Second, ends(4*time.Second, 0, errOwn), 7, errOwn, 4 * time.Second, false},
		{"cut", time.Second, ends(20*time.Second, 0, nil), 7, ErrCut, 6 * time.Second, false},
		{"cut, and it takes its time", time.Second, ends(20*time.Second, 500*time.Millisecond, nil), 7, ErrCut, 6500 * time.Millisecond, false},
		{"cut, and it does not come back", time.Second, func(context.Context) (int, error) { time.Sleep(time.Minute); return 7, nil }, 0, ErrCut, 7 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSlot()
				ctx, cancel := context.WithTimeout(t.Context(), tt.stop)
				defer cancel()
				if err := s.Take(ctx, 0); err != nil {
					t.Fatal(err)
				}
				begun, late := time.Now(), false
				value, err := Do(ctx, s, limits, tt.f, func(int) { late = true })
				if took := time.Since(begun); value != tt.value || !errors.Is(err, tt.err) || took != tt.took {
					t.Errorf("%d, %v after %v, want %d, %v after %v", value, err, took, tt.value, tt.err, tt.took)
				}
				abandoned := value == 0
				if err := s.Take(t.Context(), 0); (err != nil) != abandoned || err != nil && !errors.Is(err, errBusy) {
					t.Errorf("the next try: %v", err)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if late != tt.late {
					t.Errorf("told of a late success: %t", late)
				}
				if err := s.Take(t.Context(), 0); abandoned && err != nil {
					t.Errorf("once the try is back: %v", err)
				}
			})
		})
	}
}

func TestTakeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlot()
		if err := s.Take(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := s.Take(t.Context(), time.Second); !errors.Is(err, errBusy) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.Take(ctx, time.Second); !errors.Is(err, ErrCut) {
			t.Errorf("stopping: %v", err)
		}
		time.AfterFunc(time.Millisecond, s.Free)
		if err := s.Take(t.Context(), time.Second); err != nil {
			t.Errorf("freed meanwhile: %v", err)
		}
	})
}

func TestAPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlot()
		var empty []int
		for _, tt := range []struct {
			f    func() int
			want string
		}{
			{func() int { panic("a canary") }, "panicked: string"},
			{func() int { return empty[0] }, "panicked: runtime error: index out of range [0] with length 0"},
		} {
			if err := s.Take(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			_, err := Do(t.Context(), s, limits, func(context.Context) (int, error) { return tt.f(), nil }, nil)
			if !errors.Is(err, errPanicked) || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Most: 15 * time.Minute, MostAsked: time.Hour, Spread: 0.2}
	for n, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second,
		11: 15 * time.Minute, 12: 15 * time.Minute, 64: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		for draw, share := range map[float64]float64{0: 0.8, 0.5: 1, 0.999999999: 1.2} {
			b.Draw = func() float64 { return draw }
			exact := time.Duration(float64(want) * share)
			if got := b.Delay(n); (got - exact).Abs() > time.Millisecond {
				t.Errorf("the wait after %d failures at %v: %v, want %v", n, draw, got, exact)
			}
		}
	}
	b.Spread = 0
	for asked, want := range map[time.Duration]time.Duration{0: 4 * time.Second, time.Second: 4 * time.Second, time.Minute: time.Minute, 2 * time.Hour: time.Hour} {
		if got := b.Asked(3, asked); got != want {
			t.Errorf("asked for %v: %v, want %v", asked, got, want)
		}
	}
	if got := (Backoff{First: time.Minute, Most: time.Second}).Delay(1); got != time.Second {
		t.Errorf("a first wait over the longest: %v", got)
	}
}

func TestUntil(t *testing.T) {
	b := Backoff{First: time.Second, Most: 4 * time.Second}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []int
		var heard []int
		err := Until(t.Context(), b, func() error {
			at = append(at, int(time.Since(begun).Seconds()))
			if len(at) < 5 {
				return errOwn
			}
			return nil
		}, func(n int, err error) {
			if errors.Is(err, errOwn) {
				heard = append(heard, n)
			}
		})
		if err != nil || len(at) != 5 || at[4] != 1+2+4+4 || len(heard) != 4 || heard[3] != 4 {
			t.Errorf("%v, tried at %v, heard of %v", err, at, heard)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		tries := 0
		err = Until(ctx, b, func() error { tries++; return errOwn }, func(int, error) {})
		if !errors.Is(err, context.DeadlineExceeded) || tries != 2 {
			t.Errorf("stopped: %v after %d tries", err, tries)
		}
		err = Until(ctx, b, func() error { return errOwn }, func(int, error) { t.Error("heard of a failure after the end") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("begun too late: %v", err)
		}
	})
}

func TestTimes(t *testing.T) {
	early, late, never := time.Unix(1, 0), time.Unix(2, 0), time.Time{}
	for _, tt := range []struct{ a, b, earlier, later time.Time }{
		{early, late, early, late}, {late, early, early, late}, {never, late, late, late}, {late, never, late, late}, {never, never, never, never},
	} {
		if e, l := Earlier(tt.a, tt.b), Later(tt.a, tt.b); e != tt.earlier || l != tt.later {
			t.Errorf("of %v and %v: %v and %v", tt.a, tt.b, e, l)
		}
	}
}
