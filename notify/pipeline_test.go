package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestDeliversInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add(message("old", "login.required", "main"))
		p := w.start(t, w.config("phone", w.accepting("phone")))
		defer p.stop()
		for i := range 300 {
			w.add(message(fmt.Sprint("m", i), "login.required", "main"))
		}
		synctest.Wait()
		ids := w.gotIDs("phone")
		if len(ids) != 300 || ids[0] != "m0" || ids[299] != "m299" {
			t.Errorf("%d messages arrived: %v", len(ids), ids)
		}
		s := p.Status()[0]
		if s.Pending || s.Delivered.IsZero() || s.LastError != "" || s.Name != "phone" || s.Type != "test" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestANewChannelStartsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 700 {
			w.add(message(fmt.Sprint("old", i), "login.required", "main"))
		}
		w.pass(50)
		w.start(t, w.config("phone", w.accepting("phone"))).stop()
		equal(t, "position", w.progress(t, "phone").Position, uint64(750))
		// What comes while the keeper is down is not taken for history.
		w.add(message("new", "login.required", "main"))
		p := w.start(t, w.config("phone", w.accepting("phone")))
		defer p.stop()
		equal(t, "delivered", w.gotIDs("phone"), []string{"new"})
	})
}

func TestRoutes(t *testing.T) {
	tests := []struct {
		route Route
		want  string
	}{
		{everything, "required:main code:main required:side "},
		{Route{Events: []string{typeCode}, Accounts: []string{Any}}, "code:main "},
		{Route{Events: []string{Any}, Accounts: []string{"side"}}, "required:side "},
		{Route{Events: []string{"login.required"}, Accounts: []string{"main", "other"}}, "required:main "},
		{Route{Events: []string{"notify.failed", "notify.delivered"}, Accounts: []string{Any}}, ""},
		{Route{Events: []string{"login"}, Accounts: []string{Any}}, ""},
		{Route{Events: []string{Any}}, ""},
		{Route{}, ""},
	}
	var got string
	for _, tt := range tests {
		got = ""
		for _, m := range []Message{
			message("1", "login.required", "main"), message("2", typeCode, "main"),
			message("3", "login.required", "side"), message("4", "notify.failed", "main"),
		} {
			if tt.route.Wants(m) {
				got += strings.TrimPrefix(m.Type, "login.") + ":" + m.Account + " "
			}
		}
		equal(t, fmt.Sprint(tt.route), got, tt.want)
	}
}

func TestPositionsAreSavedLazily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := w.config("phone", w.accepting("phone"))
		cfg.Route.Accounts = []string{"main"}
		p := w.start(t, cfg)
		before := w.saves
		for range 1000 {
			w.pass(1)
			w.add(message("x", "login.required", "side"))
			synctest.Wait()
		}
		if n := w.saves - before; n > 10 {
			t.Errorf("%d saves for nothing to tell", n)
		}
		p.stop()
		equal(t, "position at the end", w.progress(t, "phone").Position, uint64(2000))
	})
}

func TestCoalescing(t *testing.T) {
	old := func(id string) Message {
		m := code(id, "main")
		m.Login.ExpiresAt = time.Now().Add(-time.Second)
		return m
	}
	tests := []struct {
		name      string
		events    []string
		pending   func() []Message
		delivered []string
		outcomes  []string
	}{
		{"a newer code", []string{Any}, func() []Message {
			return []Message{message("dead", "login.required", "main"), code("c1", "main"), code("c2", "main")}
		}, []string{"dead", "c2"}, []string{"dead delivered 1", "c1 dropped 0", "c2 delivered 1"}},
		{"the login ended well", []string{Any}, func() []Message {
			return []Message{code("c1", "main"), message("ok", typeSucceeded, "main")}
		}, []string{"ok"}, []string{"c1 dropped 0", "ok delivered 1"}},
		{"the login failed", []string{Any}, func() []Message {
			return []Message{code("c1", "main"), message("no", typeFailed, "main")}
		}, []string{"no"}, []string{"c1 dropped 0", "no delivered 1"}},
		{"it ended, and the channel does not want to know", []string{typeCode}, func() []Message {
			return []Message{code("c1", "main"), message("ok", typeSucceeded, "main")}
		}, nil, []string{"c1 dropped 0"}},
		{"another account's code", []string{Any}, func() []Message {
			return []Message{code("c1", "main"), code("s1", "side")}
		}, []string{"c1", "s1"}, []string{"c1 delivered 1", "s1 delivered 1"}},
		{"messages that are not codes stay", []string{Any}, func() []Message {
			return []Message{message("a", "account.attention", "main"), message("b", "account.attention", "main")}
		}, []string{"a", "b"}, []string{"a delivered 1", "b delivered 1"}},
		{"a dead code", []string{Any}, func() []Message {
			return []Message{old("c1"), message("b", "account.attention", "main")}
		}, []string{"b"}, []string{"c1 dropped 0", "b delivered 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				cfg := w.config("phone", w.accepting("phone"))
				cfg.Route.Events = tt.events
				w.start(t, cfg).stop()
				w.add(tt.pending()...)
				p := w.start(t, cfg)
				defer p.stop()
				equal(t, "delivered", w.gotIDs("phone"), append([]string{}, tt.delivered...))
				equal(t, "outcomes", w.outcomes("phone"), tt.outcomes)
			})
		})
	}
}

