package notify

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailingIsToldOnce(t *testing.T) {
	busy := func(after time.Duration) error { return &SendError{Retry: true, After: after, Err: errDown} }
	type step struct {
		err  error
		add  string // a code where it begins with c
		wait time.Duration
	}
	tests := []struct {
		name     string
		fallback bool
		steps    []step
		told     []string
		at       time.Duration // of the first
	}{
		{"a short trouble is not told", false, []step{{errDown, "m", 5 * time.Minute}, {nil, "", time.Hour}}, []string{}, 0},
		{"the first give-up is", false, []step{{errRefused, "m", time.Hour}}, []string{"m 1"}, 0},
		{"and no other", false, []step{{errRefused, "m", time.Hour}, {errRefused, "n", time.Hour}}, []string{"m 1"}, 0},
		{"a code that died is a give-up", false, []step{{errDown, "c", time.Hour}}, []string{"c 8"}, 127 * time.Second},
		{"after ten minutes, between tries", false, []step{{errDown, "m", time.Hour}}, []string{"m 10"}, 10 * time.Minute},
		{"after ten minutes of being left alone", false, []step{{busy(6 * time.Hour), "m", time.Hour}}, []string{"m 1"}, 10 * time.Minute},
		{"a delivery ends the bout", false, []step{
			{errRefused, "m", time.Minute}, {nil, "n", time.Minute}, {errRefused, "o", time.Minute},
		}, []string{"m 1", "o 1"}, 0},
		{"a delivery through another channel does not", true, []step{
			{errRefused, "m", time.Minute}, {errRefused, "n", time.Minute}, {errRefused, "o", time.Minute},
		}, []string{"m 1"}, 0},
		{"with another channel, with the message at hand", true, []step{
			{errDown, "m", 7 * time.Minute}, {errDown, "n", 7 * time.Minute}, {errDown, "o", time.Minute}, {errDown, "p", time.Minute},
		}, []string{"o 1"}, 14 * time.Minute},
		{"with another channel, while this one is left alone", true, []step{
			{busy(time.Hour), "m", 12 * time.Minute}, {nil, "n", time.Minute}, {nil, "o", time.Minute},
		}, []string{"n 0"}, 12 * time.Minute},
	}
	for _, tt := range tests {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", tt.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					phone, _, configs := w.pair(nil, nil)
					if !tt.fallback {
						configs[0].Fallback = ""
					}
					begun, first := time.Now(), time.Duration(-1)
					run := w.start(t, configs...)
					for _, s := range tt.steps {
						phone.set(s.err)
						switch {
						case s.add == "":
						case s.add[0] == 'c':
							w.add(code(s.add, "A"))
						default:
							w.add(message(s.add, "login.required", "A"))
						}
						for end := time.Now().Add(s.wait); ; {
							synctest.Wait()
							if first < 0 && len(w.told("phone")) > 0 {
								first = time.Since(begun)
							}
							if restarts && time.Since(begun)%(13*time.Second) < time.Second {
								run.stop()
								run = w.start(t, configs...)
							}
							if !time.Now().Before(end) {
								break
							}
							time.Sleep(time.Second)
						}
					}
					run.stop()
					equal(t, "told", w.told("phone"), tt.told)
					if len(tt.told) > 0 {
						equal(t, "at", first, tt.at)
					}
					for _, r := range w.results["phone"] {
						if r.Outcome == OutcomeFailing && (r.Detail != "down" && r.Detail != "refused" || r.Account != "A" || r.Type == "" || r.Position == 0) {
							t.Errorf("%+v", r)
						}
					}
				})
			})
		}
	}
}

// That a channel fails is told over the others.
func TestWhatTellsOfAChannelIsNotSentThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.config("phone", w.accepting("phone")), w.config("mail", w.accepting("mail")))
		defer run.stop()
		m := message("m", "account.attention", "A")
		m.About = "phone"
		w.add(m)
		synctest.Wait()
		equal(t, "on the phone", w.gotIDs("phone"), []string{})
		equal(t, "by mail", w.gotIDs("mail"), []string{"m"})
		equal(t, "outcomes", w.outcomes("phone"), []string{})
	})
}

// A message that its source has withdrawn leaves no trial behind.
func TestTrialsOfWithdrawnMessagesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		run := w.start(t, w.config("phone", w.service("phone", errDown)))
		defer run.stop()
		w.add(message("a", "login.required", "A"), message("b", "login.required", "B"))
		after(10 * time.Second)
		w.edit(func(msgs []Message) []Message { return msgs[1:] })
		after(time.Minute)
		trials := w.progress(t, "phone").Trials
		if len(trials) != 1 || trials[0].ID != "b" {
			t.Errorf("%+v", trials)
		}
	})
}

// Two channels may tell of one service after a restart, in any order.
func TestWhatIsKnownOfAServiceIsPutTogether(t *testing.T) {
	now := time.Now()
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	down := Service{RetryAt: at(9), Failed: at(5), LastError: "down", FailingSince: at(1), Failures: 3, Paced: at(2)}
	worked := Service{Delivered: at(3), Paced: at(4)}
	recovered := Service{Delivered: at(7), Paced: at(7)}
	earlierTrouble := Service{RetryAt: at(2), Failed: at(1), LastError: "odd", FailingSince: at(0), Failures: 1}
	tests := []struct {
		name string
		a, b Service
		want Service
	}{
		{"nothing", Service{}, down, down},
		{"it worked before it failed", worked, down, Service{RetryAt: at(9), Delivered: at(3), Failed: at(5), LastError: "down", FailingSince: at(1), Failures: 3, Paced: at(4)}},
		{"it failed before it worked", down, recovered, Service{Delivered: at(7), Failed: at(5), Paced: at(7)}},
		{"it failed twice", down, earlierTrouble, down},
	}
	for _, tt := range tests {
		for _, order := range [][]Service{{tt.a, tt.b}, {tt.b, tt.a}} {
			var g limiter
			for _, s := range order {
				g.learn(s)
			}
			equal(t, tt.name, g.state(), tt.want)
		}
	}
}
