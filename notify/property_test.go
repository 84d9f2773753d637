package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/attempt"
)

// chaos is a random life: messages, failures, stops and crashes.
type chaos struct {
	t    *testing.T
	w    *world
	draw *rand.Rand
	// trouble is how often a try fails, of 100; guarded by w.mu, as draw is.
	trouble int
	kills   int
	added   map[string]Message
	// arrived lists the titles in the order of their arrival, at any service.
	arrived []string
	// dead are the codes that arrived after their end.
	dead []string
}

func (c *chaos) n(n int) int {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.draw.IntN(n)
}

// service is one that fails in any way that a service can.
func (c *chaos) service(name string) sendFunc {
	return func(ctx context.Context, m Message) (Receipt, error) {
		c.w.mu.Lock()
		trouble, kind := c.trouble, c.draw.IntN(100)
		c.w.mu.Unlock()
		if kind < trouble {
			switch kind % 8 {
			case 0:
				return Receipt{}, &SendError{Err: errors.New("refused")}
			case 1:
				return Receipt{}, &SendError{Retry: true, After: time.Duration(1+kind) * 20 * time.Second, Err: errors.New("busy")}
			case 2:
				<-ctx.Done()
				return Receipt{}, ctx.Err()
			case 3:
				panic("a bug")
			default:
				return Receipt{}, errors.New("down")
			}
		}
		if kind%5 == 0 && !attempt.Sleep(ctx, time.Duration(kind)*100*time.Millisecond) {
			return Receipt{}, ctx.Err()
		}
		err := c.w.deliver(name, m)
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		if err == nil || c.w.dead && len(c.w.delivered[name]) > 0 && c.w.delivered[name][len(c.w.delivered[name])-1].ID == m.ID {
			c.arrived = append(c.arrived, m.Title)
			if m.Login != nil && time.Now().After(m.Login.ExpiresAt) {
				c.dead = append(c.dead, m.ID)
			}
		}
		return Receipt{Answer: "taken"}, err
	}
}

// configs draws how the channels are set up.
func (c *chaos) configs() []Config {
	phone, mail := c.w.grouping("phone", c.service("phone")), c.w.grouping("mail", c.service("mail"))
	mail.Route = nothing
	if c.n(2) == 0 {
		phone.Fallback = "mail"
	}
	if c.n(3) == 0 {
		phone.Rate = Rate{Messages: 1 + c.n(5), Per: time.Minute}
		mail.Rate = Rate{Messages: 1 + c.n(5), Per: time.Minute}
	}
	if c.n(3) == 0 {
		begin := time.Now().Add(time.Duration(c.n(60)) * time.Minute)
		end := begin.Add(time.Duration(c.n(60)) * time.Minute)
		phone.Quiet = func(now time.Time) time.Time {
			if now.Before(begin) || !now.Before(end) {
				return time.Time{}
			}
			return end
		}
	}
	return []Config{phone, mail}
}

// message draws the next one.
func (c *chaos) message(i int) Message {
	account := string(rune('A' + c.n(4)))
	thread := fmt.Sprint("incident ", i/8, " of ", account)
	m := message(fmt.Sprint("m", i), "account.attention", account)
	switch c.n(6) {
	case 0, 1:
		m.Type, m.Group = "login.required", "dead"
		if c.n(2) == 0 {
			m.HoldUntil = time.Now().Add(time.Duration(c.n(60)) * time.Second)
		}
	case 2, 3:
		m = code(m.ID, account)
		m.Login.ExpiresAt = time.Now().Add(time.Duration(30+c.n(150)) * time.Second)
	case 4:
		m.Type = typeSucceeded
	case 5:
		m.Type, m.Passing = typeFailed, c.n(2) == 0
	}
	m.Thread = thread
	c.added[m.ID] = m
	return m
}

func (c *chaos) live(configs []Config) {
	run := c.w.start(c.t, configs...)
	run.stop()
	run = c.w.start(c.t, configs...)
	restart := func() {
		run.stop()
		c.w.mu.Lock()
		if c.w.dead {
			c.kills++
		}
		c.w.dead, c.w.dieAt = false, 0
		c.w.mu.Unlock()
		run = c.w.start(c.t, configs...)
	}
	for i := range 30 {
		c.w.add(c.message(i))
		switch c.n(10) {
		case 0:
			restart()
		case 1, 2:
			c.w.mu.Lock()
			c.w.dieAt = c.w.ops + 1 + c.draw.IntN(12)
			c.w.mu.Unlock()
		}
		if c.n(3) > 0 {
			after(time.Duration(c.n(200)*c.n(2000)) * time.Millisecond)
		}
		c.w.mu.Lock()
		dead := c.w.dead
		c.trouble = []int{c.trouble, c.trouble, 0, 40, 100}[c.draw.IntN(5)]
		c.w.mu.Unlock()
		if dead {
			restart()
		}
	}
	restart()
	c.w.mu.Lock()
	c.trouble = 0
	c.w.mu.Unlock()
	after(48 * time.Hour)
	run.stop()
}

