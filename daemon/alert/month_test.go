package alert

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	monthDays      = 30
	monthCalm      = 3 // days at the end without trouble: one of them the site may be left alone for
	monthPerMinute = 60
)

// TestMonth: thirty days of many accounts and of a site that is troubled at
// random, with people who scan what they are sent. The site is asked no more than it
// may be; only who was denied is said to need a login; every message that was due came
// once; in the end every account lives, and nothing has grown.
func TestMonth(t *testing.T) {
	change := func(c *config.Config) {
		c.Check.Schedule = "@every 24h"
		c.Limits.RequestsPerMinute = monthPerMinute
		c.Login.Gather, c.Login.Codes = 0, 1
		c.Login.Poll = config.Duration(30 * time.Second)
		// As long after a week as it gets.
		c.Journal.Entries, c.Journal.PerAccount = 1000, 1
	}
	keepertest.Run(t, change, func(h *keepertest.Fixture) {
		m := &month{Fixture: h, random: rand.New(rand.NewPCG(1, 2)), denied: map[string]bool{}, told: map[uint64]int{}}
		var hangUp func()
		m.pocket, hangUp = connect(h, "")
		defer hangUp()
		m.pocket.set(func() { m.pocket.ring = m.scan })
		synctest.Wait() // who listens from now on is told from now on
		m.begin()
		for hour := range monthDays * 24 {
			if hour == 7*24 {
				m.before = m.use()
			}
			if hour < (monthDays-monthCalm)*24 {
				m.trouble()
			} else {
				m.pocket.set(func() { m.pocket.down = nil })
				for _, path := range troubled() { // what nobody has met yet
					m.Site.SetTrouble(path, passporttest.None)
				}
			}
			time.Sleep(time.Hour)
			m.look(hour)
		}
		m.end()
	})
}

// month is what happens to a keeper, and what is known of it.
type month struct {
	*keepertest.Fixture
	pocket *pocket
	random *rand.Rand
	before use
	// denied are the accounts whose session the site has ended since their last login.
	denied map[string]bool
	deaths int
	// position is how far the journal was read; due are the events that people are to
	// be told of, told how often they were.
	position uint64
	due      []client.Event
	told     map[uint64]int
}

// use is what the process holds. kept are the bytes of all records and events, file is
// what they take on the disk: bbolt doubles it in steps and never gives back, so that a
// few pages more may be the next step.
type use struct {
	goroutines         int
	memory, kept, file int64
}

func (m *month) use() use {
	m.T.Helper()
	synctest.Wait()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	info, err := os.Stat(filepath.Join(m.Dir, "vault.db"))
	if err != nil {
		m.T.Fatal(err)
	}
	return use{goroutines: runtime.NumGoroutine(), memory: int64(memory.HeapAlloc), kept: m.kept(), file: info.Size()}
}

func (m *month) kept() (bytes int64) {
	m.T.Helper()
	v := m.Keeper.Store().Vault()
	kinds := v.Info().Records
	if err := v.View(func(tx vault.Tx) error {
		for kind := range kinds {
			if err := tx.Each(kind, func(key string, r vault.Record) error {
				bytes += int64(len(key) + len(r.Value))
				return nil
			}); err != nil {
				return err
			}
		}
		events, err := tx.Events(tx.Oldest()-1, 0)
		for _, e := range events {
			bytes += int64(len(e.Value))
		}
		return err
	}); err != nil {
		m.T.Fatal(err)
	}
	return bytes
}

func monthName(i int) string { return fmt.Sprintf("a%04d", i) }
func monthMid(i int) int64   { return int64(500_000_000 + i) }

// midOf is whose login an account is.
func midOf(name string) int64 {
	var i int
	_, _ = fmt.Sscanf(name, "a%d", &i)
	return monthMid(i)
}

// begin takes over logins that can be refreshed.
func (m *month) begin() {
	m.T.Helper()
	for i := range monthAccounts {
		m.Site.AddUser(monthMid(i), monthName(i))
		var pairs []string
		for _, line := range m.Site.Accounts.Grant(monthMid(i)) {
			pair, _, _ := strings.Cut(line, ";")
			pairs = append(pairs, pair)
		}
		token := m.Site.Refresh.Pairs(monthMid(i))[0].RefreshToken
		r, err := m.Keeper.Accounts().Import(context.Background(), client.ImportRequest{
			Account: monthName(i), Data: strings.Join(pairs, "; ") + "; ac_time_value=" + token})
		if err != nil || !r.Refreshable {
			m.T.Fatalf("the import of %s: %+v, %v", monthName(i), r, err)
		}
		if i%100 == 99 {
			m.look(0)
		}
	}
}

