package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is when the plans of these tests are made.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// planned is a case of TestPlan. Its window is written as a line: each word is
// "account:kind", where the kind is one of those in message.
type planned struct {
	name   string
	window string
	setup  func(w *window, p *Progress, l *limits)
	want   string
}

// messages of a window, the first of which is m1 at position 1.
func windowOf(line string) *window {
	w := &window{began: noon}
	for word := range strings.FieldsSeq(line) {
		account, kind, _ := strings.Cut(word, ":")
		w.upto++
		m := Message{ID: fmt.Sprint("m", w.upto), Type: "account.attention", Account: account, Time: at(-1), Position: w.upto, Thread: account}
		switch kind {
		case "code", "dead":
			m.Type, m.Login = typeCode, &Login{ExpiresAt: at(120)}
			if kind == "dead" {
				m.Login.ExpiresAt = at(0)
			}
		case "ok":
			m.Type = typeSucceeded
		case "group", "held":
			m.Type, m.Group = "login.required", "g"
			if kind == "held" {
				m.HoldUntil = at(20)
			}
		case "other":
			m.Type = "vault.full"
		case "about":
			m.About = "phone"
		case "forphone":
			m.Type, m.For = "vault.full", "phone"
		case "formail":
			m.For = "mail"
		}
		w.msgs = append(w.msgs, m)
	}
	return w
}

// line writes an action down.
func (a action) line() string {
	var parts []string
	for _, m := range a.batch.members {
		parts = append(parts, m.ID)
	}
	what := strings.Join(parts, "+")
	seconds := func(t time.Time) string {
		if t.IsZero() {
			return "a change"
		}
		return t.Sub(noon).String()
	}
	switch a.verb {
	case actWait:
		line := "wait with " + what + " for " + seconds(a.until)
		if !a.again.IsZero() {
			line += ", read after " + seconds(a.again)
		}
		return line
	case actRead:
		return "read"
	case actPass:
		return "pass " + what
	case actOutdate:
		return "outdate by " + what
	case actSend:
		return "send " + what + " via " + a.via
	case actEnd:
		return fmt.Sprintf("end %s: %s %d %s", what, a.result.Outcome, a.result.Attempts, a.result.Detail)
	case actTell:
		return "tell of " + what
	}
	return "nothing"
}

func tried(id string, attempts int, refused ...string) Trial {
	return Trial{ID: id, Attempts: attempts, Since: at(-30), Refused: refused, Reason: "down"}
}

