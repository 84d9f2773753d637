//go:build unix && long

package e2e_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// killsEnv names the number of kills of TestKilledAtRandom.
const killsEnv = "BILIKEEPER_TEST_KILLS"

// tally is what a long run found.
type tally struct {
	left                            atomic.Int64 // kills that are still to come
	kills, rotations, denied, again atomic.Int64
	requests, refreshes             atomic.Int64
	lost                            atomic.Int64 // sessions that needed a person although the site denied nothing
}

// TestKilledAtRandom rotates accounts all the time and kills their keepers at
// times drawn by lot. No session may be lost, and the vault has to be whole
// after each kill.
func TestKilledAtRandom(t *testing.T) {
	n := 1000
	if text := os.Getenv(killsEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var sum tally
	sum.left.Store(int64(n))
	began := time.Now()
	var all sync.WaitGroup
	for i := range atOnce {
		reuse := []passporttest.Reuse{passporttest.ReuseAllowed, passporttest.ReuseDenied}[i%2]
		all.Go(func() {
			t.Run(fmt.Sprintf("%s %d", reuse, i), func(t *testing.T) { killRandomly(t, reuse, &sum) })
		})
	}
	all.Wait()
	took := time.Since(began)
	t.Logf("%d kills in %s (%.1f a second), %d rotations, %d of them begun again after a kill; the site denied the old token %d times; %d sessions lost",
		sum.kills.Load(), took.Round(time.Second), float64(sum.kills.Load())/took.Seconds(), sum.rotations.Load(), sum.again.Load(), sum.denied.Load(), sum.lost.Load())
	t.Logf("%d requests, %d of them refreshes", sum.requests.Load(), sum.refreshes.Load())
	if most := 2*sum.kills.Load() + atOnce; sum.refreshes.Load() > most {
		t.Errorf("%d refreshes for %d kills", sum.refreshes.Load(), sum.kills.Load())
	}
}

func killRandomly(t *testing.T, reuse passporttest.Reuse, sum *tally) {
	s := newStage(t, nil)
	s.site.Refresh.SetOldTokenReuse(reuse)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.start()
	s.takeOver(account, mid)
	r := &rotation{stage: s, reuse: reuse}
	for sum.left.Add(-1) >= 0 && !t.Failed() {
		r.killInRotation(sum)
	}
	if n := len(s.messages(client.EventLoginRequired)); n != r.asked {
		t.Errorf("people were asked to log in %d times, and the site denied the old token %d times", n, r.asked)
	}
	// However often it was killed, it asked no more than it may, and each kill cost one
	// refresh at most.
	const perMinute = 600
	if most := s.site.MostInWindow(time.Minute); most > perMinute {
		t.Errorf("%d requests within a minute, of %d that it may send", most, perMinute)
	}
	sum.requests.Add(int64(s.site.Requests(passporttest.Any)))
	sum.refreshes.Add(int64(s.site.Requests(passporttest.PathRefresh)))
	s.stop()
}

// killInRotation kills once, at some time in a rotation or soon after it.
func (r *rotation) killInRotation(sum *tally) {
	t := r.t
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before, err := r.client.Account(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	rotations := r.site.Refresh.Rotations(mid)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = r.client.Refresh(ctx, account, true)
	}()
	// Most of what can go wrong lies in the first milliseconds; the confirmation
	// comes a second later.
	wait := time.Duration(math.Exp(rand.Float64()*math.Log(1200)) * float64(time.Millisecond))
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	r.keeper.kill()
	<-ended
	sum.kills.Add(1)
	r.verifyCopy()
	r.start()
	a, err := r.rest(ctx, before.Generation)
	if err != nil {
		sum.lost.Add(1)
		t.Fatalf("killed after %s: %v", wait, err)
	}
	spent := r.site.Refresh.Rotations(mid) - rotations
	sum.rotations.Add(int64(spent))
	if !r.site.Alive(r.session()) || len(r.site.Sessions(mid)) == 0 {
		sum.lost.Add(1)
		t.Errorf("killed after %s: the credential that is handed out is dead", wait)
	}
	if spent > 1 {
		sum.again.Add(1)
	}
	if a.Refreshable {
		return
	}
	// Only the site itself may have made that necessary.
	sum.denied.Add(1)
	if r.reuse != passporttest.ReuseDenied || spent != 1 || a.Generation != before.Generation {
		sum.lost.Add(1)
		t.Errorf("killed after %s: given up, %d rotations, %+v", wait, spent, a)
	}
	r.asked++
	r.loginAgain(ctx)
}

// rest waits until the keeper has finished what it was at, and returns the
// account.
func (r *rotation) rest(ctx context.Context, before uint64) (client.Account, error) {
	for {
		a, err := r.client.Account(ctx, account)
		switch {
		case err != nil:
			return a, err
		case a.State != client.StateValid:
			return a, fmt.Errorf("the account is %s: %s", a.State, a.Detail)
		case !a.Refreshable:
			return a, r.toldEarly(ctx)
		case a.PendingConfirm && time.Until(a.Next.At) > 10*time.Second:
			if _, err := r.client.Refresh(ctx, account, false); err != nil {
				return a, err
			}
		case time.Until(a.Next.At) > 10*time.Second:
			if a.Generation > before+1 {
				return a, fmt.Errorf("generation %d came after %d", a.Generation, before)
			}
			return a, nil
		}
		pause(ctx)
	}
}

// loginAgain stands for the person who follows the request to log in.
func (r *rotation) loginAgain(ctx context.Context) {
	r.t.Helper()
	id := ""
	until(r.t, "the login that people were asked for", func() bool {
		a, err := r.client.Account(ctx, account)
		id = a.LoginID
		return err == nil && id != ""
	})
	if err := r.client.CancelLogin(ctx, id); err != nil {
		r.t.Error(err)
	}
	r.takeOver(account, mid)
}

// verifyCopy reads all of the vault as the kill left it.
func (s *stage) verifyCopy() {
	s.t.Helper()
	dir := filepath.Join(s.dir, "copy")
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"vault.db", "vault.key"} {
		data, err := os.ReadFile(filepath.Join(s.state(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db")})
	if err != nil {
		s.t.Errorf("the vault does not open after a kill: %v", err)
		return
	}
	if err := v.Verify(); err != nil {
		s.t.Errorf("the vault is not whole after a kill: %v", err)
	}
	if err := v.Close(); err != nil {
		s.t.Error(err)
	}
}
