package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errDown    = errors.New("down")
	errRefused = &SendError{Err: errors.New("refused")}
	nothing    = Route{}
)

// service is one that can be made to fail; it notes what it is asked.
type service struct {
	w    *world
	name string
	err  error // guarded by w.mu
	at   recorder
	ids  []string // all tries, in order
}

func (w *world) service(name string, err error) *service {
	return &service{w: w, name: name, err: err, at: recorder{begun: time.Now()}}
}

func (s *service) Send(_ context.Context, m Message) (Receipt, error) {
	s.w.mu.Lock()
	s.at.note()
	s.ids = append(s.ids, m.ID)
	err := s.err
	s.w.mu.Unlock()
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Answer: "taken"}, s.w.deliver(s.name, m)
}

// tries lists what was asked so far, times when, in seconds.
func (s *service) tries() []string {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return slices.Clone(s.ids)
}

func (s *service) times() []int {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return slices.Clone(s.at.at)
}

func (s *service) set(err error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.err = err
}

// pair is a phone that falls back on mail, which wants nothing of its own.
func (w *world) pair(phone, mail error) (p, m *service, configs []Config) {
	p, m = w.service("phone", phone), w.service("mail", mail)
	first, second := w.grouping("phone", p), w.grouping("mail", m)
	first.Fallback, second.Route = "mail", nothing
	return p, m, []Config{first, second}
}

func TestFallbackTakesOver(t *testing.T) {
	busy := &SendError{Retry: true, After: time.Hour, Err: errors.New("busy")}
	tests := []struct {
		name     string
		err      error
		edit     func([]Config)
		add      []string // messages of A, a code where they begin with c
		phone    []string // tries
		mail     []string
		mailAt   []int
		outcomes []string
	}{
		{name: "after a final refusal", err: errRefused, add: []string{"m"}, phone: []string{"m"}, mail: []string{"m"}, mailAt: []int{0}, outcomes: []string{"m delivered 2"}},
		{name: "after two tries", err: errDown, add: []string{"m"}, phone: []string{"m", "m"}, mail: []string{"m"}, mailAt: []int{1}, outcomes: []string{"m delivered 3"}},
		{name: "where the service asks to be left alone", err: busy, add: []string{"m"}, phone: []string{"m"}, mail: []string{"m"}, mailAt: []int{0}, outcomes: []string{"m delivered 2"}},
		{name: "the next at once, while the service is left alone", err: errDown, add: []string{"m", "n", "c"}, phone: []string{"m", "m"},
			mail: []string{"m", "n", "c"}, mailAt: []int{1, 1, 1}, outcomes: []string{"m delivered 3", "n delivered 1", "c delivered 1"}},
		{name: "in order", err: errRefused, add: []string{"m", "n", "c"}, phone: []string{"m", "n", "c"},
			mail: []string{"m", "n", "c"}, mailAt: []int{0, 0, 0}, outcomes: []string{"m delivered 2", "n delivered 2", "c delivered 2"}},
		{name: "not what it gets for itself", err: errRefused, edit: func(c []Config) { c[1].Route = everything }, add: []string{"m"},
			phone: []string{"m"}, mail: []string{"m"}, mailAt: []int{0}, outcomes: []string{"m failed 1"}},
		{name: "not what tells of it", err: errRefused, add: []string{"about mail"}, phone: []string{"about mail"}, mail: nil, outcomes: []string{"about mail failed 1"}},
		{name: "a code passes what has to wait for the channel", err: errDown, edit: func(c []Config) { c[1].Route = Route{[]string{"login.required"}, []string{Any}} },
			add: []string{"m", "c"}, phone: []string{"m", "m"}, mail: []string{"m", "c"}, mailAt: []int{0, 0}, outcomes: []string{"c delivered 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				phone, mail, configs := w.pair(tt.err, nil)
				if tt.edit != nil {
					tt.edit(configs)
				}
				w.start(t, configs...).stop()
				for _, id := range tt.add {
					m := message(id, "login.required", "A")
					if strings.HasPrefix(id, "c") {
						m = code(id, "A")
					}
					m.About, _ = strings.CutPrefix(id, "about ")
					if m.About == id {
						m.About = ""
					}
					w.add(m)
				}
				run := w.start(t, configs...)
				defer run.stop()
				after(1500 * time.Millisecond)
				equal(t, "tries on the phone", phone.tries(), tt.phone)
				byMail := mail.tries()
				slices.Sort(byMail)
				want := slices.Sorted(slices.Values(tt.mail))
				equal(t, "tries by mail", byMail, want)
				equal(t, "at", mail.times(), tt.mailAt)
				equal(t, "outcomes", w.outcomes("phone"), tt.outcomes)
			})
		})
	}
}

