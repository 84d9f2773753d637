package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second,
		11: 15 * time.Minute, 12: 15 * time.Minute, 64: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		wait := func(draw float64) time.Duration {
			b := backoff()
			b.Draw = func() float64 { return draw }
			return b.Delay(n)
		}
		equal(t, fmt.Sprint("middle of ", n), wait(0.5), want)
		equal(t, fmt.Sprint("least of ", n), wait(0), want*8/10)
		if most := wait(0.999999); most > want*12/10 || most < want*119/100 {
			t.Errorf("most of %d: %v", n, most)
		}
	}
}

// recorder notes when tries were made, in whole seconds after begun.
type recorder struct {
	begun time.Time
	at    []int
}

func (r *recorder) note() { r.at = append(r.at, int(time.Since(r.begun).Seconds())) }

func TestRetryTimes(t *testing.T) {
	busy := func(after time.Duration) error { return &SendError{Retry: true, After: after, Err: errors.New("busy")} }
	tests := []struct {
		name string
		err  error
		ok   int // the try that succeeds, 0: none
		m    func() Message
		at   []int
		end  string
	}{
		{"any error is tried again", errors.New("odd"), 5, nil, []int{0, 1, 3, 7, 15}, "m delivered 5"},
		{"a longer wait that was asked for", busy(10 * time.Second), 4, nil, []int{0, 10, 20, 30}, "m delivered 4"},
		{"a shorter one", busy(time.Millisecond), 3, nil, []int{0, 1, 3}, "m delivered 3"},
		{"refused for good", &SendError{Err: errors.New("gone")}, 0, nil, []int{0}, "m failed 1"},
		{"a code, until it dies", errors.New("odd"), 0, func() Message { return code("m", "main") },
			[]int{0, 1, 3, 7, 15, 31, 63, 127}, "m failed 8"},
		{"a code that has to wait longer than it lives", busy(time.Hour), 0, func() Message { return code("m", "main") }, []int{0}, "m failed 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := recorder{begun: time.Now()}
				p := w.start(t, w.config("phone", sendFunc(func(context.Context, Message) (Receipt, error) {
					if r.note(); len(r.at) == tt.ok {
						return Receipt{}, nil
					}
					return Receipt{}, tt.err
				})))
				defer p.stop()
				m := message("m", "login.required", "main")
				if tt.m != nil {
					m = tt.m()
				}
				w.add(m)
				after(time.Hour)
				equal(t, "tries", r.at, tt.at)
				equal(t, "outcomes", w.outcomes("phone"), []string{tt.end})
			})
		})
	}
}

func TestGivesUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		begun := time.Now()
		tries, last := 0, time.Duration(0)
		p := w.start(t, w.config("phone", sendFunc(func(_ context.Context, m Message) (Receipt, error) {
			if m.ID == "next" {
				return Receipt{}, nil
			}
			tries, last = tries+1, time.Since(begun)
			return Receipt{}, errors.New("down")
		})))
		defer p.stop()
		w.add(message("m", "login.required", "main"), message("next", "login.required", "main"))
		after(23 * time.Hour)
		equal(t, "outcomes before", w.outcomes("phone"), []string{})
		after(2 * time.Hour)
		// Ten tries in the first 1023 s, then one every quarter of an hour.
		equal(t, "tries", tries, 11+(86400-1023)/900)
		if last > giveUpAfter || last < giveUpAfter-backoff().Most {
			t.Errorf("the last try was after %v", last)
		}
		equal(t, "outcomes", w.outcomes("phone"), []string{fmt.Sprintf("m failed %d", tries), "next delivered 1"})
	})
}

// Newer messages wait while the head does, and at each try it is looked anew at
// what is still true.
func TestTheHeadIsChosenAnewAtEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := recorder{begun: time.Now()}
		var sent []string
		p := w.start(t, w.config("phone", sendFunc(func(_ context.Context, m Message) (Receipt, error) {
			r.note()
			sent = append(sent, m.ID)
			if len(sent) < 4 {
				return Receipt{}, errors.New("down")
			}
			return Receipt{}, nil
		})))
		defer p.stop()
		w.add(code("c1", "main"))
		after(4 * time.Second) // tried at 0, 1 and 3; the next is due at 7
		w.add(code("c2", "main"))
		after(time.Minute)
		equal(t, "sent", sent, []string{"c1", "c1", "c1", "c2"})
		equal(t, "times", r.at, []int{0, 1, 3, 7})
		equal(t, "outcomes", w.outcomes("phone"), []string{"c1 dropped 3", "c2 delivered 1"})
	})
}

func TestARestartNeitherHammersNorForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := recorder{begun: time.Now()}
		down := w.config("phone", sendFunc(func(context.Context, Message) (Receipt, error) {
			r.note()
			return Receipt{}, errors.New("down")
		}))
		p := w.start(t, down)
		w.add(message("m", "login.required", "main"))
		for range 20 {
			after(3 * time.Second)
			p.stop()
			p = w.start(t, down)
		}
		p.stop()
		equal(t, "tries over twenty restarts", r.at, []int{0, 1, 3, 7, 15, 31})
		equal(t, "attempts", w.tries(t, "phone", "m"), 6)
	})
}

// A clock that was set back must not silence a channel for as long.
func TestAClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.start(t, w.config("phone", w.accepting("phone"))).stop()
		progress := w.progress(t, "phone")
		progress.Failed = time.Now().Add(10 * time.Hour)
		progress.RetryAt = progress.Failed.Add(time.Minute)
		if err := w.Save("phone", progress, nil); err != nil {
			t.Fatal(err)
		}
		p := w.start(t, w.config("phone", w.accepting("phone")))
		defer p.stop()
		w.add(message("m", "login.required", "main"))
		synctest.Wait()
		equal(t, "delivered", w.gotIDs("phone"), []string{"m"})
	})
}

func TestAHangingChannelHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		hung := make(chan struct{})
		var inside, most, calls atomic.Int64
		deaf := w.config("deaf", sendFunc(func(context.Context, Message) (Receipt, error) {
			calls.Add(1)
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			<-hung // takes no notice of its context
			return Receipt{}, nil
		}))
		p := w.start(t, deaf, w.config("phone", w.accepting("phone")))
		w.add(message("m1", "login.required", "main"))
		synctest.Wait()
		equal(t, "the other channel", w.gotIDs("phone"), []string{"m1"})
		after(time.Hour)
		if s := p.Status()[0]; s.Attempts < 3 || !strings.Contains(s.LastError, "not come back") {
			t.Errorf("status %+v", s)
		}
		if calls.Load() != 1 || most.Load() != 1 {
			t.Errorf("%d sends, %d at a time", calls.Load(), most.Load())
		}
		// It was only slow: its answer counts, and the message goes out once.
		close(hung)
		after(time.Hour)
		if calls.Load() != 1 {
			t.Errorf("%d sends of a message that had arrived", calls.Load())
		}
		if got := w.outcomes("deaf"); len(got) != 1 || !strings.HasPrefix(got[0], "m1 delivered") {
			t.Errorf("outcomes %v", got)
		}
		p.stop()
	})
}

func TestStopping(t *testing.T) {
	tests := []struct {
		name     string
		takes    time.Duration // 0: until its context ends
		deaf     bool
		stopped  time.Duration
		outcomes []string
	}{
		{"a send that ends in the grace", 3 * time.Second, false, 3 * time.Second, []string{"m delivered 1"}},
		{"a send that is cut", 20 * time.Second, false, grace, []string{}},
		{"a send that ignores its context", 20 * time.Second, true, grace + settle, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				p := w.start(t, w.config("phone", sendFunc(func(ctx context.Context, _ Message) (Receipt, error) {
					if tt.deaf {
						ctx = context.WithoutCancel(ctx)
					}
					if !attempt.Sleep(ctx, tt.takes) {
						return Receipt{}, ctx.Err()
					}
					return Receipt{}, nil
				})))
				w.add(message("m", "login.required", "main"))
				synctest.Wait()
				begun := time.Now()
				p.stop()
				equal(t, "stopped after", time.Since(begun), tt.stopped)
				equal(t, "outcomes", w.outcomes("phone"), tt.outcomes)
				equal(t, "attempts", w.tries(t, "phone", "m"), 0)
				after(time.Minute) // lets the deaf one come back
			})
		})
	}
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var took []time.Duration
		p := w.start(t, w.config("phone", sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			begun := time.Now()
			<-ctx.Done()
			took = append(took, time.Since(begun))
			return Receipt{}, ctx.Err()
		})))
		defer p.stop()
		c := code("c", "main")
		c.Login.ExpiresAt = time.Now().Add(40 * time.Second)
		w.add(c)
		after(time.Hour)
		// The second try begins after 31 s and ends with the code's life.
		equal(t, "tries took", took, []time.Duration{DefaultTimeout, 9 * time.Second})
		equal(t, "outcomes", w.outcomes("phone"), []string{"c failed 2"})
	})
}

func TestPanicsAreTheChannelsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		shaky := w.config("shaky", sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			if m.ID == "poison" {
				panic("canary " + m.Title)
			}
			return w.accepting("shaky")(ctx, m)
		}))
		p := w.start(t, shaky, w.config("phone", w.accepting("phone")))
		defer p.stop()
		w.add(message("poison", "login.required", "main"), message("m", "login.required", "main"))
		after(time.Hour)
		equal(t, "the other channel", w.gotIDs("phone"), []string{"poison", "m"})
		equal(t, "outcomes", w.outcomes("shaky"), []string{"poison failed 3", "m delivered 1"})
		if detail := w.results["shaky"][0].Detail; strings.Contains(detail, "canary") || !strings.Contains(detail, "panicked") {
			t.Errorf("detail %q", detail)
		}
	})
}

func TestHarmlessTexts(t *testing.T) {
	m := Message{Login: &Login{URL: secret.New("https://example.com/canary"), PageURL: "https://example.net/l/canary"}}
	tests := []struct {
		err  error
		want string
	}{
		{errors.New("busy"), "busy"},
		{fmt.Errorf("post: %w", &url.Error{Op: "Post", URL: "https://canary", Err: errors.New("refused")}), "post: refused"},
		{errors.New("no https://example.com/canary here"), "no [redacted] here"},
		{errors.New("no https://example.net/l/canary here"), "no [redacted] here"},
		{errors.New("two\nlines\x1b[31m"), "two lines[31m"},
		{errors.New(strings.Repeat("é", 150)), strings.Repeat("é", 100) + "…"},
	}
	for _, tt := range tests {
		equal(t, "text", harmless(tt.err, m), tt.want)
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add("busy", "https://example.com/canary")
	f.Fuzz(func(t *testing.T, text, hidden string) {
		m := Message{Login: &Login{URL: secret.New(hidden)}}
		got := harmless(errors.New(text), m)
		if len(got) > maxText+len("…") || strings.ContainsAny(got, "\n\r\x1b\x00") {
			t.Errorf("%q", got)
		}
	})
}