func TestPlan(t *testing.T) {
	fails := func(_ *window, _ *Progress, l *limits) { l.own.failing, l.own.rests = at(-30), at(40) }
	alone := func(f func(*window, *Progress, *limits)) func(*window, *Progress, *limits) {
		return func(w *window, p *Progress, l *limits) { l.others = nil; f(w, p, l) }
	}
	tests := []planned{
		{"an empty window", "", nil, "wait with  for a change"},
		{"a message", "A: B:", nil, "send m1 via phone"},
		{"one that nobody wants", "A:other B:", nil, "pass m1"},
		{"a later one is passed in its turn", "A:held B:other", nil, "wait with m1 for 20s"},
		{"one about the channel", "A:about", nil, "pass m1"},
		{"the end of a code that is shown", "A: B:ok", func(_ *window, p *Progress, l *limits) {
			l.own.route.Accounts, p.Shown = []string{"A"}, []Shown{{Account: "B"}}
			l.own.quiet = at(60)
		}, "wait with m1 for 1m0s"},
		{"it is taken back first where nothing keeps it", "B:ok A:", func(_ *window, p *Progress, l *limits) {
			l.own.route.Accounts, p.Shown = []string{"A"}, []Shown{{Account: "B"}}
		}, "outdate by m1"},

		{"a code that another one replaces", "A:code A:code", nil, "end m1: dropped 0 a newer message took its place"},
		{"a code that is of no use any more", "A:code A:ok", nil, "end m1: dropped 0 a newer message took its place"},
		{"a code of another account", "A:code B:code", nil, "send m1 via phone"},
		{"a code that has expired", "A:dead", nil, "end m1: dropped 0 its code has expired"},
		{"a code that has expired while it was tried", "A:dead", func(_ *window, p *Progress, _ *limits) { p.Trials = []Trial{tried("m1", 3)} },
			"end m1: failed 3 its code has expired"},
		{"after something was sent a code is read anew", "A:code", func(w *window, _ *Progress, _ *limits) { w.sent = true }, "read"},
		{"others are not", "A:", func(w *window, _ *Progress, _ *limits) { w.sent = true }, "send m1 via phone"},
		{"after the source has changed all are", "A:", func(w *window, _ *Progress, _ *limits) { w.changed = true }, "read"},

		{"quiet hours", "A: B:code", func(_ *window, _ *Progress, l *limits) { l.own.quiet = at(600) }, "wait with m1 for 10m0s"},
		{"the rate", "A: B:", func(_ *window, _ *Progress, l *limits) { l.own.full = at(3) }, "wait with m1 for 3s"},
		{"what is being tried comes first", "A: B:", func(_ *window, p *Progress, _ *limits) { p.Trials = []Trial{tried("m2", 1)} }, "send m2 via phone"},

		{"a group", "A:group B:group C:", nil, "send m1+m2 via phone"},
		{"a channel that cannot group", "A:group B:group", func(_ *window, _ *Progress, l *limits) { l.groups = false }, "send m1 via phone"},
		{"the latest of each account", "A:group B:group A:group", nil, "send m2+m3 via phone"},
		{"what stands between keeps its order", "A:group B: B:group", nil, "send m1 via phone"},
		{"a group that waits for others", "A:held B:held C:", nil, "send m3 via phone"},
		{"nothing of its accounts overtakes it", "A:held A:code", nil, "wait with m1 for 20s"},
		{"a code behind it ends the wait in time", "A:held A:code", func(w *window, _ *Progress, _ *limits) { w.msgs[1].Login.ExpiresAt = at(65) }, "wait with m1 for 5s"},
		{"the source may end the wait", "A:held", func(w *window, _ *Progress, _ *limits) { w.changed = true }, "wait with m1 for 20s, read after 1s"},
		{"half a minute at the most", "A:held", func(w *window, _ *Progress, _ *limits) { w.msgs[0].HoldUntil = at(3600) }, "wait with m1 for 29s"},
		{"a composition in the ledger stays as it is", "A:group B:group C:group", func(_ *window, p *Progress, _ *limits) {
			p.Sending = []Sending{{ID: "m1", Positions: []uint64{1, 3}}}
		}, "send m1+m3 via phone"},
		{"a few, each for itself", "A:group B:group", func(w *window, _ *Progress, _ *limits) {
			for i := range w.msgs {
				w.msgs[i].Gather = Gather{After: 3, Least: 3}
			}
		}, "send m1 via phone"},
		{"many within the hour are gathered", "A:group", func(w *window, p *Progress, _ *limits) {
			w.msgs[0].Gather = Gather{After: 2, Least: 2, For: time.Minute}
			p.Gathered = map[string][]time.Time{"g": {at(-20), at(-10)}}
		}, "wait with m1 for 50s"},

		{"a service that fails, and none takes over", "A: B:", alone(fails), "wait with m1 for 40s"},
		{"another takes over", "A: B:", fails, "send m1 via mail"},
		{"one that failed once and is due in a moment waits", "A:", func(_ *window, p *Progress, l *limits) {
			p.Trials = []Trial{tried("m1", 1)}
			l.own.failing, l.own.rests = at(-30), at(2)
		}, "wait with m1 for 2s"},
		{"one that failed twice does not", "A:", func(_ *window, p *Progress, l *limits) {
			p.Trials = []Trial{tried("m1", 2)}
			l.own.failing, l.own.rests = at(-30), at(2)
		}, "send m1 via mail"},
		{"the other one gets it for itself", "A:", func(w *window, p *Progress, l *limits) {
			fails(w, p, l)
			l.others[0].route = everything
		}, "wait with m1 for 40s"},
		{"the message is about the other one", "A:", func(w *window, p *Progress, l *limits) {
			fails(w, p, l)
			w.msgs[0].About = "mail"
		}, "wait with m1 for 40s"},
		{"both fail", "A: B:code", func(w *window, p *Progress, l *limits) {
			fails(w, p, l)
			l.others[0].rests = at(20)
		}, "wait with m1 for 20s"},
		{"a code overtakes what waits, where there is a way for it", "A: A:code", func(w *window, p *Progress, l *limits) {
			fails(w, p, l)
			p.Trials = []Trial{tried("m1", 0, "mail")}
		}, "send m2 via mail"},
		{"refused, and another takes over", "A:", func(_ *window, p *Progress, _ *limits) { p.Trials = []Trial{tried("m1", 1, "phone")} }, "send m1 via mail"},
		{"refused by all", "A:", func(_ *window, p *Progress, _ *limits) { p.Trials = []Trial{tried("m1", 1, "phone", "mail")} }, "end m1: failed 1 down"},
		{"refused and waited for long enough", "A:", func(_ *window, p *Progress, _ *limits) {
			p.Trials = []Trial{tried("m1", 1, "phone")}
			p.Trials[0].Since = at(-24 * 3600)
		}, "end m1: failed 1 down"},

		{"a message for the channel alone, of any type", "A:forphone", nil, "send m1 via phone"},
		{"a message for another channel", "A:formail", nil, "pass m1"},
		{"a code that somebody has put off", "A:code", func(_ *window, _ *Progress, l *limits) { l.own.hushed = map[string]string{"A": "A"} }, "pass m1"},
		{"one that makes a code on the screen useless", "A:code", func(_ *window, p *Progress, l *limits) {
			l.own.hushed, p.Shown = map[string]string{"A": "A"}, []Shown{{Handle: "h", Account: "A"}}
		}, "outdate by m1"},
		{"a code of another incident", "A:code", func(_ *window, _ *Progress, l *limits) { l.own.hushed = map[string]string{"A": "older"} }, "send m1 via phone"},
		{"what else there is to tell of what was put off", "A: A:ok", func(_ *window, _ *Progress, l *limits) { l.own.hushed = map[string]string{"A": "A"} }, "send m1 via phone"},

		{"failures are told of when they last", "A:", alone(func(_ *window, _ *Progress, l *limits) { l.own.failing, l.own.rests = at(-580), at(900) }), "wait with m1 for 20s"},
		{"for ten minutes", "A:", alone(func(_ *window, _ *Progress, l *limits) { l.own.failing, l.own.rests = at(-600), at(900) }), "tell of m1"},
		{"once", "A:", alone(func(_ *window, p *Progress, l *limits) {
			l.own.failing, l.own.rests, p.Told = at(-600), at(900), at(-600)
		}), "wait with m1 for 15m0s"},
		{"not without a message", "A:other", func(_ *window, _ *Progress, l *limits) { l.own.failing, l.own.rests = at(-600), at(900) }, "pass m1"},
	}
	for _, tt := range tests {
		w, p := windowOf(tt.window), &Progress{}
		l := limits{
			own:    limit{name: "phone", route: Route{Events: []string{"account.attention", "login.required", typeCode, typeSucceeded}, Accounts: []string{Any}}},
			others: []limit{{name: "mail"}},
			groups: true,
		}
		if tt.setup != nil {
			tt.setup(w, p, &l)
		}
		before := state(w, p)
		if got := plan(w, p, l, noon).line(); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
		if after := state(w, p); after != before {
			t.Errorf("%s: the plan has changed what it was made from:\n got %s\nwant %s", tt.name, after, before)
		}
	}
}

