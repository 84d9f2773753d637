package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// joined writes "a+b" for several messages, in the order in which they came.
func joined(msgs []Message) Message {
	var titles []string
	for _, m := range msgs {
		titles = append(titles, m.Title)
	}
	return Message{Title: strings.Join(titles, "+")}
}

func (w *world) grouping(name string, channel Channel) Config {
	cfg := w.config(name, channel)
	cfg.Group = joined
	return cfg
}

// grouped is a message of the group "dead".
func grouped(id, account string, hold time.Duration) Message {
	m := message(id, "login.required", account)
	m.Group, m.Thread, m.Gather = "dead", "incident of "+account, Gather{After: 1, For: 10 * time.Minute}
	if hold > 0 {
		m.HoldUntil = time.Now().Add(hold)
	}
	return m
}

// third is one of a group of which three go out before they are gathered.
func third(id, account string) func() Message {
	return func() Message {
		m := grouped(id, account, 0)
		m.Gather.After = 3
		return m
	}
}

// pair is one of a group of which fewer than three at a time go out alone, until
// two have.
func pair(id, account string) func() Message {
	return func() Message {
		m := grouped(id, account, 5*time.Second)
		m.Gather.After, m.Gather.Least = 2, 3
		return m
	}
}

func (w *world) gotTitles(channel string) []string {
	titles := []string{}
	for _, m := range w.got(channel) {
		titles = append(titles, m.Title)
	}
	return titles
}

// edit changes what the source yields.
func (w *world) edit(change func([]Message) []Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = change(w.messages)
	w.wake()
}

// play adds messages, lets time pass and runs functions, in order.
func (w *world) play(t *testing.T, steps ...any) {
	t.Helper()
	for _, step := range steps {
		switch step := step.(type) {
		case time.Duration:
			after(step)
		case func() Message:
			w.add(step())
			synctest.Wait()
		case func():
			step()
			synctest.Wait()
		default:
			t.Fatalf("a step of type %T", step)
		}
	}
}

