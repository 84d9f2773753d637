package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dyingAfter takes a message, and the process dies before it hears of that.
func (w *world) dyingAfter(name string) sendFunc {
	return func(ctx context.Context, m Message) (Receipt, error) {
		receipt, err := w.accepting(name)(ctx, m)
		w.mu.Lock()
		w.dead = true
		w.mu.Unlock()
		w.kill()
		<-ctx.Done()
		return receipt, errors.Join(err, ctx.Err())
	}
}

// The process dies while a grouped message is on its way, and more come before
// it is back. What goes out again has the same id and says the same.
func TestACrashInAGroupedSend(t *testing.T) {
	tests := []struct {
		name     string
		between  func([]Message) []Message
		want     []string
		outcomes []string
	}{
		{"all are still there", nil, []string{"a+b", "a+b", "c"},
			[]string{"a delivered 1", "a delivered 1", "c delivered 1"}},
		{"one yields no message any more", func(msgs []Message) []Message { return msgs[1:] },
			[]string{"a+b", "b", "c"}, []string{"a delivered 1", "c delivered 1"}},
		{"one has been overtaken", func(msgs []Message) []Message { msgs[0].Passing = true; return msgs },
			[]string{"a+b", "b", "c", "over"}, []string{"a delivered 1", "a dropped 0", "c delivered 1", "over delivered 1"}},
		{"none is there", func(msgs []Message) []Message { return msgs[2:] },
			[]string{"a+b", "c"}, []string{"c delivered 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				cfg := w.grouping("phone", w.accepting("phone"))
				w.start(t, cfg).stop()
				run := w.start(t, w.grouping("phone", w.dyingAfter("phone")))
				w.add(grouped("a", "A", time.Second), grouped("b", "B", time.Second))
				after(time.Minute)
				run.stop()
				w.dead = false
				w.add(grouped("c", "C", 0))
				if strings.Contains(tt.name, "overtaken") {
					over := message("over", "login.scanned", "A")
					over.Thread = "incident of A"
					w.add(over)
				}
				if tt.between != nil {
					w.edit(tt.between)
				}
				run = w.start(t, cfg)
				after(time.Hour)
				run.stop()
				got := w.gotTitles("phone")
				slices.Sort(got[1:])
				equal(t, "titles", got, tt.want)
				if len(got) > 2 && w.gotIDs("phone")[1] != "a" {
					t.Errorf("the second has another id: %v", w.gotIDs("phone"))
				}
				ends := w.outcomes("phone")
				slices.Sort(ends)
				equal(t, "outcomes", ends, tt.outcomes)
			})
		})
	}
}

// A message that goes out by itself, since there are few, dies on its way, and
// then there are many: under its id it says the same again.
func TestACrashInASendOfFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		few := func(id, account string) Message {
			m := grouped(id, account, 0)
			m.Gather = Gather{After: 3, Least: 2}
			return m
		}
		cfg := w.grouping("phone", w.accepting("phone"))
		w.start(t, cfg).stop()
		run := w.start(t, w.grouping("phone", w.dyingAfter("phone")))
		w.add(few("a", "A"))
		after(time.Minute)
		run.stop()
		w.dead = false
		w.add(few("b", "B"), few("c", "C"))
		run = w.start(t, cfg)
		after(time.Hour)
		run.stop()
		equal(t, "titles", w.gotTitles("phone"), []string{"a", "a", "b+c"})
		equal(t, "ids", w.gotIDs("phone"), []string{"a", "a", "b"})
	})
}

// Whatever the moment of a crash, each member arrives under one id.
func TestACrashAnywhereKeepsTheGroup(t *testing.T) {
	for dieAt := 1; ; dieAt++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			cfg := w.grouping("phone", w.accepting("phone"))
			w.start(t, cfg).stop()
			w.ops, w.dieAt = 0, dieAt
			run := w.start(t, cfg)
			w.add(grouped("a", "A", 2*time.Second), grouped("b", "B", 2*time.Second))
			after(3 * time.Second)
			w.add(grouped("c", "C", 0), message("x", "account.attention", "D"), grouped("d", "D", 0))
			after(time.Second)
			w.add(code("cd", "D"))
			after(time.Second)
			finished = !w.dead
			run.stop()
			w.dead, w.dieAt = false, 0
			w.add(grouped("e", "E", 0))
			run = w.start(t, cfg)
			after(time.Hour)
			run.stop()
			under := map[string]map[string]bool{}
			for _, m := range w.got("phone") {
				for title := range strings.SplitSeq(m.Title, "+") {
					if under[title] == nil {
						under[title] = map[string]bool{}
					}
					under[title][m.ID] = true
				}
			}
			for _, id := range []string{"a", "b", "c", "d", "e", "x", "cd"} {
				if len(under[id]) != 1 {
					t.Errorf("crash at %d: %s arrived under %v", dieAt, id, under[id])
				}
			}
			if p := w.progress(t, "phone"); p.Position != w.end || len(p.Ahead) > 0 {
				t.Errorf("crash at %d: %+v", dieAt, p)
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

// A composition for which there are no words any more is taken apart.
func TestACrashInAGroupedSendAndNoMoreWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.service("phone", errDown)))
		w.add(grouped("a", "A", time.Second), grouped("b", "B", time.Second))
		after(2 * time.Second)
		run.stop()
		equal(t, "compositions", len(w.progress(t, "phone").Sending), 1)
		run = w.start(t, w.config("phone", w.accepting("phone")))
		after(time.Hour)
		run.stop()
		equal(t, "titles", w.gotTitles("phone"), []string{"a", "b"})
		if p := w.progress(t, "phone"); len(p.Sending)+len(p.Trials) > 0 {
			t.Errorf("left behind: %+v", p)
		}
	})
}
