package alert

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/notify"
)

// evening runs a keeper whose account dies in the evening, with a chat that asks to
// be reminded, and another channel.
func evening(h *keepertest.Fixture) (own, other *pocket, c chat, stop func()) {
	h.T.Helper()
	c = chatOf(h.T, h, catalog.English, "*")
	other = &pocket{}
	own, stopLine := connect(h, "", notify.Config{Name: "other", Type: "test", Channel: other})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.reminders.run(ctx) }()
	return own, other, c, func() { cancel(); <-done; stopLine() }
}

// reminded are the reminders among messages.
func reminded(list []notify.Message) []notify.Message {
	return slices.DeleteFunc(list, func(m notify.Message) bool { return m.For == "" })
}

func types(list []notify.Message) (all []string) {
	for _, m := range list {
		all = append(all, m.Type)
	}
	return all
}

// Whoever puts a login off until the morning has no codes in the night, is told
// in the morning, once, over restarts too, and others are told as ever.
func TestRemindInTheMorning(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) { c.Locale = config.LocaleEnglish }, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		time.Sleep(time.Until(config.NextClock(time.Now(), 14*60)))
		own, other, c, stop := evening(h)
		h.Kill()
		says(t, c, notify.Question{Verb: "remind", Account: "main", Pressed: true}, "A reminder of main comes here at ")
		before := len(own.got())
		morning := config.NextClock(time.Now(), 8*60)
		for range 3 {
			time.Sleep(2 * time.Hour)
			stop()
			h.Restart()
			last, lastOther := own.got(), other.got()
			own, other, _, stop = evening(h)
			own.list, other.list = append(last, own.list...), append(lastOther, other.list...)
		}
		for _, m := range own.got()[before:] {
			if m.Login != nil || m.Passing {
				t.Errorf("in the night came %s: %s", m.Type, m.Title)
			}
		}
		if n := len(slices.DeleteFunc(other.got(), func(m notify.Message) bool { return m.Login == nil })); n < 5 {
			t.Errorf("another channel was brought %d codes in the night", n)
		}
		time.Sleep(time.Until(morning) - time.Second)
		if got := reminded(own.got()); len(got) > 0 {
			t.Errorf("before the morning came %+v", got)
		}
		time.Sleep(2 * time.Second)
		stop()
		h.Restart()
		last := own.got()
		own, other, _, stop = evening(h)
		defer func() { stop() }()
		time.Sleep(time.Minute)
		got := reminded(append(last, own.got()...))
		if len(got) != 1 || !got[0].NeedsLogin || got[0].For != "pocket" || !strings.Contains(got[0].Text, "/login main") {
			t.Fatalf("in the morning came %+v", got)
		}
		if len(reminded(other.got())) > 0 {
			t.Error("another channel is reminded, too")
		}
	})
}

// A login that has come meanwhile ends the matter; quiet hours say when it is morning.
func TestNothingToRemindOf(t *testing.T) {
	keepertest.Run(t, func(c *config.Config) {
		c.Locale = config.LocaleEnglish
		if err := c.Login.QuietHours.UnmarshalText([]byte("23:30-06:15")); err != nil {
			t.Fatal(err)
		}
	}, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		time.Sleep(time.Until(config.NextClock(time.Now(), 14*60)))
		own, _, c, stop := evening(h)
		defer stop()
		says(t, c, notify.Question{Verb: "remind", Account: "main"}, "nothing to be reminded of")
		h.ServePage()
		h.Kill()
		if first := own.got()[0]; first.Type != client.EventLoginRequired || first.PageURL == "" || !strings.Contains(first.Text, first.PageURL) {
			t.Errorf("a death is told without the page: %+v", first)
		}
		says(t, c, notify.Question{Verb: "remind", Pressed: true}, " 06:15 (UTC)")
		code := says(t, c, notify.Question{Verb: "login", Account: "main"}, "Scan this code")
		h.Scan(code.Login.URL.Reveal(), keepertest.Mid)
		time.Sleep(time.Minute)
		h.WantState(client.StateValid)
		h.Kill()
		time.Sleep(12 * time.Hour)
		got := types(own.got())
		if len(reminded(own.got())) > 0 {
			t.Errorf("of a login that came there is a reminder: %v", got)
		}
		if !slices.Contains(got[slices.Index(got, client.EventLoginSucceeded):], client.EventLoginCode) {
			t.Errorf("the next death brings no code: %v", got)
		}
	})
}