func TestGrouping(t *testing.T) {
	g := func(id, account string, hold time.Duration) func() Message {
		return func() Message { return grouped(id, account, hold) }
	}
	m := func(id, kind, account string) func() Message {
		return func() Message { return message(id, kind, account) }
	}
	c := func(id, account string) func() Message { return func() Message { return code(id, account) } }
	tests := []struct {
		name  string
		edit  func(*Config)
		steps []any
		got   []string // at the end of the steps
		after []string // an hour later, nil: the same
	}{
		{name: "one alone goes out as itself", steps: []any{g("a", "A", 5*time.Second), 6 * time.Second}, got: []string{"a"}},
		{name: "while others are likely nothing goes out", steps: []any{g("a", "A", 5*time.Second), 4 * time.Second}, got: []string{}, after: []string{"a"}},
		{name: "several go out as one", steps: []any{g("a", "A", 5*time.Second), time.Second, g("b", "B", 5*time.Second), 4500 * time.Millisecond}, got: []string{"a+b"}},
		{name: "what is not likely to be followed goes out at once", steps: []any{g("a", "A", 0)}, got: []string{"a"}},
		{name: "the source holds for half a minute at the most", steps: []any{g("a", "A", time.Hour), 29 * time.Second, g("b", "B", time.Hour), 1500 * time.Millisecond}, got: []string{"a+b"}},
		{name: "later ones are gathered", steps: []any{
			g("a", "A", 0), time.Minute, g("b", "B", 0), time.Minute, g("c", "C", 0), 7 * time.Minute,
		}, got: []string{"a"}, after: []string{"a", "b+c"}},
		{name: "until ten minutes have passed", steps: []any{
			g("a", "A", 0), time.Minute, g("b", "B", 0), time.Minute, g("c", "C", 0), 8*time.Minute + time.Second, g("d", "D", 0), time.Minute,
		}, got: []string{"a", "b+c"}, after: []string{"a", "b+c", "d"}},
		{name: "or as long as the source says", steps: []any{
			g("a", "A", 0), 10 * time.Second, func() Message { m := grouped("b", "B", 0); m.Gather.For = time.Minute; return m }, 51 * time.Second,
		}, got: []string{"a", "b"}},
		{name: "after as many as the source says", steps: []any{
			third("a", "A"), time.Minute, third("b", "B"), time.Minute, third("c", "C"), time.Minute, third("d", "D"), time.Minute, third("e", "E"),
		}, got: []string{"a", "b", "c"}, after: []string{"a", "b", "c", "d+e"}},
		{name: "those of more than an hour ago do not count", steps: []any{
			third("a", "A"), third("b", "B"), third("c", "C"), time.Hour, third("d", "D"), third("e", "E"), third("f", "F"), third("g", "G"),
		}, got: []string{"a", "b", "c", "d", "e", "f"}, after: []string{"a", "b", "c", "d", "e", "f", "g"}},
		{name: "few at a time go out each for itself", steps: []any{
			pair("a", "A"), pair("b", "B"), 6 * time.Second,
		}, got: []string{"a", "b"}},
		{name: "more go out as one", steps: []any{
			pair("a", "A"), pair("b", "B"), pair("c", "C"), 6 * time.Second,
		}, got: []string{"a+b+c"}},
		{name: "and so do few, after some have gone out", steps: []any{
			pair("a", "A"), 6 * time.Second, pair("b", "B"), pair("c", "C"), 6 * time.Second, pair("d", "D"), pair("e", "E"), 6 * time.Second,
		}, got: []string{"a", "b"}, after: []string{"a", "b", "c+d+e"}},
		{name: "or never", steps: []any{
			g("a", "A", 0), func() Message { m := grouped("b", "B", 0); m.Gather = Gather{}; return m }, g("c", "C", 0),
		}, got: []string{"a", "b"}, after: []string{"a", "b", "c"}},
		{name: "another group does not wait", steps: []any{
			g("a", "A", 0), func() Message { m := grouped("b", "B", 0); m.Group = "other"; return m },
		}, got: []string{"a", "b"}},
		{name: "a code frees what it follows, and all that waits with it", steps: []any{
			g("a", "A", 0), time.Second, g("b", "B", 0), g("c", "C", 0), time.Second, c("cc", "C"), time.Second,
		}, got: []string{"a", "b+c", "cc"}},
		{name: "a code of another account does not, and does not wait either", steps: []any{
			g("a", "A", 0), time.Second, g("b", "B", 0), time.Second, c("ca", "A"),
		}, got: []string{"a", "ca"}, after: []string{"a", "ca", "b"}},
		{name: "a code that is not wanted frees nothing", edit: func(c *Config) { c.Route.Events = []string{"login.required"} }, steps: []any{
			g("a", "A", 0), time.Second, g("b", "B", 0), time.Second, c("cb", "B"), time.Second,
		}, got: []string{"a"}, after: []string{"a", "b"}},
		{name: "a code that is over frees nothing", steps: []any{
			g("a", "A", 0), time.Second, g("b", "B", 0), time.Second, func() { // both at once
			}, m("x", "account.attention", "D"), time.Second,
		}, got: []string{"a", "x"}, after: []string{"a", "x", "b"}},
		{name: "while more are likely a code waits with its account", steps: []any{
			g("a", "A", 20*time.Second), c("ca", "A"), time.Second, g("b", "B", 20*time.Second), c("cb", "B"), 18 * time.Second,
		}, got: []string{}, after: []string{"a+b", "ca", "cb"}},
		{name: "but not until little is left of it", steps: []any{
			g("a", "A", 20*time.Second), func() Message { m := code("ca", "A"); m.Login.ExpiresAt = time.Now().Add(65 * time.Second); return m }, 6 * time.Second,
		}, got: []string{"a", "ca"}},
		{name: "order within an account stays", steps: []any{
			g("a", "A", 0), time.Second, g("b", "B", 0), m("ok", typeSucceeded, "B"), m("x", "account.attention", "B"), m("y", "account.attention", "C"), time.Minute,
		}, got: []string{"a", "y"}, after: []string{"a", "y", "b", "ok", "x"}},
		{name: "of one account the latest", steps: []any{
			g("a", "A", 0), time.Second, g("b1", "B", 0), g("c", "C", 0), g("b2", "B", 0),
		}, got: []string{"a"}, after: []string{"a", "c+b2"}},
		{name: "a later one does not overtake what is between", steps: []any{
			g("a", "A", 0), time.Second, g("b1", "B", 0), m("x", "account.attention", "B"), g("b2", "B", 0), g("c", "C", 0),
		}, got: []string{"a"}, after: []string{"a", "b1+c", "x", "b2"}},
		{name: "what is not wanted is no part", edit: func(c *Config) { c.Route.Accounts = []string{"A", "C"} }, steps: []any{
			g("a", "A", 5*time.Second), g("b", "B", 5*time.Second), g("c", "C", 5*time.Second), 6 * time.Second,
		}, got: []string{"a+c"}},
		{name: "one that tells of the channel itself is not wanted", steps: []any{
			func() Message { m := grouped("a", "A", time.Second); m.About = "phone"; return m }, g("b", "B", time.Second), 2 * time.Second,
		}, got: []string{"b"}},
		{name: "without words for several they go out alone", edit: func(c *Config) { c.Group = nil }, steps: []any{
			g("a", "A", 5*time.Second), g("b", "B", 5*time.Second),
		}, got: []string{"a", "b"}},
		{name: "one with a code does not have others gathered", steps: []any{
			func() Message { m := code("ca", "A"); m.Group = "dead"; return m }, g("b", "B", 0),
		}, got: []string{"ca", "b"}},
		{name: "one with a code is no part", steps: []any{
			g("a", "A", 0), time.Second, func() Message { m := code("cb", "B"); m.Group = "dead"; return m },
		}, got: []string{"a", "cb"}},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", tt.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					cfg := w.grouping("phone", w.accepting("phone"))
					if tt.edit != nil {
						tt.edit(&cfg)
					}
					run := w.start(t, cfg)
					for _, step := range tt.steps {
						w.play(t, step)
						if restarts {
							run.stop()
							run = w.start(t, cfg)
						}
					}
					equal(t, "titles", w.gotTitles("phone"), tt.got)
					after(time.Hour)
					if tt.after == nil {
						tt.after = tt.got
					}
					equal(t, "titles later", w.gotTitles("phone"), tt.after)
					run.stop()
					p := w.progress(t, "phone")
					if p.Position != w.end || len(p.Ahead)+len(p.Sending)+len(p.Trials) > 0 {
						t.Errorf("left behind: %+v, the end is %d", p, w.end)
					}
				})
			})
		}
	}
}

func TestTheSourceReleasesWhatItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		defer run.stop()
		w.add(grouped("a", "A", 25*time.Second), grouped("b", "B", 25*time.Second))
		after(3 * time.Second)
		w.edit(func(msgs []Message) []Message {
			for i := range msgs {
				msgs[i].HoldUntil = time.Time{}
			}
			return msgs
		})
		synctest.Wait()
		equal(t, "released", w.gotTitles("phone"), []string{"a+b"})
	})
}

// A journal that is written to all the time does not have the held messages
// read all the time.
func TestHoldingReadsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		defer run.stop()
		whole := 0
		w.mu.Lock()
		w.reading = func(after uint64) {
			if after == 0 {
				whole++
			}
		}
		w.mu.Unlock()
		w.add(grouped("a", "A", 20*time.Second))
		for range 2000 {
			w.pass(1)
			after(10 * time.Millisecond)
		}
		after(time.Second)
		equal(t, "delivered", w.gotIDs("phone"), []string{"a"})
		if whole > 23 {
			t.Errorf("all was read %d times in 20 s", whole)
		}
	})
}

// What was withdrawn while it was held does not go out with others.
func TestAGroupIsReadAnewBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		defer run.stop()
		w.add(grouped("a", "A", 0))
		synctest.Wait()
		w.add(grouped("b", "B", 0), grouped("c", "C", 0))
		after(time.Second)
		w.edit(func(msgs []Message) []Message {
			return slices.DeleteFunc(msgs, func(m Message) bool { return m.ID == "b" })
		})
		after(time.Second)
		w.add(code("cc", "C"))
		after(time.Second)
		equal(t, "titles", w.gotTitles("phone"), []string{"a", "c", "cc"})
	})
}