// A source may withdraw a code that was scanned while other messages were being
// sent.
func TestACodeIsReadAnewBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := w.config("phone", sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			if m.ID == "m1" {
				w.mu.Lock()
				w.messages = slices.DeleteFunc(w.messages, func(m Message) bool { return m.ID == "c1" })
				w.mu.Unlock()
			}
			return w.accepting("phone")(ctx, m)
		}))
		w.start(t, cfg).stop()
		w.add(message("m1", "login.required", "main"), code("c1", "main"), code("s1", "side"), message("m2", "login.required", "main"))
		p := w.start(t, cfg)
		defer p.stop()
		equal(t, "delivered", w.gotIDs("phone"), []string{"m1", "s1", "m2"})
	})
}

// Each crash leaves the ledger as it was saved last. Whatever the moment, each
// message arrives, with its own id, and no code arrives dead.
func TestACrashAnywhereLosesNothing(t *testing.T) {
	for dieAt := 1; ; dieAt++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.start(t, w.config("phone", w.accepting("phone"))).stop()
			w.ops = 0
			w.dieAt = dieAt

			tries := 0
			flaky := sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
				if m.Expired(time.Now()) {
					t.Errorf("crash at %d: %s was sent dead", dieAt, m.ID)
				}
				if tries++; tries%2 == 1 {
					return Receipt{}, errors.New("not now")
				}
				return w.accepting("phone")(ctx, m)
			})
			p := w.start(t, w.config("phone", flaky))
			w.add(message("m1", "login.required", "main"), code("c1", "main"))
			after(2500 * time.Millisecond)
			w.add(code("c2", "main"), message("m2", typeSucceeded, "side"))
			after(time.Minute)
			finished = !w.dead
			p.stop()

			w.dead, w.dieAt = false, 0
			p = w.start(t, w.config("phone", flaky))
			after(time.Hour)
			p.stop()
			ids := w.gotIDs("phone")
			for _, id := range []string{"m1", "c2", "m2"} {
				// A crash that took the whole time of a code's life may cost the code.
				if n := count(ids, id); n < 1 || n > 2 {
					t.Errorf("crash at %d: %s arrived %d times: %v", dieAt, id, n, ids)
				}
			}
			ended := map[string]int{}
			for _, r := range w.results["phone"] {
				ended[r.MessageID]++
			}
			equal(t, fmt.Sprintf("crash at %d: recorded ends", dieAt), ended, map[string]int{"m1": 1, "c1": 1, "c2": 1, "m2": 1})
		})
		if finished {
			if dieAt < 10 {
				t.Fatalf("only %d operations were tried", dieAt)
			}
			return
		}
	}
}

func count(ids []string, id string) (n int) {
	for _, i := range ids {
		if i == id {
			n++
		}
	}
	return n
}

// A crash with the answer on its way repeats the message under the same id.
func TestACrashBeforeTheRecordRepeatsTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.start(t, w.config("phone", w.accepting("phone"))).stop()
		dying := sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
			receipt, err := w.accepting("phone")(ctx, m)
			w.mu.Lock()
			w.dead = true
			w.mu.Unlock()
			return receipt, err
		})
		p := w.start(t, w.config("phone", dying))
		w.add(message("m1", "login.required", "main"))
		synctest.Wait()
		p.stop()
		w.dead = false
		w.start(t, w.config("phone", w.accepting("phone"))).stop()
		equal(t, "delivered", w.gotIDs("phone"), []string{"m1", "m1"})
		equal(t, "outcomes", w.outcomes("phone"), []string{"m1 delivered 1"})
	})
}

