//go:build linux && soak

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// soakEnv names how long TestSoak takes: 30m, 2h.
const soakEnv = "BILIKEEPER_TEST_SOAK"

const (
	soakTime     = time.Hour
	soakAccounts = 40
	soakWatchers = 10
	// warmUp is how long memory and vault may grow: until each trouble was there, and
	// the journal is as long as it gets.
	warmUp = 10 * time.Minute
)

// TestSoak: an hour of accounts, trouble, people, readers and reloads in real time.
// After the first ten minutes neither memory nor descriptors, goroutines or the vault
// grow; in the end every account lives, and every message came once. A short one shows
// the latter alone.
func TestSoak(t *testing.T) {
	lasts := soakTime
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := newSoak(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, part := range []func(context.Context){s.people, s.trouble, s.readers, s.reloads, s.follow} {
		all.Go(func() { part(ctx) })
	}
	for range soakWatchers {
		all.Go(func() { s.watch(ctx) })
	}
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(2 * time.Second) {
		s.look()
	}
	s.healed.Store(true)
	s.recovered(ctx)
	s.told()
	cancel()
	all.Wait()
	s.flat(lasts)
	s.stop()
	s.verifyVault()
}

// soak is a keeper to which a lot happens.
type soak struct {
	*stage
	names   []string
	healed  atomic.Bool // nothing goes wrong any more
	began   time.Time
	samples []sample

	mu      sync.Mutex // guards journal
	journal []client.Event
}

func newSoak(t *testing.T) *soak {
	s := &soak{stage: newStage(t, nil)}
	s.configure(settings{schedule: "@every 10s", refresh: true})
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer(`level = "trace"`, `level = "error"`, "[login]\n", "[login]\ngather = \"20s\"\n",
		"[[notify]]\n", "[[notify]]\nrate = \"1000/1s\"\n").Replace(string(text)) + "[journal]\nentries = 1000\nper_account = 20\n[backup]\nevery = \"0s\"\n"
	for i := range soakAccounts {
		s.names = append(s.names, crowdName(i))
		config += fmt.Sprintf("[[output]]\nname = \"tool%d\"\naccount = %q\nformat = \"header\"\npath = %q\non_change = [\"true\"]\n",
			i, crowdName(i), filepath.Join(s.dir, "cookies"+strconv.Itoa(i)))
	}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.began = time.Now()
	s.start()
	for i, name := range s.names {
		s.site.AddUser(crowdMid(i), name)
		s.takeOver(name, crowdMid(i))
	}
	return s
}

// every does something again and again until ctx ends.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// trouble lets something go wrong: at the site, with a session, at the receiver of
// messages, or with a file.
func (s *soak) trouble(ctx context.Context) {
	paths := []string{passporttest.PathCookieInfo, passporttest.PathNav, passporttest.PathRefresh, passporttest.PathConfirm, passporttest.PathGenerate, passporttest.Any}
	all := passporttest.Troubles()
	every(ctx, 2*time.Second, func() {
		s.hooks.Always(nil)
		if s.healed.Load() {
			return
		}
		i := rand.IntN(soakAccounts)
		switch rand.IntN(6) {
		case 0:
			s.site.SetTroubleFor(paths[rand.IntN(len(paths))], all[rand.IntN(len(all))], 1+rand.IntN(3))
		case 1:
			s.site.Kill(crowdMid(i))
		case 2:
			s.site.Refresh.SetDue(crowdMid(i), true)
		case 3:
			answers := []notifytest.Answer{{Status: 500}, {Status: 429}, {Reset: true}}
			s.hooks.Always(&answers[rand.IntN(len(answers))])
		case 4:
			_ = os.Remove(filepath.Join(s.dir, "cookies"+strconv.Itoa(i)))
		}
	})
}

// people scan the codes that are out, begin logins that nobody began, and ask again
// where the keeper leaves the site alone.
func (s *soak) people(ctx context.Context) {
	every(ctx, time.Second, func() {
		list, err := s.client.Accounts(ctx)
		if err != nil {
			s.failed(ctx, err)
			return
		}
		for i, a := range list {
			mid := crowdMid(slices.Index(s.names, a.Name))
			// Where the keeper leaves the site alone, also between a scan and its proof.
			if a.State != client.StateNeedsLogin && (a.BlockedUntil != nil || a.Attention != "") && i%5 == int(time.Now().Unix())%5 {
				_, _ = s.client.Check(ctx, a.Name, true)
				continue
			}
			switch {
			case a.State == client.StateLoggingIn && a.LoginID != "":
				l, err := s.client.Login(ctx, a.LoginID)
				switch {
				case err == nil && l.URL != "":
					// A code may run out just now, as codes do.
					_ = errors.Join(s.site.QR.Scan(l.URL, mid), s.site.QR.Confirm(l.URL, mid))
				case s.healed.Load() && a.Attention == "":
					// The site gave no code, and is asked again later; a person begins anew.
					_ = s.client.CancelLogin(ctx, l.ID)
				}
			case a.State == client.StateNeedsLogin:
				_, _ = s.client.StartLogin(ctx, client.LoginRequest{Account: a.Name})
			}
		}
	})
}

// failed tells of a keeper that does not answer while it should.
func (s *soak) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.t.Errorf("after %s: %v", time.Since(s.began).Round(time.Second), err)
	}
}

