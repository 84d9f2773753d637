package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/vault"
)

// The budget, and how much of it this machine may overdraw. What a start costs is told
// in commands, so that a slow machine, and one that is busy with other things, come to
// the same.
const (
	budgetAccounts = 100
	budgetMemory   = 25 << 10 // KiB
	budgetStart    = 6        // commands that only say the version
	slack          = 3
)

// TestBudget measures what a keeper of a hundred accounts costs while it has
// nothing to do, and how long it takes from its start to its first answer. It
// runs alone: other tests would be measured with it.
func TestBudget(t *testing.T) {
	s := newStage(t, nil)
	s.populate(budgetAccounts)
	s.configure(settings{schedule: "@every 8h"})

	var starts, works, commands []time.Duration
	for range 5 {
		began := time.Now()
		s.start()
		starts = append(starts, time.Since(began))
		s.stop()
		works = append(works, work(s.keeper.cmd))
		cmd := exec.Command(binary, "version")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, work(cmd))
	}
	slices.Sort(starts)
	slices.Sort(works)
	slices.Sort(commands)
	s.start()
	status, err := s.client.Status(t.Context())
	if err != nil || len(status.Accounts) != budgetAccounts {
		t.Fatalf("%d accounts: %v", len(status.Accounts), err)
	}
	fresh := s.memory()
	idle := s.rest()
	t.Logf("from the start to an answer: median %s of %s", starts[2], starts)
	t.Logf("processor time of it, with the stop: median %s of %s; of a command %s of %s", works[2], works, commands[2], commands)
	t.Logf("resident with %d accounts: %s after the start, %s at rest", budgetAccounts, fresh, idle)
	if works[2] > slack*budgetStart*commands[2] {
		t.Errorf("a start is %s of work, the budget is that of %d commands, each %s", works[2], budgetStart, commands[2])
	}
	if idle.total > budgetMemory*slack/2 {
		t.Errorf("the keeper has %d KiB at rest, the budget is %d", idle.total, budgetMemory)
	}
	s.stop()
}

// work is the time that processors were busy with a program that has ended.
func work(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// populate logs accounts in, with a keeper in this process: the binary keeps
// the site's limits however it is configured.
func (s *stage) populate(n int) {
	t := s.t
	t.Helper()
	v, err := vault.Open(vault.Options{Path: filepath.Join(s.state(), daemon.VaultFile), KeyFile: filepath.Join(s.state(), daemon.KeyFile)})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	e := s.site.Endpoints("http://site.invalid")
	c.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
	c.Limits.RequestsPerMinute, c.Limits.Concurrency = 1_000_000, 8
	c.Login.Poll = config.Duration(time.Millisecond)
	k, err := keeper.New(keeper.Parts{
		Vault: v, Config: c, Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: s.site.Transport()},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var kept sync.WaitGroup
	k.Begin(ctx)
	kept.Go(func() { k.Keep(ctx) })
	for i := range n {
		name, who := fmt.Sprintf("account-%d", i), int64(700000000+i)
		s.site.AddUser(who, "user "+strconv.Itoa(i))
		var l client.Login
		until(t, "the keeper runs", func() bool {
			l, err = k.Logins().Start(ctx, client.LoginRequest{Account: name})
			return err == nil
		})
		s.answer(l.URL, who)
	}
	until(t, "all accounts are logged in", func() bool {
		return !slices.ContainsFunc(k.Accounts().Status().Accounts, func(a client.Account) bool { return a.State != client.StateValid })
	})
	cancel()
	kept.Wait()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}

// memory is what the kernel says of the process, in KiB.
type memory struct{ total, anonymous, file int }

func (m memory) String() string {
	return fmt.Sprintf("%.1f MB (%.1f its own, %.1f mapped files)",
		float64(m.total)/1024, float64(m.anonymous)/1024, float64(m.file)/1024)
}

func (s *stage) memory() memory {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.keeper.pid()))
	if err != nil {
		s.t.Fatal(err)
	}
	var m memory
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		into, ok := map[string]*int{"VmRSS": &m.total, "RssAnon": &m.anonymous, "RssFile": &m.file}[name]
		if ok {
			_, _ = fmt.Sscan(rest, into)
		}
	}
	return m
}

// rest waits until the keeper's memory has not changed for two seconds.
func (s *stage) rest() memory {
	s.t.Helper()
	last, since := s.memory(), time.Now()
	until(s.t, "a keeper at rest", func() bool {
		if now := s.memory(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	return last
}