func TestFallbackHandsBack(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprint("restarts ", restarts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				phone, mail, configs := w.pair(errDown, nil)
				run := w.start(t, configs...)
				again := func() {
					if restarts {
						run.stop()
						run = w.start(t, configs...)
					}
				}
				begun := time.Now()
				for i := range 10 {
					w.add(message(fmt.Sprint("m", i), "login.required", "A"))
					after(10 * time.Second)
					again()
				}
				s := run.Status()[0]
				if s.Fallback != "mail" || !s.FailingSince.Equal(begun) || s.LastError != "down" || !s.Delivered.IsZero() {
					t.Errorf("status %+v", s)
				}
				// The wait grows although each message is new.
				equal(t, "tries on the phone", phone.times(), []int{0, 1, 10, 20, 30, 50, 90})
				equal(t, "by mail", w.gotIDs("mail"), []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"})
				equal(t, "details", w.results["phone"][9].Detail, "through mail: taken")
				phone.set(nil)
				after(2 * time.Minute)
				again()
				w.add(message("back", "login.required", "A"))
				after(time.Second)
				equal(t, "on the phone", w.gotIDs("phone"), []string{"back"})
				if s := run.Status()[0]; !s.FailingSince.IsZero() || s.LastError != "" || s.Delivered.IsZero() {
					t.Errorf("status %+v", s)
				}
				equal(t, "tries by mail", len(mail.tries()), 10)
				run.stop()
			})
		})
	}
}

func TestBothFail(t *testing.T) {
	tests := []struct {
		name        string
		phone, mail error
		phoneAt     []int
		mailAt      []int
		outcomes    []string
	}{
		{"for now", errDown, errDown, []int{0, 1, 3, 7, 15, 31}, []int{1, 2, 4, 8, 16, 32}, []string{}},
		{"the fallback for good", errDown, errRefused, []int{0, 1, 3, 7, 15, 31}, []int{1}, []string{}},
		{"the channel for good", errRefused, errDown, []int{0}, []int{0, 1, 3, 7, 15, 31}, []string{}},
		{"both for good", errRefused, errRefused, []int{0}, []int{0}, []string{"m failed 2"}},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", tt.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					phone, mail, configs := w.pair(tt.phone, tt.mail)
					run := w.start(t, configs...)
					w.add(message("m", "login.required", "A"))
					synctest.Wait()
					for range 11 {
						if restarts {
							run.stop()
							run = w.start(t, configs...)
						}
						after(3500 * time.Millisecond)
					}
					equal(t, "tries on the phone", phone.times(), tt.phoneAt)
					equal(t, "tries by mail", mail.times(), tt.mailAt)
					equal(t, "outcomes", w.outcomes("phone"), tt.outcomes)
					after(25 * time.Hour)
					if n := len(w.outcomes("phone")); n != 1 {
						t.Errorf("%d outcomes after a day: %v", n, w.outcomes("phone"))
					}
					run.stop()
					if p := w.progress(t, "phone"); len(p.Trials) > 0 || p.Position != w.end {
						t.Errorf("left behind: %+v", p)
					}
				})
			})
		}
	}
}

