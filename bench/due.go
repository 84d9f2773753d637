//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// due gives all accounts another schedule, by which all are checked in the same minute,
// and measures both: what the reload writes, and the checks beside a client that asks
// the same of the same site.
func (b *bench) due(n int) error {
	dir := filepath.Join(b.dir, "keeper"+strconv.Itoa(n))
	all := together{b}
	var mb, took, got, floor, work, least series
	for range min(b.rounds, 3) {
		at := time.Now().Add(time.Minute / 2).Truncate(time.Minute).Add(time.Minute)
		written, seconds, err := all.replan(n, b.settings(dir, at.UTC().Format("4 15 * * *")), at)
		if err != nil {
			return err
		}
		mb, took = append(mb, written), append(took, seconds)
		perSecond, each, err := all.checked(n, at)
		if err != nil {
			return err
		}
		got, work = append(got, perSecond), append(work, each)
		if perSecond, each, err = b.bare(n); err != nil {
			return err
		}
		floor, least = append(floor, perSecond), append(least, each)
	}
	b.perCheck[n] = work
	b.add(row{name: "reload that gives all another schedule: written", accounts: n, unit: "MB", got: mb, must: with(n, "", "≤ 20 MB")})
	b.add(row{name: "reload that gives all another schedule", accounts: n, unit: "s", got: took})
	b.add(row{name: "checks of all, due at once", accounts: n, unit: "/s", got: got, floor: floor, floorsName: "bare client"})
	b.add(row{name: "CPU of a check", accounts: n, unit: "µs", got: work, floor: least, floorsName: "bare client"})
	return b.configure(b.settings(dir, never))
}

// together are all accounts, due at the same time.
type together struct{ *bench }

// replan reloads the configuration, and returns how many megabytes were written and
// how many seconds it took until every account was due at the time.
func (b together) replan(n int, text string, at time.Time) (mb, seconds float64, err error) {
	mb = -written(b.keeper.pid())
	begun := time.Now()
	if err := b.configure(text); err != nil {
		return 0, 0, err
	}
	for planned := 0; planned < n; {
		if time.Now().After(at) {
			return 0, 0, fmt.Errorf("%d of %d accounts had another schedule in time", planned, n)
		}
		s, err := b.keeper.client.Status(context.Background())
		if err != nil {
			return 0, 0, err
		}
		planned = 0
		for _, a := range s.Accounts {
			if a.NextCheckAt != nil && a.NextCheckAt.Equal(at) {
				planned++
			}
		}
	}
	return mb + written(b.keeper.pid()), time.Since(begun).Seconds(), nil
}

// checked waits for the checks of all accounts, and returns how many there were a
// second, from the first request to the last, and how much CPU each took.
func (b together) checked(n int, at time.Time) (perSecond, each float64, err error) {
	time.Sleep(time.Until(at.Add(-time.Second)))
	b.site.ResetLog()
	before := cpu(b.keeper.pid())
	for limit := at.Add(10 * time.Minute); b.site.Requests(passporttest.PathCookieInfo) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			return 0, 0, fmt.Errorf("%d of %d accounts were checked", b.site.Requests(passporttest.PathCookieInfo), n)
		}
	}
	time.Sleep(time.Second) // until the last is kept
	log := b.site.Log()
	return float64(n) / log[len(log)-1].Time.Sub(log[0].Time).Seconds(), (cpu(b.keeper.pid()) - before) * 1000 / float64(n), nil
}

// growth compares what a check costs among most accounts with what it costs among
// fewest.
func (b *bench) growth() {
	few, many := b.accounts[0], b.accounts[len(b.accounts)-1]
	if few == many || len(b.perCheck[few])*len(b.perCheck[many]) == 0 {
		return
	}
	b.add(row{name: "CPU of a check, beside few accounts", accounts: many, unit: "µs", got: b.perCheck[many], floor: b.perCheck[few],
		floorsName: fmt.Sprintf("among %d", few), must: "≤ 1.1"})
}