func TestNewPipelineRefuses(t *testing.T) {
	w := newWorld()
	ok := w.config("phone", w.accepting("phone"))
	tests := []struct {
		name string
		src  Source
		led  Ledger
		cfgs []Config
	}{
		{"no source", nil, w, nil},
		{"no ledger", w, nil, nil},
		{"no name", w, w, []Config{{Channel: ok.Channel}}},
		{"no channel", w, w, []Config{{Name: "phone"}}},
		{"two of a name", w, w, []Config{ok, ok}},
		{"negative timeout", w, w, []Config{{Name: "phone", Channel: ok.Channel, Timeout: -1}}},
		{"a rate of nothing", w, w, []Config{{Name: "phone", Channel: ok.Channel, Rate: Rate{Per: time.Minute}}}},
		{"a rate in no time", w, w, []Config{{Name: "phone", Channel: ok.Channel, Rate: Rate{Messages: 1}}}},
	}
	for _, tt := range tests {
		if _, err := NewPipeline(tt.src, tt.led, zerolog.Nop(), tt.cfgs...); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
}

func TestAPipelineRunsOnceAtATimeAndWithoutChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := w.start(t)
		if err := p.Run(t.Context()); err == nil {
			t.Error("it ran twice")
		}
		equal(t, "channels", len(p.Status()), 0)
		p.stop()
	})
}

func TestSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := w.config("phone", w.accepting("phone"))
		cfg.Route = Route{}
		cfg.Quiet = func(now time.Time) time.Time { return now.Add(time.Hour) }
		leaky := w.config("leaky", sendFunc(func(_ context.Context, m Message) (Receipt, error) {
			return Receipt{}, errors.New("cannot post " + m.Login.URL.Reveal())
		}))
		p := w.start(t, cfg, leaky)
		defer p.stop()
		receipt, err := p.Test(t.Context(), "phone", code("sample", "main"))
		if err != nil || receipt.Answer != "taken" {
			t.Errorf("%v, %v", receipt, err)
		}
		equal(t, "delivered", w.gotIDs("phone"), []string{"sample"})
		equal(t, "outcomes", w.outcomes("phone"), []string{})
		if _, err := p.Test(t.Context(), "nobody", Message{}); !errors.Is(err, ErrNoChannel) {
			t.Errorf("%v", err)
		}
		if _, err := p.Test(t.Context(), "leaky", code("sample", "main")); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Test(ctx, "phone", code("sample", "main")); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestQuietHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		begun := time.Now()
		end := begun.Add(8 * time.Hour)
		cfg := w.config("phone", w.accepting("phone"))
		cfg.Quiet = func(now time.Time) time.Time {
			if now.Before(end) {
				return end
			}
			return time.Time{}
		}
		p := w.start(t, cfg, w.config("desk", w.accepting("desk")))
		defer p.stop()
		w.add(message("dead", "login.required", "main"), code("c1", "main"))
		after(time.Minute)
		w.add(code("c2", "main"))
		after(7*time.Hour + 58*time.Minute)
		w.add(code("c3", "main"))
		after(59*time.Second + 999*time.Millisecond)
		equal(t, "in quiet hours", w.gotIDs("phone"), []string{})
		equal(t, "elsewhere", w.gotIDs("desk"), []string{"dead", "c1", "c2", "c3"})
		if s := p.Status()[0]; !s.Pending || !s.RetryAt.Equal(end) {
			t.Errorf("status %+v", s)
		}
		after(time.Millisecond)
		synctest.Wait()
		equal(t, "at their end", w.gotIDs("phone"), []string{"dead", "c3"})
		equal(t, "outcomes", w.outcomes("phone"), []string{"dead delivered 1", "c1 dropped 0", "c2 dropped 0", "c3 delivered 1"})
	})
}

func TestAWindowFullOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := w.config("phone", w.accepting("phone"))
		w.start(t, cfg).stop()
		var want []string
		for i := range 3 * windowSize {
			id := fmt.Sprint("m", i)
			want = append(want, id)
			w.add(message(id, "account.attention", "main"))
		}
		p := w.start(t, cfg)
		defer p.stop()
		if got := w.gotIDs("phone"); !slices.Equal(got, want) {
			t.Errorf("%d of %d arrived", len(got), len(want))
		}
	})
}