// troubled are the paths at which something may go wrong.
func troubled() []string {
	return []string{passporttest.PathCookieInfo, passporttest.PathNav, passporttest.PathRefresh, passporttest.PathConfirm, passporttest.PathGenerate, passporttest.Any}
}

// trouble lets something go wrong: a path of the site, a session, or the channel.
func (m *month) trouble() {
	m.pocket.set(func() { m.pocket.down = nil })
	i := m.random.IntN(monthAccounts)
	switch m.random.IntN(10) {
	case 0, 1:
		paths := troubled()
		all := passporttest.Troubles()
		m.Site.SetTroubleFor(paths[m.random.IntN(len(paths))], all[m.random.IntN(len(all))], 1+m.random.IntN(5))
	case 2:
		m.Site.Kill(monthMid(i))
		m.denied[monthName(i)] = true
	case 3, 4:
		m.Site.Refresh.SetDue(monthMid(i), true)
	case 5:
		m.pocket.set(func() { m.pocket.down = &notify.SendError{Err: errors.New("the service answered 503"), Retry: true} })
	}
}

// scan is a person with a phone, who has not always time for what comes.
func (m *month) scan(message notify.Message) {
	if message.Login == nil || message.Login.ID[0]%4 == 0 {
		return
	}
	time.Sleep(20 * time.Second)
	url, mid := message.Login.URL.Reveal(), midOf(message.Account)
	// A code may run out just now, as codes do.
	_ = errors.Join(m.Site.QR.Scan(url, mid), m.Site.QR.Confirm(url, mid))
}

// look reads what was written into the journal in the last hour, and at the end of a
// day how the site was asked.
func (m *month) look(hour int) {
	m.T.Helper()
	list, err := m.Keeper.Store().Rest(m.position, 100_000)
	if err != nil {
		m.T.Fatal(err)
	}
	for _, e := range list {
		m.position = e.ID
		decoded, err := e.Decode()
		if err != nil {
			m.T.Fatal(err)
		}
		switch data := decoded.(type) {
		case client.LoginRequired:
			if !m.denied[e.Account] {
				m.T.Errorf("%s is said to need a login, and the site denied it nothing", e.Account)
			}
			m.due = append(m.due, e)
			m.deaths++
		case client.LoginDone:
			delete(m.denied, e.Account)
			m.due = append(m.due, e)
		case client.Delivery:
			if !data.Failed {
				m.told[data.Event]++
			}
		}
	}
	if hour%24 != 23 {
		return
	}
	if most := m.Site.MostInWindow(time.Minute); most > monthPerMinute {
		m.T.Errorf("%d requests in a minute of day %d", most, hour/24)
	}
	m.Site.ResetLog()
}

func (m *month) end() {
	m.T.Helper()
	now := m.use()
	for i := range monthAccounts {
		a := m.Account(monthName(i))
		if a.State != client.StateValid || a.Failures > 0 || len(m.Site.Sessions(monthMid(i))) == 0 {
			m.T.Errorf("%s is %s, %s", a.Name, a.State, a.Detail)
		}
	}
	for _, e := range m.due {
		if n := m.told[e.ID]; n != 1 {
			m.T.Errorf("people were told %d times of event %d of %s, %s", n, e.ID, e.Account, e.Type)
		}
	}
	came := map[string]bool{}
	for _, message := range m.pocket.got() {
		if came[message.ID] {
			m.T.Errorf("the message %s, %s, came again", message.ID, message.Title)
		}
		came[message.ID] = true
	}
	m.T.Logf("%d deaths, %d events to tell of, %d messages; after a week %+v, in the end %+v", m.deaths, len(m.due), len(came), m.before, now)
	if m.deaths < monthDays {
		m.T.Error("too little happened")
	}
	if now.goroutines > m.before.goroutines {
		m.T.Errorf("%d goroutines were there, %d are now", m.before.goroutines, now.goroutines)
	}
	if now.kept > m.before.kept*5/4 { // a bar a day of each account's history is in there
		m.T.Errorf("what is kept has grown from %d to %d bytes", m.before.kept, now.kept)
	}
	if now.file > 8*now.kept {
		m.T.Errorf("the vault's file has %d bytes for %d that are kept", now.file, now.kept)
	}
	if now.memory > m.before.memory*5/4+1<<20 { // what this test keeps of messages is in there
		m.T.Errorf("the heap has grown from %d to %d bytes", m.before.memory, now.memory)
	}
	if p := m.Keeper.Problems().Sentences(); len(p) > 0 {
		m.T.Errorf("the keeper has problems: %q", p)
	}
}
