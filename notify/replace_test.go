package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// phone is a service whose messages can be changed and taken back. Handles are
// h1, h2, … in the order of their messages.
type phone struct {
	w *world
	// guarded by w.mu
	screen               map[Handle]string // what people see
	heard                []string          // what made a sound
	replaceErr, takeBack error
	retracts             int
}

func newPhone(w *world) *phone { return &phone{w: w, screen: map[Handle]string{}} }

func (p *phone) Send(_ context.Context, m Message) (Receipt, error) {
	if err := p.w.deliver("phone", m); err != nil && !p.w.dead {
		return Receipt{}, err
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.heard = append(p.heard, m.ID)
	h := Handle(fmt.Sprint("h", len(p.heard)))
	p.screen[h] = m.ID
	return Receipt{Handle: h}, nil
}

func (p *phone) Replace(_ context.Context, m Message, earlier Handle) (Receipt, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.replaceErr != nil {
		return Receipt{}, p.replaceErr
	}
	if _, ok := p.screen[earlier]; !ok {
		return Receipt{}, &SendError{Err: errors.New("no such message")}
	}
	if !p.w.op() {
		return Receipt{}, errDead
	}
	p.screen[earlier] = m.ID
	p.w.op()
	return Receipt{}, nil
}

func (p *phone) Retract(_ context.Context, earlier Handle) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.retracts++
	if p.takeBack != nil {
		return p.takeBack
	}
	if !p.w.op() {
		return errDead
	}
	delete(p.screen, earlier)
	p.w.op()
	return nil
}

// sees lists what is on the screen, in the order of its first sound.
func (p *phone) sees() string {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	handles := slices.SortedFunc(maps.Keys(p.screen), func(a, b Handle) int { return len(a) - len(b) + strings.Compare(string(a), string(b)) })
	var ids []string
	for _, h := range handles {
		ids = append(ids, p.screen[h])
	}
	return strings.Join(ids, " ")
}

func threaded(id, account string) Message {
	m := code(id, account)
	m.Thread = "incident of " + account
	return m
}

func elsewhere(id, account string) Message {
	m := code(id, account)
	m.Thread = "another incident of " + account
	return m
}

func TestAnOutdatedCodeLeavesTheScreen(t *testing.T) {
	wait := func(d time.Duration) any { return d }
	tests := []struct {
		name   string
		events []string
		steps  []any // messages, and the time between them
		sees   string
		heard  string
	}{
		{"the next code comes without a sound", nil, []any{threaded("c1", "main"), wait(3 * time.Minute), threaded("c2", "main")}, "c2", "c1"},
		{"and the one after it", nil, []any{threaded("c1", "main"), wait(3 * time.Minute), threaded("c2", "main"), wait(3 * time.Minute), threaded("c3", "main")}, "c3", "c1"},
		{"a late one is heard", nil, []any{threaded("c1", "main"), wait(time.Hour), threaded("c2", "main")}, "c2", "c1 c2"},
		{"one of another incident is heard", nil, []any{threaded("c1", "main"), wait(time.Minute), code("c2", "main")}, "c2", "c1 c2"},
		{"one of another incident, by name", nil, []any{threaded("c1", "main"), wait(time.Minute), elsewhere("c2", "main")}, "c2", "c1 c2"},
		{"after a quarter of an hour of changes one is heard", nil, []any{
			threaded("c1", "main"), wait(5 * time.Minute), threaded("c2", "main"), wait(4 * time.Minute), threaded("c3", "main"),
			wait(2 * time.Minute), threaded("c4", "main"),
		}, "c4", "c1 c4"},
		{"a login that succeeded", nil, []any{threaded("c1", "main"), message("ok", typeSucceeded, "main")}, "ok", "c1 ok"},
		{"a login that failed", nil, []any{threaded("c1", "main"), message("no", typeFailed, "main")}, "no", "c1 no"},
		{"an end that the channel does not want", []string{typeCode}, []any{threaded("c1", "main"), message("ok", typeSucceeded, "main")}, "", "c1"},
		{"another account's end", nil, []any{threaded("c1", "main"), threaded("s1", "side"), message("ok", typeSucceeded, "side")}, "c1 ok", "c1 s1 ok"},
		{"what is no code stays", nil, []any{message("dead", "login.required", "main"), threaded("c1", "main"), message("ok", typeSucceeded, "main")}, "dead ok", "dead c1 ok"},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", tt.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					p := newPhone(w)
					cfg := w.config("phone", p)
					if tt.events != nil {
						cfg.Route.Events = tt.events
					}
					run := w.start(t, cfg)
					for _, step := range tt.steps {
						if d, ok := step.(time.Duration); ok {
							after(d)
							continue
						}
						m := step.(Message)
						if m.Login != nil {
							m.Login.ExpiresAt = time.Now().Add(3 * time.Minute)
						}
						w.add(m)
						synctest.Wait()
						if restarts {
							run.stop()
							run = w.start(t, cfg)
						}
					}
					run.stop()
					equal(t, "sees", p.sees(), tt.sees)
					equal(t, "heard", strings.Join(p.heard, " "), tt.heard)
				})
			})
		}
	}
}

