package alert

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/notify"
)

// service is what the channel of every host sends to.
type service struct {
	mu  sync.Mutex // guards all below
	got []arrived
	// took is called when a message has arrived, before its sender knows.
	took func(host string, m notify.Message)
	// reading are the hosts that read what people write.
	reading []string
}

type arrived struct {
	host string
	notify.Message
}

func (s *service) all() []arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *service) readers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reading)
}

// line is a host's way to the service: half a second there, and half a second back.
type line struct {
	*service
	host string
}

func (l line) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if !sleeps(ctx) {
		return notify.Receipt{}, ctx.Err()
	}
	l.mu.Lock()
	l.got = append(l.got, arrived{l.host, m})
	took := l.took
	l.mu.Unlock()
	if took != nil {
		took(l.host, m)
	}
	if !sleeps(ctx) {
		return notify.Receipt{}, ctx.Err()
	}
	return notify.Receipt{}, nil
}

func sleeps(ctx context.Context) bool {
	select {
	case <-time.After(time.Second / 2):
		return true
	case <-ctx.Done():
		return false
	}
}

func (l line) listen(ctx context.Context, _ notify.Inbox) error {
	l.mu.Lock()
	l.reading = append(l.reading, l.host)
	l.mu.Unlock()
	<-ctx.Done()
	l.mu.Lock()
	l.reading = slices.DeleteFunc(l.reading, func(host string) bool { return host == l.host })
	l.mu.Unlock()
	return ctx.Err()
}

// among runs a test with hosts that share a service, of which "a" sends and owns the
// accounts.
func among(t *testing.T, test func(all *keepertest.Hosts, s *service, channels map[string]*Channels)) {
	t.Helper()
	keepertest.RunHosts(t, []string{"a", "b", "c"}, func(all *keepertest.Hosts) {
		all.Config.Locale = config.LocaleEnglish
		s, channels := &service{}, map[string]*Channels{}
		words, err := catalog.New(catalog.English)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for _, name := range []string{"a", "b", "c"} {
			k, own := all.Host(name).Keeper, line{s, name}
			waiting, err := newWaiting(k.Store(), []config.Notify{{Name: "phone"}})
			if err != nil {
				t.Fatal(err)
			}
			r, source := newReminders(k, "phone"), messages{k}
			c := &Channels{keeper: k, waiting: waiting, reminders: []*reminders{r}}
			c.hear("chat", own.listen, chat{keeper: k, to: own, channel: "phone", accounts: []string{"*"}, words: words.Chat(), reminders: r, mu: new(sync.Mutex)})
			c.pipeline, err = notify.NewPipeline(source, ledger{k.Store(), waiting}, zerolog.Nop(), notify.Config{
				Name: "phone", Type: "test", Channel: own, May: k.Shared().Sending().Now, Hushed: r.hushed, Group: source.group,
				Route: notify.Route{Events: config.DefaultEvents(), Accounts: []string{notify.Any}}, Quiet: all.Config.Login.QuietHours.Until,
			})
			if err != nil {
				t.Fatal(err)
			}
			channels[name] = c
			running.Go(func() { _ = c.Run(ctx) })
		}
		synctest.Wait()
		all.MoveSender("a")
		for i := range 5 {
			name := fmt.Sprintf("rec%d", i)
			all.Site.AddUser(int64(7000+i), name)
			all.Move(name, "a")
			all.Host("a").Login(name, int64(7000+i))
		}
		time.Sleep(time.Minute)
		s.got = nil
		test(all, s, channels)
		synctest.Wait()
	})
}

// die ends the sessions of accounts at the site and has the keeper ask.
func die(t *testing.T, all *keepertest.Hosts, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		all.Site.Kill(int64(7000 + i))
		if _, err := all.Host("a").Keeper.Accounts().Check(context.Background(), fmt.Sprintf("rec%d", i), true); err != nil {
			t.Fatal(err)
		}
	}
}

// doubled is how many messages came beside the first of each id.
func doubled(list []arrived) (n int) {
	seen := map[string]bool{}
	for _, m := range list {
		if seen[m.ID] {
			n++
		}
		seen[m.ID] = true
	}
	return n
}