// state writes down what a plan is made from.
func state(w *window, p *Progress) string {
	kept, _ := json.Marshal(p)
	return fmt.Sprintf("%+v %s", *w, kept)
}

func TestJudge(t *testing.T) {
	code := Message{Login: &Login{ExpiresAt: at(100)}}
	panicked := fmt.Errorf("%w: string", ErrPanicked)
	tests := []struct {
		name    string
		m       Message
		err     error
		n       int
		since   int
		delay   time.Duration
		want    verdict
		retryAt time.Time
	}{
		{"any error", Message{}, ErrTimeout, 1, 0, time.Minute, tryAgain, at(60)},
		{"a refusal", code, &SendError{Err: ErrTimeout}, 1, 0, time.Minute, refused, time.Time{}},
		{"a code that lives on", code, ErrTimeout, 1, 0, 99 * time.Second, tryAgain, at(99)},
		{"a code that dies", code, ErrTimeout, 1, 0, 100 * time.Second, dying, at(100)},
		{"a panic", Message{}, panicked, panicTries - 1, 0, time.Minute, tryAgain, at(60)},
		{"one too many", Message{}, panicked, panicTries, 0, time.Minute, refused, at(60)},
		{"the last try within a day", Message{}, ErrTimeout, 99, -86340, time.Minute, tryAgain, at(60)},
		{"after a day", code, panicked, 99, -86341, time.Minute, late, at(60)},
	}
	for _, tt := range tests {
		got, retryAt := judge(tt.m, tt.err, tt.n, at(tt.since), noon, tt.delay)
		if got != tt.want || !retryAt.Equal(tt.retryAt) {
			t.Errorf("%s: %d, again at %v, want %d at %v", tt.name, got, retryAt, tt.want, tt.retryAt)
		}
	}
}

