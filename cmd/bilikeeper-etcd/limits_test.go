//go:build etcd && unix

package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	// perMinute is what each host asks the site in a minute, perHour what is asked for one
	// account in an hour, and refreshes how often it is refreshed.
	perMinute = 150
	perHour   = 60
	refreshes = 6
	// atOnce is how many requests of one host are under way.
	atOnce = 4
)

// limited are the limits of the hosts of the histories.
func limited() string {
	return fmt.Sprintf("[limits]\nmin_check_interval = \"1s\"\nrequests_per_minute = %d\nconcurrency = %d\nrefreshes_per_hour = %d\n", perMinute, atOnce, refreshes)
}

// arrival is a request that left a host.
type arrival struct {
	host, device, path string
	at                 time.Time
}

// arrives notes a request, whether the site answers it or not.
func (v *visits) arrives(host string, r *http.Request) {
	one := arrival{host: host, path: r.URL.Path, at: time.Now()}
	if c, err := r.Cookie("buvid3"); err == nil {
		one.device = c.Value // an account's own, from its first login on
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.came = append(v.came, one)
}

// spent are the times of what was asked, for each of those who have a limit of one kind.
type spent map[string][]time.Time

// spent returns what was asked by each host, of which a minute's limit speaks; for each
// account by all hosts, by its device; and how often each account was refreshed. Whether a
// code was scanned is asked without an account's limit.
func (v *visits) spent() (hosts, accounts, refreshed spent) {
	v.mu.Lock()
	defer v.mu.Unlock()
	hosts, accounts, refreshed = spent{}, spent{}, spent{}
	for _, one := range v.came {
		hosts[one.host] = append(hosts[one.host], one.at)
		if one.device != "" && one.path != passporttest.PathPoll {
			accounts[one.device] = append(accounts[one.device], one.at)
		}
		if one.path == passporttest.PathRefresh {
			refreshed[one.device] = append(refreshed[one.device], one.at)
		}
	}
	return hosts, accounts, refreshed
}

// windows tells of all times of a length that end with a request, how many there were in
// it; of the next one that has a limit, where told so.
func (s spent) windows(length time.Duration, tell func(who string, n int, from time.Time) (goOn bool)) {
	for who, times := range s {
		slices.SortFunc(times, time.Time.Compare)
		first := 0
		for i, at := range times {
			for at.Sub(times[first]) >= length {
				first++
			}
			if !tell(who, i-first+1, times[first]) {
				break
			}
		}
	}
}

// most is how much was asked at most within any time of a length.
func (s spent) most(length time.Duration) (most int) {
	s.windows(length, func(_ string, n int, _ time.Time) bool {
		most = max(most, n)
		return true
	})
	return most
}

// overspent says where more was asked than is promised, whatever was killed or cut.
//
// The limiter counts a request when it has its place, and it leaves when that is written
// down, which waits for etcd: those that are under way when a minute begins can arrive
// within it and count in the one before. They are as many as may be under way at once.
// Of one account there is never more than one. In a host's minute every request counts,
// the questions whether a code was scanned, too, and what they leave to others of the
// bucket is part of it: burst and flow together are the minute's.
//
// What was asked is written down by the wall clock. Whoever takes an account over, or
// starts anew, after a clock was set finds an hour that is over before it is, and a bucket
// that is full; so each time that a clock was set, and set right, allows either once more.
//
// Where packets vanish, what was sent arrives when they do so no more. Its host has given
// it up by then and asked again: as many as were under way, of one account one.
func (h *history) overspent() (faults []string) {
	hosts, accounts, refreshed := h.visits.spent()
	anywhere := func(string) string { return "" }
	for _, one := range []struct {
		kind   string
		spent  spent
		window time.Duration
		most   int
		late   int                            // what may come late, for each time that packets vanished
		where  func(who string) (host string) // whose clock and packets that are
	}{
		{"requests of %s in a minute", hosts, time.Minute, perMinute + atOnce, atOnce, func(host string) string { return host }},
		{"requests for the account of device %s in an hour", accounts, hour, perHour + 1, 1, anywhere},
		{"refreshes for the account of device %s in an hour", refreshed, hour, refreshes + 1, 1, anywhere},
	} {
		one.spent.windows(one.window, func(who string, n int, from time.Time) bool {
			if n <= one.most {
				return true
			}
			host, before, after := one.where(who), from.Add(-one.window), from.Add(one.window)
			allowed := one.most*(1+2*h.touched(clocks, host, before, after)) + one.late*h.touched(packets, host, before, after)
			if n > allowed {
				faults = append(faults, fmt.Sprintf("%d "+one.kind+" from %s on, and %d are allowed", n, who, from.UTC().Format(time.TimeOnly), allowed))
			}
			return n <= allowed
		})
	}
	return faults
}

// reached is how much was asked at most.
func (h *history) reached() string {
	hosts, accounts, refreshed := h.visits.spent()
	minute, most, rotations := hosts.most(time.Minute), accounts.most(hour), refreshed.most(hour)
	return fmt.Sprintf("at most %d of %d requests a minute of a host, %d of %d an hour for an account, %d of %d refreshes", minute, perMinute, most, perHour, rotations, refreshes)
}