// delivered are the journal's words of deliveries, by the event that was told of.
func delivered(t *testing.T, all *keepertest.Hosts) map[uint64]int {
	t.Helper()
	events, err := all.Host("a").Keeper.Store().Rest(0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[uint64]int{}
	for _, e := range events {
		if data, err := e.Decode(); err == nil {
			if d, ok := data.(client.Delivery); ok && !d.Failed {
				counts[d.Event]++
			}
		}
	}
	return counts
}

// TestOneSender: the host that sends does so alone, and the next goes on where it was;
// at rest nothing comes twice. Chats are read by one host, and every host knows how the
// channels are doing.
func TestOneSender(t *testing.T) {
	among(t, func(all *keepertest.Hosts, s *service, channels map[string]*Channels) {
		die(t, all, 0, 1)
		time.Sleep(time.Minute)
		first := len(s.all())
		for _, host := range []string{"b", "c", "b"} {
			all.MoveSender(host)
			synctest.Wait()
			if got := s.readers(); !slices.Equal(got, []string{host}) {
				t.Errorf("chats are read by %q", got)
			}
			time.Sleep(3 * time.Minute)
			for _, m := range s.all()[first:] {
				if m.host != host {
					t.Errorf("%s was sent by %s", m.Type, m.host)
				}
			}
			if first == len(s.all()) {
				t.Errorf("%s sends nothing", host)
			}
			first = len(s.all())
		}
		if n := doubled(s.all()); n != 0 {
			t.Errorf("%d came twice", n)
		}
		want := channels["b"].Status()[0].LastDelivered
		for name, c := range channels {
			if got := c.Status()[0].LastDelivered; got == nil || !got.Equal(*want) {
				t.Errorf("at %s the last delivery was at %v", name, got)
			}
			for event := range delivered(t, all) {
				if c.waiting.waits("", client.EventLoginRequired, event) {
					t.Errorf("%s takes event %d for undelivered", name, event)
				}
			}
		}
		all.MoveSender("")
		time.Sleep(time.Hour)
		if n := len(s.all()); n != first || len(s.readers()) != 0 {
			t.Errorf("%d were sent by nobody", n-first)
		}
	})
}

// TestSenderLost: what is under way when another host begins to send is cut, and sent
// by that one under the same id; of the first nothing more comes or is written. One alone
// comes twice, the list of several that died too.
func TestSenderLost(t *testing.T) {
	for name, many := range map[string]int{"one": 1, "a list": 5} {
		t.Run(name, func(t *testing.T) {
			among(t, func(all *keepertest.Hosts, s *service, _ map[string]*Channels) {
				moves := make(chan arrived, 1)
				once := false
				s.took = func(host string, m notify.Message) {
					if s.mu.Lock(); once || many > 1 && len(m.Members) == 0 {
						s.mu.Unlock()
						return
					}
					once = true
					s.mu.Unlock()
					all.MoveSender("b")
					moves <- arrived{host, m}
				}
				die(t, all, 0, many)
				time.Sleep(time.Hour)
				lost, got := <-moves, s.all()
				at := slices.IndexFunc(got, func(m arrived) bool { return m.ID == lost.ID })
				for _, m := range got[at+1:] {
					if m.host != "b" {
						t.Errorf("%s was sent by %s", m.Type, m.host)
					}
				}
				again := slices.IndexFunc(got[at+1:], func(m arrived) bool { return m.ID == lost.ID })
				if again < 0 || len(got[at+1+again].Members) != len(lost.Members) || doubled(got) != 1 {
					t.Errorf("%d came twice, the one under way again at %d", doubled(got), again)
				}
				for event, n := range delivered(t, all) {
					if n != 1 {
						t.Errorf("event %d was noted as delivered %d times", event, n)
					}
				}
			})
		})
	}
}

// TestReminderMoves: what the chat of one host has promised another keeps, once; codes
// that were asked for are counted over all.
func TestReminderMoves(t *testing.T) {
	among(t, func(all *keepertest.Hosts, s *service, channels map[string]*Channels) {
		time.Sleep(time.Until(config.NextClock(time.Now(), 20*60)))
		die(t, all, 0, 1)
		time.Sleep(time.Minute)
		ask := func(host string, q notify.Question) {
			channels[host].inboxes[0].chats[0].answer(context.Background(), q)
		}
		ask("a", notify.Question{Verb: notify.AskRemind, Account: "rec0"})
		before := len(s.all())
		for _, host := range []string{"b", "c", "a", "b"} {
			all.MoveSender(host)
			time.Sleep(3 * time.Hour)
		}
		var found []arrived
		for _, m := range s.all()[before:] {
			if m.Login != nil {
				t.Errorf("at night came %s: %s", m.Type, m.Title)
			}
			if m.For != "" {
				found = append(found, m)
			}
		}
		time.Sleep(12 * time.Hour)
		all.MoveSender("c")
		time.Sleep(12 * time.Hour)
		for _, m := range s.all()[before:] {
			if m.For != "" && !slices.ContainsFunc(found, func(o arrived) bool { return o.ID == m.ID }) {
				found = append(found, m)
			}
		}
		if len(found) != 1 || doubled(s.all()) != 0 {
			t.Errorf("reminders: %+v, %d twice", found, doubled(s.all()))
		}
		// A chat of a host that does not send promises and counts nothing.
		if until, err := channels["a"].inboxes[0].chats[0].count("rec0", time.Now()); err == nil {
			t.Errorf("a code was counted: %v", until)
		}
	})
}

// TestSenderMovesAtAnyMoment: whenever another host begins to send, every message comes,
// and no more come twice than there were moves.
func TestSenderMovesAtAnyMoment(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			among(t, func(all *keepertest.Hosts, s *service, _ map[string]*Channels) {
				random, moves := rand.New(rand.NewPCG(seed, 1)), 0
				end := time.Now().Add(2 * time.Hour)
				for n := 0; time.Now().Before(end); n++ {
					if n%8 == 2 && n/8 < 5 {
						die(t, all, n/8, n/8+1)
					}
					time.Sleep(time.Duration(random.IntN(60_000)) * time.Millisecond)
					all.MoveSender([]string{"", "a", "b", "c"}[random.IntN(4)])
					moves++
				}
				all.MoveSender("c")
				time.Sleep(time.Hour)
				told := delivered(t, all)
				events, err := all.Host("a").Keeper.Store().Rest(0, 100_000)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if n := told[e.ID]; n > 1 || n == 0 && e.Type == client.EventLoginRequired {
						t.Errorf("%s of %s was noted as delivered %d times", e.Type, e.Account, n)
					}
				}
				if n := doubled(s.all()); n > moves {
					t.Errorf("%d came twice in %d moves", n, moves)
				} else {
					t.Logf("%d of %d came twice in %d moves", n, len(s.all()), moves)
				}
			})
		})
	}
}