func TestReplacingThatFails(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		heard    string
		outcomes []string
	}{
		{"for good", &SendError{Err: errors.New("too old")}, "c1 c2", []string{"c1 delivered 1", "c2 delivered 1"}},
		{"for now", &SendError{Retry: true, Err: errors.New("busy")}, "c1", []string{"c1 delivered 1", "c2 delivered 4"}},
		{"for now, says any other error", errors.New("odd"), "c1", []string{"c1 delivered 1", "c2 delivered 4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				p := newPhone(w)
				run := w.start(t, w.config("phone", p))
				w.add(threaded("c1", "main"))
				synctest.Wait()
				w.mu.Lock()
				p.replaceErr = tt.err
				w.mu.Unlock()
				w.add(threaded("c2", "main"))
				after(5 * time.Second) // tried at 0, 1 and 3; the next is due at 7
				w.mu.Lock()
				p.replaceErr = nil
				w.mu.Unlock()
				after(time.Minute)
				run.stop()
				equal(t, "heard", strings.Join(p.heard, " "), tt.heard)
				equal(t, "outcomes", w.outcomes("phone"), tt.outcomes)
				equal(t, "sees", p.sees(), "c2")
			})
		})
	}
}

func TestRetractingThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := newPhone(w)
		run := w.start(t, w.config("phone", p))
		p.takeBack = &SendError{Retry: true, Err: errors.New("busy")}
		w.add(threaded("c1", "main"))
		synctest.Wait()
		w.add(message("ok", typeSucceeded, "main"))
		after(time.Hour)
		equal(t, "tries without an occasion", p.retracts, 1)
		for i := range 5 {
			w.add(message(fmt.Sprint("m", i), "login.required", "main"))
			synctest.Wait()
		}
		equal(t, "tries", p.retracts, retractTries)
		equal(t, "remembered", len(w.progress(t, "phone").Shown), 0)

		// A service that asks to be left alone is.
		p.takeBack = &SendError{Retry: true, After: 10 * time.Minute, Err: errors.New("busy")}
		w.add(threaded("c2", "main"))
		synctest.Wait()
		w.add(message("ok2", typeSucceeded, "main"))
		synctest.Wait()
		w.add(message("later", "login.required", "main"))
		before := p.retracts
		run.stop()
		run = w.start(t, w.config("phone", p))
		after(9 * time.Minute)
		equal(t, "tries in the meantime", p.retracts, before)
		equal(t, "heard before", p.heard[len(p.heard)-1], "ok2")
		w.mu.Lock()
		p.takeBack = nil
		w.mu.Unlock()
		after(2 * time.Minute)
		equal(t, "heard after", p.heard[len(p.heard)-1], "later")
		if strings.Contains(p.sees(), "c2") {
			t.Errorf("sees %s", p.sees())
		}

		// A message that cannot be taken back is left where it is.
		p.takeBack = &SendError{Err: errors.New("too old")}
		before = p.retracts
		w.add(threaded("c3", "main"))
		synctest.Wait()
		w.add(message("ok3", typeSucceeded, "main"), message("last", "login.required", "main"))
		synctest.Wait()
		equal(t, "tries for good", p.retracts, before+1)
		run.stop()
	})
}

// A restart takes back what the process before it did not come to.
func TestRetractingIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := newPhone(w)
		run := w.start(t, w.config("phone", p))
		p.takeBack = errors.New("busy")
		w.add(threaded("c1", "main"))
		synctest.Wait()
		w.add(message("ok", typeSucceeded, "main"))
		synctest.Wait()
		run.stop()
		p.takeBack = nil
		w.start(t, w.config("phone", p)).stop()
		equal(t, "sees", p.sees(), "ok")
	})
}

// Whatever the moment of a crash, no dead code stays on the screen but one whose
// handle was lost on its way.
func TestACrashAnywhereLeavesOneOutdatedCodeAtMost(t *testing.T) {
	for dieAt := 1; ; dieAt++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			p := newPhone(w)
			cfg := w.config("phone", p)
			w.start(t, cfg).stop()
			w.ops, w.dieAt = 0, dieAt
			run := w.start(t, cfg)
			for i, m := range []Message{threaded("c1", "main"), threaded("c2", "main"), message("ok", typeSucceeded, "main")} {
				if w.dead {
					run.stop()
					w.dead, w.dieAt = false, 0
					run = w.start(t, cfg)
				}
				if m.Login != nil {
					m.Login.ExpiresAt = time.Now().Add(3 * time.Minute)
				}
				w.add(m)
				after(time.Duration(i+1) * time.Minute)
			}
			finished = !w.dead && w.dieAt != 0
			run.stop()
			w.dead, w.dieAt = false, 0
			run = w.start(t, cfg)
			after(time.Hour)
			run.stop()
			left := 0
			for _, id := range p.screen {
				if strings.HasPrefix(id, "c") {
					left++
				}
			}
			if left > 1 || !strings.Contains(p.sees(), "ok") || finished && left > 0 {
				t.Errorf("crash at %d: sees %s", dieAt, p.sees())
			}
		})
		if finished {
			if dieAt < 10 {
				t.Fatalf("only %d operations were tried", dieAt)
			}
			return
		}
	}
}

func TestWhatIsShownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.config("phone", newPhone(w)))
		for i := range 3 * maxShown {
			w.add(threaded(fmt.Sprint("c", i), fmt.Sprint("account", i)))
		}
		synctest.Wait()
		run.stop()
		shown := w.progress(t, "phone").Shown
		equal(t, "shown", len(shown), maxShown)
		equal(t, "the newest", shown[maxShown-1].Message, fmt.Sprint("c", 3*maxShown-1))
	})
}
