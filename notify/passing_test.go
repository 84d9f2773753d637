package notify

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPassingMessageIsDroppedByALaterOne(t *testing.T) {
	passing := func() Message {
		m := message("p", typeFailed, "A")
		m.Passing, m.Thread = true, "T"
		return m
	}
	next := func(kind, account, thread string) Message {
		m := message("n", kind, account)
		m.Thread = thread
		return m
	}
	tests := []struct {
		name string
		next Message
		got  []string
	}{
		{"a login's message", next("login.required", "A", "T"), []string{"n"}},
		{"a login's code", next(typeCode, "A", "T"), []string{"n"}},
		{"its end", next(typeSucceeded, "A", "T"), []string{"n"}},
		{"one of another thread", next("login.required", "A", "U"), []string{"p", "n"}},
		{"one of another account", next("login.required", "B", "T"), []string{"p", "n"}},
		{"one that is not of a login", next("account.attention", "A", "T"), []string{"p", "n"}},
		{"one that nobody wants", next("login.scanned", "A", "T"), nil},
	}
	for _, tt := range tests {
		for _, how := range []string{"in the window", "while it is tried", "in quiet hours"} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					until := time.Now().Add(time.Minute)
					cfg := w.config("phone", sendFunc(func(ctx context.Context, m Message) (Receipt, error) {
						if time.Now().Before(until) && how == "while it is tried" {
							return Receipt{}, &SendError{Retry: true, Err: errors.New("busy"), After: time.Minute}
						}
						return w.accepting("phone")(ctx, m)
					}))
					cfg.Route.Events = []string{"login.required", typeCode, typeSucceeded, typeFailed, "account.attention"}
					if how == "in quiet hours" {
						cfg.Quiet = func(now time.Time) time.Time {
							if now.Before(until) {
								return until
							}
							return time.Time{}
						}
					}
					w.start(t, cfg).stop()
					w.add(passing())
					if how == "in the window" {
						w.add(tt.next)
					}
					run := w.start(t, cfg)
					defer run.stop()
					after(10 * time.Second)
					if how != "in the window" {
						w.add(tt.next)
					}
					after(time.Hour)
					equal(t, "delivered", w.gotIDs("phone"), append([]string{}, tt.got...))
					if !slices.Contains(tt.got, "p") {
						r := w.results["phone"][0]
						if r.MessageID != "p" || r.Outcome != OutcomeDropped || r.Detail != ErrSuperseded.Error() {
							t.Errorf("%+v", r)
						}
					}
				})
			})
		}
	}
}
