package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/internal/golden"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // messages show local times, and golden files hold them
	os.Exit(m.Run())
}

// pocket is a channel whose messages a person reads in the morning.
type pocket struct {
	mu   sync.Mutex // guards all below
	list []notify.Message
	at   []time.Time
	// ring is called with each message, by somebody who is awake.
	ring func(notify.Message)
	// down is what the service answers instead of taking messages.
	down error
}

func (p *pocket) Send(_ context.Context, m notify.Message) (notify.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return notify.Receipt{}, p.down
	}
	p.list, p.at = append(p.list, m), append(p.at, time.Now())
	if p.ring != nil {
		go p.ring(m)
	}
	return notify.Receipt{}, nil
}

func (p *pocket) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// got is all that came.
func (p *pocket) got() []notify.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// read is all that came, as text.
func (p *pocket) read() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	order := make([]int, len(p.list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		// What two accounts have to tell in the same second comes in any order.
		return cmp.Or(p.at[a].Truncate(time.Second).Compare(p.at[b].Truncate(time.Second)),
			cmp.Compare(slices.Index(catalog.Types(), p.list[a].Type), slices.Index(catalog.Types(), p.list[b].Type)), cmp.Compare(p.list[a].Account, p.list[b].Account))
	})
	var text strings.Builder
	for _, i := range order {
		m := p.list[i]
		fmt.Fprintf(&text, "%s  %s  %s\n%s\n\n", p.at[i].UTC().Format("Mon 15:04:05"), m.Type, m.Title, indent(m.Text))
	}
	fmt.Fprintf(&text, "%d messages\n", len(p.list))
	return text.String()
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

// connect runs the notifications of a keeper with one pocket as the channel, or with
// several channels, the first of which is returned.
func connect(h *keepertest.Fixture, fallback string, more ...notify.Config) (*pocket, func()) {
	h.T.Helper()
	p := &pocket{}
	source := messages{h.Keeper}
	all := append([]notify.Config{{Name: "pocket", Type: "test", Channel: p, Hushed: newReminders(h.Keeper, "pocket").hushed}}, more...)
	for i := range all {
		all[i].Route = notify.Route{Events: config.DefaultEvents(), Accounts: []string{notify.Any}}
		all[i].Quiet, all[i].Group = h.Config.Login.QuietHours.Until, source.group
	}
	line, err := notify.NewPipeline(source, ledger{store: h.Keeper.Store()}, zerolog.Nop(), all...)
	if err != nil {
		h.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = line.Run(ctx) }()
	return p, func() { cancel(); <-done }
}

// TestNights: what a person finds in the morning. The files list every message;
// they are to be few.
func TestNights(t *testing.T) {
	jitter := func(d time.Duration) func(c *config.Config) {
		return func(c *config.Config) {
			c.Locale, c.Check.Jitter = config.LocaleEnglish, config.Duration(d)
			c.Check.Schedule = "CRON_TZ=UTC 0 22,6,14 * * *"
			// Polls that compete for the site's minute would leave the seconds to
			// chance.
			c.Login.Poll, c.Limits.RequestsPerMinute = config.Duration(15*time.Second), 600
		}
	}
	killAll := func(h *keepertest.Fixture) {
		for i := range 10 {
			h.Site.Kill(int64(keepertest.Mid + i))
		}
	}
	tests := []struct {
		name   string
		change func(c *config.Config)
		night  func(h *keepertest.Fixture, p *pocket)
		most   int
	}{
		{"the site is down for eight hours", jitter(30 * time.Minute), func(h *keepertest.Fixture, _ *pocket) {
			h.Site.SetTrouble("*", passporttest.HTTP502)
			time.Sleep(8 * time.Hour)
			h.Site.SetTrouble("*", passporttest.None)
			time.Sleep(2 * time.Hour)
		}, 0},
		{"ten die at once", jitter(20 * time.Second), func(h *keepertest.Fixture, _ *pocket) {
			killAll(h)
			time.Sleep(10 * time.Hour)
		}, 36},
		{"ten die at once, and there is a page", jitter(20 * time.Second), func(h *keepertest.Fixture, _ *pocket) {
			h.ServePage()
			killAll(h)
			time.Sleep(10 * time.Hour)
		}, 36},
		{"ten die at once, and are found over half an hour", jitter(30 * time.Minute), func(h *keepertest.Fixture, _ *pocket) {
			killAll(h)
			time.Sleep(10 * time.Hour)
		}, 36},
		{"ten die at once, and somebody scans", jitter(20 * time.Second), func(h *keepertest.Fixture, p *pocket) {
			hands := make(chan struct{}, 1)
			p.set(func() {
				p.ring = func(m notify.Message) {
					if m.Login == nil {
						return
					}
					n := int64(m.Account[len("rec")] - '0')
					time.Sleep(time.Duration(n) * 100 * time.Millisecond) // always the same one first
					hands <- struct{}{}                                   // one after another
					defer func() { <-hands }()
					time.Sleep(37 * time.Second)
					h.Scan(m.Login.URL.Reveal(), keepertest.Mid+n)
				}
			})
			killAll(h)
			time.Sleep(10 * time.Hour)
		}, 36},
		{"ten die at once, in quiet hours", func(c *config.Config) {
			jitter(20 * time.Second)(c)
			if err := c.Login.QuietHours.UnmarshalText([]byte("21:55-07:30")); err != nil {
				panic(err)
			}
		}, func(h *keepertest.Fixture, _ *pocket) {
			killAll(h)
			time.Sleep(10 * time.Hour)
		}, 12},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keepertest.Run(t, test.change, func(h *keepertest.Fixture) {
				h.LoginTen()
				p, hangUp := connect(h, "")
				defer hangUp()
				test.night(h, p)
				got := p.read()
				golden.Equal(t, "nights/"+strings.NewReplacer(" ", "-", ",", "").Replace(test.name)+".golden", got)
				if n := len(p.got()); n > test.most {
					t.Errorf("%d messages in a night, want at most %d", n, test.most)
				}
			})
		})
	}
}

// TestFailingChannelIsTold: that one channel does not deliver comes through the
// others, once, and another takes over where the configuration says so.
func TestFailingChannelIsTold(t *testing.T) {
	for _, fallback := range []string{"", "mail"} {
		t.Run("fallback "+fallback, func(t *testing.T) {
			keepertest.Run(t, nil, func(h *keepertest.Fixture) {
				h.Login("main", keepertest.Mid)
				mail := &pocket{}
				p, hangUp := connect(h, fallback, notify.Config{Name: "mail", Type: "test", Channel: mail})
				defer hangUp()
				p.set(func() { p.down = &notify.SendError{Err: errors.New("the service answered 404")} })
				h.Kill()
				time.Sleep(time.Hour)
				var about []string
				for _, m := range mail.got() {
					if m.Type == client.EventAccountAttention {
						about = append(about, m.About+": "+m.Text)
					}
				}
				if len(about) != 1 || !strings.HasPrefix(about[0], "pocket: ") || !strings.Contains(about[0], "answered 404") {
					t.Errorf("told of the channel: %q", about)
				}
				if failed := h.Events(client.EventNotifyFailed); len(failed) == 0 {
					t.Error("the journal knows of no failure")
				}
				p.set(func() { p.down = nil })
				h.Login("main", keepertest.Mid)
				time.Sleep(time.Hour)
				if last := p.got()[len(p.got())-1]; last.Type != client.EventLoginSucceeded {
					t.Errorf("after the mend the channel got %s", last.Type)
				}
			})
		})
	}
}
