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

// most is who asked the most within any time of a length, and how much that was.
func (s spent) most(window time.Duration) (who string, n int, from time.Time) {
	for one, times := range s {
		slices.SortFunc(times, time.Time.Compare)
		first := 0
		for i, at := range times {
			for at.Sub(times[first]) >= window {
				first++
			}
			if i-first+1 > n {
				who, n, from = one, i-first+1, times[first]
			}
		}
	}
	return who, n, from
}

// overspent says where more was asked than is promised, whatever was killed or cut.
//
// The limiter counts a request when it has its place, and it leaves when that is written
// down, which waits for etcd: those that are under way when a minute begins can arrive
// within it and count in the one before. They are as many as may be under way at once.
// Of one account there is never more than one. In a host's minute every request counts,
// the questions whether a code was scanned, too, and what they leave to others of the
// bucket is part of it: burst and flow together are the minute's.
func (h *history) overspent() (faults []string) {
	hosts, accounts, refreshed := h.visits.spent()
	for _, one := range []struct {
		kind   string
		spent  spent
		window time.Duration
		most   int
	}{
		{"requests of %s in a minute", hosts, time.Minute, perMinute + atOnce},
		{"requests for the account of device %s in an hour", accounts, hour, perHour + 1},
		{"refreshes for the account of device %s in an hour", refreshed, hour, refreshes + 1},
	} {
		if who, n, from := one.spent.most(one.window); n > one.most {
			faults = append(faults, fmt.Sprintf("%d "+one.kind+" from %s on, and %d are allowed", n, who, from.UTC().Format(time.TimeOnly), one.most))
		}
	}
	return faults
}

// reached is how much was asked at most.
func (h *history) reached() string {
	hosts, accounts, refreshed := h.visits.spent()
	_, minute, _ := hosts.most(time.Minute)
	_, most, _ := accounts.most(hour)
	_, rotations, _ := refreshed.most(hour)
	return fmt.Sprintf("at most %d of %d requests a minute of a host, %d of %d an hour for an account, %d of %d refreshes", minute, perMinute, most, perHour, rotations, refreshes)
}