// Whatever the window holds, a plan comes to an end and waits for no past.
func FuzzPlan(f *testing.F) {
	kinds := []string{"A:", "B:", "A:code", "B:code", "A:dead", "A:ok", "B:ok", "A:group", "B:held", "C:held", "A:other", "B:about", "A:forphone", "B:formail"}
	f.Add([]byte{0, 2, 7, 8, 9}, 0, 40, 0)
	f.Add([]byte{8, 2, 5, 5, 3}, 3, 0, 60)
	f.Fuzz(func(t *testing.T, words []byte, full, rests, quiet int) {
		var line []string
		for _, word := range words[:min(len(words), windowSize)] {
			line = append(line, kinds[int(word)%len(kinds)])
		}
		w, p := windowOf(strings.Join(line, " ")), &Progress{}
		l := limits{own: limit{name: "phone", route: everything}, others: []limit{{name: "mail", rests: at(30)}}, groups: len(words)%2 == 0}
		for value, field := range map[int]*time.Time{full: &l.own.full, rests: &l.own.rests, quiet: &l.own.quiet} {
			if value > 0 && value < 1<<30 {
				*field = at(value)
			}
		}
		if !l.own.rests.IsZero() {
			l.own.failing = at(-60)
		}
		for range 2*len(w.msgs) + 1 {
			a := plan(w, p, l, noon)
			switch a.verb {
			case actWait:
				if !a.until.IsZero() && !a.until.After(noon) || len(w.msgs) > 0 && a.until.IsZero() {
					t.Fatalf("%v: %s", line, a.line())
				}
				return
			case actTell:
				p.Told = l.own.failing
			case actSend, actEnd, actPass:
				for _, m := range slices.Concat(a.batch.members, a.batch.older) {
					p.settle(m, w)
				}
			default:
				t.Fatalf("%v: %s", line, a.line())
			}
		}
		t.Fatalf("%v: no end", line)
	})
}