// Under the id of a message that may have arrived as itself nothing else goes
// out.
func TestWhatWasTriedAloneStaysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service("phone", errDown)
		run := w.start(t, w.config("phone", s))
		w.add(grouped("a", "A", 0))
		after(time.Second)
		run.stop()
		s.set(nil)
		w.add(grouped("b", "B", 0), grouped("c", "C", 0))
		run = w.start(t, w.grouping("phone", s))
		defer run.stop()
		after(time.Hour)
		equal(t, "titles", w.gotTitles("phone"), []string{"a", "b+c"})
	})
}

// An account that is heard of again and again does not hold the others up.
func TestAGroupIsHeldFromItsFirstMessageOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		defer run.stop()
		for i := range 5 {
			w.add(grouped(fmt.Sprint("a", i), "A", time.Hour))
			after(7 * time.Second)
		}
		equal(t, "titles", w.gotTitles("phone"), []string{"a4"})
	})
}

func TestEachMemberHasAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		defer run.stop()
		w.add(grouped("a", "A", time.Second), grouped("b1", "B", time.Second), grouped("b2", "B", time.Second))
		after(2 * time.Second)
		lines := []string{}
		for _, r := range w.results["phone"] {
			lines = append(lines, fmt.Sprint(r.MessageID, " ", r.Account, " ", r.Position, " ", r.Type, " ", r.Outcome, " ", r.Detail))
		}
		equal(t, "results", lines, []string{
			"b1 B 2 login.required dropped a newer message took its place",
			"a A 1 login.required delivered taken", "a B 3 login.required delivered taken",
		})
		m := w.got("phone")[0]
		if m.ID != "a" || len(m.Members) != 2 || m.Members[1].Account != "B" || m.Type != "login.required" || m.Time.IsZero() {
			t.Errorf("the message: %+v", m)
		}
	})
}

// Nothing is remembered of groups that are no longer gathered.
func TestGroupsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		for i := range 2 * maxGathered {
			m := grouped(fmt.Sprint("m", i), "A", 0)
			m.Group = fmt.Sprint("group ", i)
			w.add(m)
			if after(time.Second); i == maxGathered {
				after(time.Hour)
			}
		}
		run.stop()
		equal(t, "arrived", len(w.got("phone")), 2*maxGathered)
		equal(t, "remembered", len(w.progress(t, "phone").Gathered), maxGathered-1)
	})
}

// A window full of messages holds nothing back, and the places that are
// remembered stay few.
func TestHoldingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.grouping("phone", w.accepting("phone")))
		w.add(grouped("a", "A", 0), grouped("b", "B", 0))
		synctest.Wait()
		w.add(grouped("c", "C", 0))
		for i := range 3 * windowSize {
			w.add(message(fmt.Sprint("m", i), "account.attention", "D"))
			synctest.Wait()
			if n := len(w.progress(t, "phone").Ahead); n > windowSize {
				t.Fatalf("%d places are remembered", n)
			}
		}
		before := len(w.gotIDs("phone"))
		equal(t, "arrived, two of them as one", before, 2+3*windowSize)
		run.stop()
		// The same while the channel is quiet, with more than the window holds.
		for i := range 2 * windowSize {
			w.add(grouped(fmt.Sprint("g", i), fmt.Sprint("account", i), time.Hour))
		}
		run = w.start(t, w.grouping("phone", w.accepting("phone")))
		after(time.Hour)
		run.stop()
		n := 0
		for _, title := range w.gotTitles("phone")[before:] {
			n += strings.Count(title, "+") + 1
		}
		equal(t, "members", n, 2*windowSize)
	})
}