// readers read credentials, in whatever state the account is.
func (s *soak) readers(ctx context.Context) {
	every(ctx, 50*time.Millisecond, func() {
		_, err := s.client.Credential(ctx, s.names[rand.IntN(soakAccounts)], client.CredentialOptions{Format: "netscape"})
		// That there is none is an answer, too.
		if _, answered := errors.AsType[*client.Problem](err); err != nil && !answered {
			s.failed(ctx, err)
		}
	})
}

// reloads give the keeper the same configuration again, and by turns another schedule.
func (s *soak) reloads(ctx context.Context) {
	schedules := []string{`"@every 10s"`, `"@every 11s"`}
	every(ctx, 20*time.Second, func() {
		text, err := os.ReadFile(s.config)
		if err == nil {
			err = os.WriteFile(s.config, []byte(strings.Replace(string(text), schedules[0], schedules[1], 1)), 0o600)
		}
		if err == nil {
			err = s.keeper.cmd.Process.Signal(syscall.SIGHUP)
		}
		if err != nil {
			s.failed(ctx, err)
		}
		slices.Reverse(schedules)
	})
}

// follow keeps all of the journal, which the keeper does not.
func (s *soak) follow(ctx context.Context) {
	err := s.client.Follow(ctx, 0, func(e client.Event) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.journal = append(s.journal, e)
		return nil
	})
	s.failed(ctx, err)
}

// watch follows the events for a while, goes away, and comes again.
func (s *soak) watch(ctx context.Context) {
	for ctx.Err() == nil {
		while, cancel := context.WithTimeout(ctx, time.Duration(1+rand.IntN(20))*time.Second)
		_ = s.client.Follow(while, client.Live, func(client.Event) error { return nil })
		cancel()
	}
}

// recovered waits until every account lives.
func (s *soak) recovered(ctx context.Context) {
	s.t.Helper()
	s.site.SetTrouble(passporttest.Any, passporttest.None)
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Second) {
		list, err := s.client.Accounts(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(a client.Account) bool {
			i := slices.Index(s.names, a.Name)
			return a.State == client.StateValid && a.BlockedUntil == nil && len(s.site.Sessions(crowdMid(i))) > 0
		})
		if len(list) == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("%d accounts do not recover; the first is %+v", len(list), list[0])
			return
		}
	}
}

// told wants every message that was due to have come, and none twice.
func (s *soak) told() {
	s.t.Helper()
	read := func() *journal {
		s.mu.Lock()
		defer s.mu.Unlock()
		return readJournal(s.journal)
	}
	j := read()
	for end := time.Now().Add(10 * time.Minute); len(j.missing("phone")) > 0; j = read() {
		if time.Now().After(end) {
			for _, f := range j.missing("phone") {
				s.t.Errorf("people were not told of event %d of %s, %s, at %s", f.ID, f.Account, f.Type, f.Time.Format(time.RFC3339))
			}
			return
		}
		time.Sleep(time.Second)
	}
	for event, messages := range j.told["phone"] {
		if len(messages) > 1 {
			s.t.Errorf("event %d, %s, was told %d times", event, j.byID[event].Type, len(messages))
		}
	}
	came := map[string]int{}
	for _, d := range s.hooks.Taken() {
		if came[d.ID]++; came[d.ID] == 2 {
			s.t.Errorf("the message %s of type %s came again", d.ID, d.Type)
		}
	}
	kinds := map[string]int{}
	for _, f := range j.facts {
		kinds[f.Type]++
	}
	s.t.Logf("%d requests to the site, %d events, %d messages: %v", s.site.Requests(passporttest.Any), len(j.facts), len(came), kinds)
	if kinds[client.EventLoginRequired] == 0 || kinds[client.EventRefreshed] == 0 {
		s.t.Error("too little happened")
	}
	const perMinute = 600
	if most := s.site.MostInWindow(time.Minute); most > perMinute {
		s.t.Errorf("%d requests within a minute, of %d that it may send", most, perMinute)
	}
}
