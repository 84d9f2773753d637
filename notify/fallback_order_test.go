package notify

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestFallbackChains(t *testing.T) {
	tests := []struct {
		name string
		edit func([]Config)
		errs [3]error
		got  [3]int // messages that arrived
		ends string
	}{
		{"all works", nil, [3]error{}, [3]int{1, 0, 0}, "m delivered 1"},
		{"the second", nil, [3]error{errDown, nil, nil}, [3]int{0, 1, 0}, "m delivered 3"},
		{"the third", nil, [3]error{errDown, errDown, nil}, [3]int{0, 0, 1}, "m delivered 4"},
		{"the third, after refusals", nil, [3]error{errRefused, errRefused, nil}, [3]int{0, 0, 1}, "m delivered 3"},
		{"none", nil, [3]error{errRefused, errRefused, errRefused}, [3]int{}, "m failed 3"},
		{"the second gets it for itself", func(c []Config) { c[1].Route = everything }, [3]error{errRefused, nil, nil}, [3]int{0, 1, 0}, "m failed 1"},
		{"the third gets it for itself", func(c []Config) { c[2].Route = everything }, [3]error{errRefused, errRefused, nil}, [3]int{0, 0, 1}, "m failed 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				var configs []Config
				for i, name := range []string{"a", "b", "c"} {
					cfg := w.config(name, w.service(name, tt.errs[i]))
					if cfg.Fallback = []string{"b", "c", ""}[i]; i > 0 {
						cfg.Route = nothing
					}
					configs = append(configs, cfg)
				}
				if tt.edit != nil {
					tt.edit(configs)
				}
				run := w.start(t, configs...)
				defer run.stop()
				w.add(message("m", "login.required", "A"))
				after(10 * time.Second)
				equal(t, "arrived", [3]int{len(w.got("a")), len(w.got("b")), len(w.got("c"))}, tt.got)
				equal(t, "outcomes", w.outcomes("a"), []string{tt.ends})
			})
		})
	}
}

func TestFallbacksAreChecked(t *testing.T) {
	w := newWorld()
	channel := w.accepting("any")
	tests := []struct {
		name string
		to   map[string]string
		ok   bool
	}{
		{"a chain", map[string]string{"a": "b", "b": "c", "c": ""}, true},
		{"two onto one", map[string]string{"a": "c", "b": "c", "c": ""}, true},
		{"itself", map[string]string{"a": "a"}, false},
		{"nobody", map[string]string{"a": "x"}, false},
		{"nobody, further on", map[string]string{"a": "b", "b": "x"}, false},
		{"a circle", map[string]string{"a": "b", "b": "a"}, false},
		{"a larger circle", map[string]string{"a": "b", "b": "c", "c": "a"}, false},
		{"a circle further on", map[string]string{"a": "b", "b": "c", "c": "b"}, false},
	}
	for _, tt := range tests {
		var configs []Config
		for name, to := range tt.to {
			cfg := w.config(name, channel)
			cfg.Fallback = to
			configs = append(configs, cfg)
		}
		if _, err := NewPipeline(w, w, zerolog.Nop(), configs...); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A code that neither channel took does not overtake, once the channel works
// again, what came before it.
func TestHandingOverKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		phone, _, configs := w.pair(&SendError{Retry: true, After: 40 * time.Second, Err: errDown}, nil)
		var handed atomic.Int64
		configs[1].Route = Route{[]string{"login.required"}, []string{"A"}}
		configs[1].Channel = sendFunc(func(_ context.Context, m Message) (Receipt, error) {
			if m.Login == nil {
				return Receipt{}, nil
			}
			handed.Add(1)
			return Receipt{}, errDown
		})
		run := w.start(t, configs...)
		defer run.stop()
		w.add(message("m", "login.required", "A"), message("n", "login.required", "A"))
		synctest.Wait()
		w.add(code("c", "A"))
		after(30 * time.Second)
		phone.set(nil)
		after(time.Minute)
		equal(t, "on the phone", w.gotIDs("phone"), []string{"m", "n", "c"})
		if handed.Load() == 0 {
			t.Error("the code was not handed over")
		}
	})
}

func TestACodeThatWouldDieBeforeTheNextTryIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		_, _, configs := w.pair(errDown, nil)
		run := w.start(t, configs...)
		defer run.stop()
		c := code("c", "A")
		c.Login.ExpiresAt = time.Now().Add(900 * time.Millisecond)
		w.add(c)
		synctest.Wait()
		equal(t, "by mail", w.gotIDs("mail"), []string{"c"})
	})
}

// What the channel has refused ends, whatever becomes of the channel that was
// to take it.
func TestARefusedMessageDoesNotWaitForever(t *testing.T) {
	for _, name := range []string{"it is quiet forever", "it is taken away"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				_, _, configs := w.pair(errRefused, nil)
				configs[1].Quiet = func(now time.Time) time.Time { return now.Add(time.Hour) }
				run := w.start(t, configs...)
				w.add(message("m", "login.required", "A"))
				after(time.Minute)
				equal(t, "outcomes", w.outcomes("phone"), []string{})
				if name == "it is taken away" {
					run.stop()
					configs[0].Fallback = ""
					run = w.start(t, configs...)
				} else {
					after(25 * time.Hour)
				}
				run.stop()
				equal(t, "outcomes in the end", w.outcomes("phone"), []string{"m failed 1"})
				equal(t, "the reason", w.results["phone"][1].Detail, "refused")
			})
		})
	}
}

// What overtakes a message that has to wait for its channel is remembered, and
// that is bounded.
func TestOvertakingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		phone, _, configs := w.pair(errDown, nil)
		configs[1].Route = Route{[]string{"login.required"}, []string{Any}}
		run := w.start(t, configs...)
		defer run.stop()
		w.add(message("m", "login.required", "A"))
		synctest.Wait()
		for i := range windowSize + 40 {
			w.add(message(fmt.Sprint("n", i), "account.attention", "B"))
		}
		after(time.Minute)
		if n := len(w.progress(t, "phone").Ahead); n != windowSize {
			t.Errorf("%d places are remembered", n)
		}
		phone.set(nil)
		after(time.Hour)
		equal(t, "in the end", len(w.gotIDs("phone"))+len(w.gotIDs("mail")), windowSize+42)
	})
}