// What the channel has refused for good waits for the other one, and keeps
// nobody else from the channel.
func TestARefusedMessageHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, mail, configs := w.pair(nil, errDown)
		configs[0].Channel = sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			if m.ID == "long" {
				return Receipt{}, errRefused
			}
			return w.accepting("phone")(ctx, m)
		})
		run := w.start(t, configs...)
		defer run.stop()
		w.add(message("long", "login.required", "A"), message("m", "login.required", "B"), code("c", "A"), message("n", "account.attention", "A"))
		after(time.Minute)
		equal(t, "on the phone", w.gotIDs("phone"), []string{"m", "c"})
		mail.set(nil)
		after(time.Minute)
		equal(t, "on the phone later", w.gotIDs("phone"), []string{"m", "c", "n"})
		equal(t, "by mail", w.gotIDs("mail"), []string{"long"})
	})
}

func TestFallbackKeepsItsOwnRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, mail, configs := w.pair(errRefused, nil)
		configs[1].Rate = Rate{Messages: 2, Per: time.Minute}
		quietUntil := time.Now().Add(time.Hour)
		configs[1].Quiet = func(now time.Time) time.Time {
			if now.Before(quietUntil) {
				return quietUntil
			}
			return time.Time{}
		}
		run := w.start(t, configs...)
		for i := range 4 {
			w.add(message(fmt.Sprint("m", i), "login.required", fmt.Sprint("account", i)))
		}
		after(59 * time.Minute)
		equal(t, "in its quiet hours", w.gotIDs("mail"), []string{})
		after(2 * time.Minute)
		equal(t, "after them", mail.times(), []int{3600, 3600, 3630, 3660})
		run.stop()
		// Its rate is known after a restart, too.
		w.add(message("n", "login.required", "A"), message("o", "login.required", "B"), message("p", "login.required", "C"))
		run = w.start(t, configs...)
		defer run.stop()
		after(time.Minute)
		equal(t, "after a restart", mail.times()[4:], []int{3690, 3720})
	})
}

func TestQuietHoursAreNotAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, mail, configs := w.pair(errDown, nil)
		until := time.Now().Add(time.Hour)
		configs[0].Quiet = func(now time.Time) time.Time {
			if now.Before(until) {
				return until
			}
			return time.Time{}
		}
		run := w.start(t, configs...)
		defer run.stop()
		w.add(message("m", "login.required", "A"))
		after(59 * time.Minute)
		equal(t, "tries by mail", len(mail.tries()), 0)
		after(2 * time.Minute)
		equal(t, "by mail", w.gotIDs("mail"), []string{"m"})
	})
}

// Codes reach a person through the other channel before they die, whatever the
// channel's own schedule says.
func TestCodesDoNotWaitForAChannelThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, mail, configs := w.pair(errDown, nil)
		run := w.start(t, configs...)
		defer run.stop()
		for i := range 50 {
			w.add(code(fmt.Sprint("c", i), "A"))
			after(3 * time.Minute)
		}
		equal(t, "by mail", len(w.gotIDs("mail")), 50)
		for _, line := range w.outcomes("phone") {
			if !strings.Contains(line, "delivered") {
				t.Errorf("outcome %s", line)
			}
		}
		// The other channel has a bad minute.
		mail.set(errDown)
		w.add(code("late", "A"))
		after(40 * time.Second)
		mail.set(nil)
		after(time.Minute)
		equal(t, "the last one", slices.Contains(w.gotIDs("mail"), "late"), true)
	})
}

