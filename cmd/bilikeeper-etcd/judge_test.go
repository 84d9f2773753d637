//go:build etcd && unix

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// judge says what of the guarantees does not hold by now.
func (h *history) judge() []string {
	for _, breach := range h.once(func(first, second visit) bool {
		return h.wrong(first.host, first.begun.Add(-time.Second), second.begun)
	}) {
		h.breach("%s", breach)
	}
	for _, fault := range h.overspent() {
		h.breach("%s", fault)
	}
	h.mu.Lock()
	again, wrong := 0, len(h.faults)
	for _, n := range h.hook {
		again += n - 1
	}
	h.mu.Unlock()
	if again > wrong {
		h.breach("%d messages came once more, with %d faults", again, wrong)
	}
	return h.broken()
}

// well waits until everything is as if nothing had been wrong: all hosts see one another,
// every account has one owner, and every host hands its newest credential out. What was
// spent by a clock that was ahead counts for an hour from when the next host takes the
// account over, and a login that is due waits for it. The site ends no sessions meanwhile:
// of ten accounts one would be dead at most moments of a slow machine.
func (h *history) well() error {
	h.quiet.Store(true)
	defer h.quiet.Store(false)
	begun := time.Now()
	var last error
	for {
		err := h.agreed()
		for name := range h.mids {
			if err == nil {
				err = h.whole(name)
				h.lookAfter(name, err)
			}
		}
		took := time.Since(begun)
		if err == nil && took > lease {
			h.t.Logf("it took %v until all was well, the last thing: %v", took.Round(time.Second), last)
		}
		if err == nil || took > patience+hour {
			return err
		}
		last = err
		time.Sleep(200 * time.Millisecond)
	}
}

// lookAfter has somebody ask for a check of an account that is not well, where it is left
// alone: that may be for long after its hour was used up, or the site could not be reached.
func (h *history) lookAfter(name string, err error) {
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if a, err := h.hosts[0].client().Account(ctx, name); err == nil && a.BlockedUntil != nil && a.BlockedUntil.After(time.Now()) {
		_, _ = h.hosts[0].client().Check(ctx, name, true)
	}
}

func (h *history) agreed() error {
	owners := map[string]string{}
	for _, m := range h.hosts {
		s, err := m.status()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", m.name, err)
		case len(s.Daemon.Hosts) != len(h.hosts):
			return fmt.Errorf("%s sees the hosts %v: %s", m.name, s.Daemon.Hosts, strings.Join(s.Daemon.Problems, "; "))
		case len(s.Daemon.Problems) > 0:
			return fmt.Errorf("%s tells of %s", m.name, strings.Join(s.Daemon.Problems, "; "))
		case len(s.Accounts) != len(h.mids):
			return fmt.Errorf("%s has %d accounts", m.name, len(s.Accounts))
		}
		for _, a := range s.Accounts {
			if a.Host == "" || owners[a.Name] != "" && owners[a.Name] != a.Host {
				return fmt.Errorf("%s sees %s at %q, another at %q", m.name, a.Name, a.Host, owners[a.Name])
			}
			owners[a.Name] = a.Host
			if err := h.planned(a); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

// planned says why an account is not checked as often as it is to be: nothing that went
// wrong, and no clock, leaves it unchecked once it is over, but for the longest pause after
// answers that did not come.
func (h *history) planned(a client.Account) error {
	next, within := a.NextCheckAt, 2*h.everyFor()+lag
	if a.BlockedUntil != nil && time.Until(*a.BlockedUntil) > 75*time.Minute {
		return fmt.Errorf("%s is left alone until %s", a.Name, a.BlockedUntil.Format(time.TimeOnly))
	}
	if a.BlockedUntil != nil {
		within += max(0, time.Until(*a.BlockedUntil))
	}
	if next != nil && time.Until(*next) > within {
		return fmt.Errorf("%s is checked at %s only", a.Name, next.Format(time.TimeOnly))
	}
	return nil
}

// everyFor is how often each account is to be checked.
func (h *history) everyFor() time.Duration {
	d, err := time.ParseDuration(h.every)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// whole says why not all hosts hand one living credential of an account out.
func (h *history) whole(name string) error {
	var generation uint64
	for _, m := range h.hosts {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		c, err := m.client().Credential(ctx, name, client.CredentialOptions{})
		cancel()
		switch {
		case err != nil:
			return fmt.Errorf("%s of %s: %w", name, m.name, err)
		case generation != 0 && c.Generation != generation:
			return fmt.Errorf("%s hands generation %d of %s out, another %d", m.name, c.Generation, name, generation)
		}
		generation = c.Generation
		alive := false
		for _, s := range h.site.Sessions(h.mids[name]) {
			alive = alive || strings.Contains(string(c.Body), s)
		}
		if !alive {
			return fmt.Errorf("the site does not take what %s hands out of %s", m.name, name)
		}
	}
	return nil
}

// deniedTwice is when the site had denied the session in a credential for the second
// time; zero where it has not.
func (v *visits) deniedTwice(credential string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	for session, times := range v.denied {
		if len(times) > 1 && strings.Contains(credential, session) {
			return times[1]
		}
	}
	return time.Time{}
}

// dead is how many sessions the site had denied twice.
func (v *visits) dead() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, times := range v.denied {
		if len(times) > 1 {
			n++
		}
	}
	return n
}

// asksWhether reports whether a path is for the question whether a session lives.
func asksWhether(path string) bool {
	return path == passporttest.PathNav || path == passporttest.PathCookieInfo
}