// check looks at what became of it all.
func (c *chaos) check() {
	if len(c.dead) > 0 {
		c.t.Errorf("codes that arrived dead: %v", c.dead)
	}
	under := map[string]map[string]bool{}
	copies := 0
	for _, name := range []string{"phone", "mail"} {
		for _, m := range c.w.delivered[name] {
			for title := range strings.SplitSeq(m.Title, "+") {
				if under[title] == nil {
					under[title] = map[string]bool{}
				}
				under[title][m.ID] = true
			}
			copies++
		}
	}
	ids := map[string]bool{}
	for title, set := range under {
		maps.Copy(ids, set)
		if len(set) > 1 {
			c.t.Errorf("%s arrived under %v", title, set)
		}
	}
	if copies > len(ids)+c.kills {
		c.t.Errorf("%d copies of %d messages after %d crashes", copies, len(ids), c.kills)
	}
	c.checkRecords(under)
	c.checkOrder()
	p := c.w.progress(c.t, "phone")
	if p.Position != c.w.end || len(p.Ahead)+len(p.Trials)+len(p.Sending) > 0 {
		c.t.Errorf("left behind: %+v, the end is %d", p, c.w.end)
	}
}

// checkRecords wants one end for each message, and one word for each bout.
func (c *chaos) checkRecords(under map[string]map[string]bool) {
	ended, told := map[uint64]int{}, false
	for _, r := range c.w.results["phone"] {
		if r.Detail == "" {
			c.t.Errorf("no reason: %+v", r)
		}
		switch {
		case r.Outcome == OutcomeFailing:
			if told {
				c.t.Errorf("a bout was told of twice: %+v", r)
			}
			told = true
			continue
		case r.Outcome == OutcomeDelivered && !strings.HasPrefix(r.Detail, "through"):
			told = false
		}
		ended[r.Position]++
	}
	for _, m := range c.w.messages {
		if ended[m.Position] != 1 {
			c.t.Errorf("%s has %d ends, arrived under %v", m.ID, ended[m.Position], under[m.ID])
		}
	}
	for _, r := range c.w.results["phone"] {
		if r.Outcome == OutcomeDelivered && !under[c.w.messages[r.Position-1].ID][r.MessageID] {
			c.t.Errorf("recorded, and did not arrive: %+v", r)
		}
	}
}

// checkOrder wants the messages of an account in order, save that a code may
// overtake others than codes and ends.
func (c *chaos) checkOrder() {
	position := map[string]uint64{}
	for _, m := range c.w.messages {
		position[m.ID] = m.Position
	}
	last, lastCode, over, seen := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}, map[string]bool{}
	for _, title := range c.arrived {
		for id := range strings.SplitSeq(title, "+") {
			if seen[id] {
				continue
			}
			seen[id] = true
			m, at := c.added[id], position[id]
			before := last
			if m.Login != nil {
				before = lastCode
				if at < over[m.Account] {
					c.t.Errorf("%s arrived after it was over", id)
				}
			}
			if at < before[m.Account] {
				c.t.Errorf("%s of %s was overtaken: %v", id, m.Account, c.arrived)
			}
			before[m.Account] = at
			if ends(m) {
				over[m.Account] = at
			}
		}
	}
}

func TestWhateverHappens(t *testing.T) {
	for seed := range chaosSeeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{t: t, w: newWorld(), draw: rand.New(rand.NewPCG(uint64(seed), 1)), added: map[string]Message{}}
				c.live(c.configs())
				c.check()
				if t.Failed() {
					for _, m := range c.w.messages {
						t.Logf("%d %s %s %s code %v group %q passing %v", m.Position, m.ID, m.Type, m.Account, m.Login != nil, m.Group, m.Passing)
					}
					t.Logf("arrived %v", c.arrived)
					t.Logf("results %v", slices.Clone(c.w.results["phone"]))
				}
			})
		})
	}
}
