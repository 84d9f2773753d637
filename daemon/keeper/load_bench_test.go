//go:build linux

package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// crowd is a keeper of many accounts on the real clock, with the simulator of the
// site behind a port.
type crowd struct {
	*testing.B
	config  config.Config
	keeper  *keeper.Keeper
	site    *passporttest.Site
	server  *passporttest.Server
	headers []string // of each account's session
}

// atOnce is how many ask at once.
const atOnce = 64

func newCrowd(b *testing.B, accounts int) *crowd {
	c := &crowd{B: b, config: config.Default(), site: passporttest.New()}
	var err error
	if c.server, err = c.site.Start(); err != nil {
		b.Fatal(err)
	}
	for i := range accounts {
		mid := int64(700_000_000 + i)
		c.site.AddUser(mid, fmt.Sprint("user ", i))
		var header []string
		for _, line := range c.site.Grant(mid) {
			pair, _, _ := strings.Cut(line, ";")
			header = append(header, pair)
		}
		c.headers = append(c.headers, strings.Join(header, "; ")+"; buvid3=b3")
	}
	e := c.site.Endpoints(c.server.URL)
	c.config.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
	c.config.Check.Jitter = 0
	c.config.Limits.RequestsPerMinute, c.config.Limits.Concurrency = 1_000_000_000, atOnce
	dir := filepath.Join(b.TempDir(), "state")
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		b.Fatal(err)
	}
	if c.keeper, err = keeper.New(keeper.Parts{Vault: v, Config: c.config, Log: zerolog.Nop(), Version: "test"}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	c.keeper.Begin(ctx)
	go func() { defer close(kept); c.keeper.Keep(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-kept
		c.server.Close()
		if err := v.Close(); err != nil {
			b.Error(err)
		}
	})
	return c
}

func name(i int) string { return fmt.Sprint("account-", i) }

// each has fn done for each account, so many at once, and returns how long it took.
func (c *crowd) each(atOnce int, fn func(i int) error) time.Duration {
	c.Helper()
	begun := time.Now()
	next := make(chan int)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := range next {
				if err := fn(i); err != nil {
					c.Error(err)
				}
			}
		})
	}
	for i := range c.headers {
		next <- i
	}
	close(next)
	all.Wait()
	return time.Since(begun)
}

func (c *crowd) takeOver(i int) error {
	_, err := c.keeper.Accounts().Import(context.Background(), client.ImportRequest{Account: name(i), Data: c.headers[i]})
	return err
}

func (c *crowd) check(i int) error {
	r, err := c.keeper.Accounts().Check(context.Background(), name(i), true)
	if err == nil && r.Outcome != client.CheckOK {
		err = errors.New(r.Detail)
	}
	return err
}

// asker asks what a check asks, and does nothing else.
type asker struct {
	*crowd
	client http.Client
}

func (c *crowd) asker() asker {
	return asker{c, http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (a asker) ask(i int) error {
	r, err := http.NewRequest(http.MethodGet, a.config.Endpoints.Passport+pathInfo, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", a.headers[i])
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
	answer, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(text, []byte(`"code":0`)) {
		err = fmt.Errorf("the site says %s", text)
	}
	return err
}

// cpu is how long this process has computed, the simulator of the site included.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// written is how many bytes this process has had written to files.
func written(b *testing.B) int {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			bytes, _ := strconv.Atoi(strings.TrimSpace(n))
			return bytes
		}
	}
	return 0
}

// BenchmarkCrowd imports ten thousand accounts, checks them all, with what a bare
// client needs for the same requests between, and gives them another schedule.
func BenchmarkCrowd(b *testing.B) {
	accounts := 10_000
	if testing.Short() {
		accounts = 500
	}
	for b.Loop() {
		c := newCrowd(b, accounts)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(c.each(atOnce, c.takeOver).Seconds(), "s/import")
		a := c.asker()
		used := cpu()
		bare := c.each(atOnce, a.ask)
		bareCPU := cpu() - used
		c.each(accounts, c.check) // the first of each is told of, the others change nothing
		used = cpu()
		checked := c.each(accounts, c.check) // as the schedule does where all are due
		b.ReportMetric(bareCPU.Seconds()/(cpu()-used).Seconds(), "CPU÷bare")
		b.ReportMetric(float64((cpu()-used).Microseconds())/float64(accounts), "CPUµs/check")
		bare = min(bare, c.each(atOnce, a.ask))
		b.ReportMetric(float64(accounts)/checked.Seconds(), "checks/s")
		b.ReportMetric(bare.Seconds()/checked.Seconds(), "÷bare")
		before, begun := written(b), time.Now()
		c.config.Check.Schedule = "@every 9h"
		next, err := keeper.NewSettings(c.config)
		if err != nil {
			b.Fatal(err)
		}
		c.keeper.Use(next)
		for i := range c.headers {
			for !strings.HasPrefix(c.keeper.Record(name(i)).Plan, "@every 9h") {
				time.Sleep(time.Millisecond)
			}
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s/reload")
		b.ReportMetric(float64(written(b)-before)/1e6, "MB/reload")
	}
}