// A code that went through the other channel is changed and taken back there.
func TestWhatWentThroughTheOtherChannelIsTakenBackThere(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprint("restarts ", restarts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				own, other := newPhone(w), newPhone(w)
				var down atomic.Bool
				first := w.config("phone", failing{own, &down})
				first.Fallback = "other"
				second := w.config("other", other)
				second.Route = nothing
				run := w.start(t, first, second)
				step := func(m Message) {
					w.add(m)
					after(10 * time.Second)
					if restarts {
						run.stop()
						run = w.start(t, first, second)
					}
				}
				// The two services call their messages alike.
				if _, err := run.Test(t.Context(), "other", threaded("sample", "A")); err != nil {
					t.Fatal(err)
				}
				step(threaded("c1", "A"))
				down.Store(true)
				step(threaded("c2", "A"))
				equal(t, "the other sees", other.sees(), "sample c2")
				step(threaded("c3", "A"))
				equal(t, "the other sees the next in place", other.sees(), "sample c3")
				equal(t, "the other heard", other.heard, []string{"sample", "c2"})
				down.Store(false)
				after(10 * time.Minute)
				step(message("ok", typeSucceeded, "A"))
				equal(t, "the other sees in the end", other.sees(), "sample")
				equal(t, "the phone sees in the end", own.sees(), "ok")
				run.stop()
				equal(t, "remembered", len(w.progress(t, "phone").Shown), 0)
			})
		})
	}
}

// failing is a phone that can be switched off.
type failing struct {
	*phone
	down *atomic.Bool
}

func (f failing) Send(ctx context.Context, m Message) (Receipt, error) {
	if f.down.Load() {
		return Receipt{}, errDown
	}
	return f.phone.Send(ctx, m)
}

func (f failing) Replace(ctx context.Context, m Message, earlier Handle) (Receipt, error) {
	if f.down.Load() {
		return Receipt{}, errDown
	}
	return f.phone.Replace(ctx, m, earlier)
}

func (f failing) Retract(ctx context.Context, earlier Handle) error {
	if f.down.Load() {
		return errDown
	}
	return f.phone.Retract(ctx, earlier)
}

// A grouped message is handed over as the one that it is.
func TestAGroupIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, _, configs := w.pair(errDown, nil)
		run := w.start(t, configs...)
		defer run.stop()
		w.add(grouped("a", "A", time.Second), grouped("b", "B", time.Second))
		after(10 * time.Second)
		equal(t, "by mail", w.gotTitles("mail"), []string{"a+b"})
		equal(t, "outcomes", w.outcomes("phone"), []string{"a delivered 3", "a delivered 3"})
	})
}

// Where the other channel gets some of the members for itself, the others would
// be lost without it.
func TestAGroupIsHandedOverForThoseThatNeedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, _, configs := w.pair(errRefused, nil)
		configs[1].Route = Route{[]string{Any}, []string{"A"}}
		run := w.start(t, configs...)
		defer run.stop()
		w.add(grouped("a", "A", time.Second), grouped("b", "B", time.Second))
		after(10 * time.Second)
		got := w.gotTitles("mail")
		slices.Sort(got)
		equal(t, "by mail", got, []string{"a", "a+b"})
	})
}

// A service that two channels send through gets one message at a time.
func TestAFallbackIsUsedByOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var inside, most atomic.Int64
		slow := sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			time.Sleep(3 * time.Second)
			return w.accepting("slow")(ctx, m)
		})
		var configs []Config
		for i := range 4 {
			cfg := w.config(fmt.Sprint("first", i), w.service("first", errRefused))
			cfg.Fallback = "slow"
			cfg.Route.Accounts = []string{fmt.Sprint("account", i)}
			configs = append(configs, cfg)
		}
		own := w.config("slow", slow)
		own.Route.Accounts = []string{"mine"}
		run := w.start(t, append(configs, own)...)
		defer run.stop()
		for i := range 4 {
			w.add(message(fmt.Sprint("m", i), "login.required", fmt.Sprint("account", i)))
		}
		w.add(message("own", "login.required", "mine"))
		after(time.Minute)
		equal(t, "at a time", most.Load(), 1)
		equal(t, "arrived", len(w.got("slow")), 5)
	})
}
