//go:build linux && amd64 && faults

package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// mostCalls is far above the disk calls of a kind in one rotation.
const mostCalls = 100

// sweep runs a test for the first disk call, for the second, and so on, until
// one is over before its call comes. It returns how many calls were hit.
func sweep(t *testing.T, f fault, run func(*testing.T, fault) (hit bool)) int {
	t.Helper()
	var mu sync.Mutex
	next, last := 0, mostCalls
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for {
				mu.Lock()
				next++
				one := f
				one.N = next
				over := one.N > last
				mu.Unlock()
				if over {
					return
				}
				hit := false
				ok := t.Run(one.String(), func(t *testing.T) { hit = run(t, one) })
				if !hit || !ok {
					mu.Lock()
					last = min(last, one.N-1)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if last == mostCalls {
		t.Errorf("after %d calls the rotation is still not over", last)
	}
	return last
}

// TestKilledAtEachDiskCall kills the keeper before and after each write and
// each flush of a rotation.
func TestKilledAtEachDiskCall(t *testing.T) {
	mustTrace(t)
	for _, reuse := range []passporttest.Reuse{passporttest.ReuseAllowed, passporttest.ReuseDenied} {
		for _, f := range []fault{{Call: diskWrite}, {Call: diskWrite, After: true}, {Call: diskSync}, {Call: diskSync, After: true}} {
			t.Run(fmt.Sprintf("%s %s after %v", reuse, f.Call, f.After), func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				given := 0
				n := sweep(t, f, func(t *testing.T, f fault) bool {
					hit, up := killedAtDiskCall(t, reuse, f)
					mu.Lock()
					defer mu.Unlock()
					if up {
						given++
					}
					return hit
				})
				t.Logf("%d calls, %d kills between the site's reply and the end of its commit", n, given)
				// One commit is a handful of writes and two flushes.
				if most := map[diskCall]int{diskWrite: 8, diskSync: 2}[f.Call]; given > most {
					t.Errorf("%d kills made a login necessary; only those during the commit of the new pair may", given)
				}
				if n < 10 {
					t.Errorf("only %d calls were hit", n)
				}
			})
		}
	}
}

// killedAtDiskCall reports whether the call came, and whether the site denied
// the old token afterwards.
func killedAtDiskCall(t *testing.T, reuse passporttest.Reuse, f fault) (hit, givenUp bool) {
	r := &rotation{stage: newStage(t, nil), reuse: reuse}
	r.site.Refresh.SetOldTokenReuse(reuse)
	r.configure(settings{schedule: "@every 1h", refresh: true})
	r.start()
	r.old = r.takeOver(account, mid)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tm := r.tamper(f)
	first := r.keeper
	r.current.Store(first)
	var revived sync.WaitGroup
	revived.Go(func() { r.revive(ctx, r.stage) })
	err := r.settle(ctx, true)
	cancel()
	revived.Wait()
	r.keeper = r.current.Load()
	hit = r.keeper != first
	if err != nil {
		t.Fatalf("the account did not come to rest: %v", err)
	}
	if !hit {
		tm.heal() // or what follows would be hit
	}
	r.judge(hit)
	if a, err := r.client.Account(t.Context(), account); err == nil {
		givenUp = !a.Refreshable
	}
	r.stop()
	tm.end()
	r.verifyVault()
	return hit, givenUp
}

// TestDiskFaults fills or breaks the disk at each write and each flush of a
// rotation, for one call or for all from there on.
func TestDiskFaults(t *testing.T) {
	mustTrace(t)
	var all sync.WaitGroup
	for _, f := range []fault{
		{Call: diskWrite, Errno: unix.ENOSPC},
		{Call: diskWrite, Errno: unix.EIO},
		{Call: diskWrite, Errno: unix.EIO, Once: true},
		{Call: diskSync, Errno: unix.EIO},
		{Call: diskSync, Errno: unix.EIO, Once: true},
	} {
		all.Go(func() { // they wait most of the time
			t.Run(fmt.Sprintf("%s %v once %v", f.Call, f.Errno, f.Once), func(t *testing.T) {
				n := sweep(t, f, brokenAtDiskCall)
				t.Logf("%d calls", n)
				if n < 10 {
					t.Errorf("only %d calls were hit", n)
				}
			})
		})
	}
	all.Wait()
}

// brokenAtDiskCall reports whether the call came.
func brokenAtDiskCall(t *testing.T, f fault) bool {
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.start()
	s.takeOver(account, mid)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	tm := s.tamper(f)
	ended := make(chan error, 1)
	go func() {
		r, err := s.client.Refresh(ctx, account, true)
		if err == nil && r.Outcome != client.RefreshDone {
			err = fmt.Errorf("%s: %s", r.Outcome, r.Detail)
		}
		ended <- err
	}()
	said, over := s.trouble(ended)
	if said != "" && !names(said) {
		t.Errorf("what is wrong is not said: %s", said)
	}
	tm.heal()
	if !over {
		// By itself within some seconds, or at its next turn in a minute. Most of
		// these tests bring that forward.
		s.recover(ctx, ended, f.N%8 == 0)
	}
	if _, err := retry(ctx, func() (client.RefreshResult, error) { return s.client.Refresh(ctx, account, true) }); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	s.wantWell()
	s.stop()
	hits, _, _ := tm.end()
	if hits == 0 && said != "" {
		t.Errorf("the disk was well, and yet: %s", said)
	}
	s.verifyVault()
	return hits > 0
}

// names reports whether a text names a fault of the disk. Where the keeper has to
// begin again because of it, callers are only told that it stops.
func names(text string) bool {
	return strings.Contains(text, "no space left") || strings.Contains(text, "the disk failed") || strings.Contains(text, "the keeper is stopping")
}

// trouble waits until the command is over, the keeper says that something is
// wrong, or the keeper has ended. It returns what was said, "" for nothing.
func (s *stage) trouble(ended chan error) (said string, over bool) {
	s.t.Helper()
	until(s.t, "the command ends, or the keeper says what is wrong", func() bool {
		select {
		case err := <-ended:
			over = true
			if err != nil && !away(err) {
				said = err.Error()
			}
			return true
		default:
		}
		if status, err := s.client.Status(s.t.Context()); err == nil {
			said = strings.Join(status.Daemon.Problems, "; ")
		}
		return said != ""
	})
	return said, over
}

// recover waits until a command that the fault delayed is over.
func (s *stage) recover(ctx context.Context, ended chan error, alone bool) {
	s.t.Helper()
	for alone && ctx.Err() == nil {
		status, err := s.client.Status(ctx)
		if away(err) {
			break // it begins again from what is on the disk
		}
		if err != nil {
			s.t.Errorf("the keeper does not recover by itself: %v", err)
			return
		}
		if a := status.Accounts[0]; len(status.Daemon.Problems) == 0 && !a.PendingConfirm && time.Until(a.Next.At) > time.Minute {
			break
		}
		pause(ctx)
	}
	if !alone {
		_, _ = s.client.Refresh(ctx, account, true)
	}
	select {
	case <-ended:
	case <-ctx.Done():
		s.t.Error("the command never ends")
	}
}

// wantWell wants a keeper without troubles, and an account of which nothing was
// lost: each rotation of the site is one of the keeper's generations.
func (s *stage) wantWell() {
	s.t.Helper()
	status, err := s.client.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	a := status.Accounts[0]
	if len(status.Daemon.Problems) > 0 || a.State != client.StateValid || a.PendingConfirm || !a.Refreshable {
		s.t.Errorf("%q, %+v", status.Daemon.Problems, a)
	}
	if n := s.site.Refresh.Rotations(mid); a.Generation < 2 || uint64(n) != a.Generation-1 {
		s.t.Errorf("the site rotated %d times, and this is generation %d", n, a.Generation)
	}
	if !s.site.Alive(s.session()) {
		s.t.Error("the credential that is handed out is dead")
	}
	if n := len(s.events(client.EventLoginRequired)); n > 0 {
		s.t.Error("somebody was asked to log in")
	}
}
