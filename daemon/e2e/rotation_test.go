//go:build unix

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// cut is a moment of a rotation at which something is taken away: the keeper,
// or only the site's reply.
type cut struct {
	boundary
	lose bool
}

func (c cut) String() string {
	_, name, _ := strings.Cut(strings.TrimSuffix(c.what, "/"), "/")
	if c.lose {
		return "the reply of " + name + " lost"
	}
	return "killed when " + name + " has " + string(c.at)
}

func killAt(what string, at moment) cut { return cut{boundary: boundary{what, at}} }
func loseReply(what string) cut         { return cut{boundary{what, acted}, true} }

// TestRotationCut cuts rotations short, once or several times, at moments that
// can be told from outside, with both answers that the site may give to an old
// token used twice. Whatever is cut, the session is not lost.
func TestRotationCut(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for _, reuse := range []passporttest.Reuse{passporttest.ReuseAllowed, passporttest.ReuseDenied} {
		for _, plan := range cutPlans() {
			limit <- struct{}{}
			all.Go(func() {
				defer func() { <-limit }()
				t.Run(fmt.Sprintf("%s %s", reuse, plan), func(t *testing.T) { runRotation(t, reuse, plan) })
			})
		}
	}
	all.Wait()
}

// rotation is the refresh of one account, and what is cut out of it.
type rotation struct {
	*stage
	service
	reuse passporttest.Reuse
	old   passporttest.Pair
	asked int // how often people were asked to log in before

	mu    sync.Mutex // guards what follows
	armed bool
	plan  []cut // what is still to come
	done  []cut
}

func runRotation(t *testing.T, reuse passporttest.Reuse, plan []cut) {
	r := &rotation{reuse: reuse, plan: slices.Clone(plan)}
	r.stage = newStage(t, r.pass)
	r.site.Refresh.SetOldTokenReuse(reuse)
	r.configure(settings{schedule: "@every 1h", refresh: true})
	r.start()
	r.old = r.takeOver(account, mid)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.current.Store(r.keeper)
	var revived sync.WaitGroup
	revived.Go(func() { r.revive(ctx, r.stage) })
	r.arm(true)
	err := r.settle(ctx, true)
	r.arm(false)
	if err == nil {
		// A kill may have been the last thing that happened.
		err = r.settle(ctx, false)
	}
	cancel()
	revived.Wait()
	r.keeper = r.current.Load()
	if err != nil {
		t.Fatalf("the account did not come to rest: %v", err)
	}
	if len(r.done) == 0 && plan[0].at != later {
		t.Error("nothing was cut")
	}
	r.judge(r.spentInVain())
	r.stop()
	r.verifyVault()
}

// takeOver imports a fresh login of a user and returns its pair.
func (s *stage) takeOver(name string, who int64) passporttest.Pair {
	s.t.Helper()
	var header []string
	for key, value := range setCookies(s.site.Grant(who)) {
		header = append(header, key+"="+value)
	}
	pairs := s.site.Refresh.Pairs(who)
	pair := pairs[len(pairs)-1]
	r, err := s.client.Import(s.t.Context(), client.ImportRequest{
		Account: name, Data: strings.Join(header, "; ") + "; ac_time_value=" + pair.RefreshToken,
	})
	if err != nil || !r.Refreshable || r.Account.State != client.StateValid {
		s.t.Fatalf("the import: %+v, %v", r.Account, err)
	}
	return pair
}

func (r *rotation) arm(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = on
}

// pass is called at each moment, and cuts if the plan says so.
func (r *rotation) pass(b boundary) bool {
	r.mu.Lock()
	defer r.mu.Unlock() // over the kill too: whoever disarms knows that none is to come
	if !r.armed || len(r.plan) == 0 || r.plan[0].boundary != b {
		return false
	}
	c := r.plan[0]
	r.plan = r.plan[1:]
	r.done = append(r.done, c)
	if !c.lose {
		r.current.Load().kill()
	}
	return true
}

// settle lets a rotation happen, over restarts, until nothing more is to be
// done for the account soon. Where the keeper means to wait, for an hour mostly,
// a command brings that forward.
func (r *rotation) settle(ctx context.Context, wanted bool) error {
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wanted {
			_, err := r.client.Refresh(ctx, account, true)
			if err != nil && !away(err) && !isProblem(err, client.ProblemNeedsLogin) {
				return err
			}
			wanted = false
		}
		a, err := retry(ctx, func() (client.Account, error) { return r.client.Account(ctx, account) })
		if err != nil {
			return err
		}
		switch soon := a.Next == nil || time.Until(a.Next.At) < 10*time.Second; {
		case a.State != client.StateValid:
			return fmt.Errorf("the account is %s: %s", a.State, a.Detail)
		case !a.Refreshable:
			return r.toldEarly(ctx)
		case soon:
			pause(ctx)
		case a.PendingConfirm:
			// Without force: the site says that no other rotation is due.
			if _, err := r.client.Refresh(ctx, account, false); err != nil && !away(err) {
				return err
			}
		case a.Generation == 1:
			wanted = true
		default:
			return nil
		}
	}
}

func isProblem(err error, kind string) bool { return errors.Is(err, &client.Problem{Type: kind}) }

// toldEarly waits for the request to log in that goes to people.
func (r *rotation) toldEarly(ctx context.Context) error {
	for len(r.messages(client.EventLoginRequired)) <= r.asked || len(r.messages(client.EventLoginCode)) <= r.asked {
		if ctx.Err() != nil {
			return fmt.Errorf("nobody was asked to log in: %w", ctx.Err())
		}
		pause(ctx)
	}
	return nil
}

// spentInVain reports whether the site may have given a pair whose only reply
// was cut off: nobody can save what never arrived. A kill that came after an
// answer may have hit the next request instead.
func (r *rotation) spentInVain() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.done, func(c cut) bool {
		switch c.what {
		case passporttest.PathRefresh:
			return c.at != arrived
		case passporttest.PathCookieInfo, passporttest.PathCorrespond:
			return c.at == answered || c.at == later
		}
		return false
	})
}

// judge looks at what the rotation has left.
func (r *rotation) judge(vain bool) {
	t := r.t
	t.Helper()
	a, err := r.client.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	got := r.session()
	if !r.site.Alive(got) {
		t.Error("the credential that is handed out is dead")
	}
	if a.State != client.StateValid || a.PendingConfirm {
		t.Errorf("the account: %+v", a)
	}
	early, rotations := len(r.events(client.EventLoginRequired)), r.site.Refresh.Rotations(mid)
	if !a.Refreshable {
		if r.reuse != passporttest.ReuseDenied || !vain {
			t.Errorf("the refresh was given up although nothing was denied: %s", a.Attention)
		}
		if a.Generation != 1 || got != r.old.SESSDATA || a.Attention == "" || early != 1 || rotations != 1 {
			t.Errorf("generation %d, %d rotations, asked for a login %d times, %q", a.Generation, rotations, early, a.Attention)
		}
		if n := len(r.messages(client.EventLoginRequired)); n != 1 {
			t.Errorf("people were told %d times", n)
		}
		return
	}
	if a.Generation != 2 || got == r.old.SESSDATA || early != 0 {
		t.Errorf("generation %d, asked for a login %d times", a.Generation, early)
	}
	if r.site.Alive(r.old.SESSDATA) || r.site.Refresh.Confirms(mid) != 1 {
		t.Errorf("the old pair was not confirmed away: %d confirmations", r.site.Refresh.Confirms(mid))
	}
	if rotations > 1 && !vain {
		t.Errorf("the site rotated %d times", rotations)
	}
}

// session is the SESSDATA that the keeper hands out.
func (s *stage) session() string {
	s.t.Helper()
	c, err := s.client.Credential(s.t.Context(), account, client.CredentialOptions{})
	if err != nil {
		s.t.Errorf("no credential: %v", err)
	}
	return cookies(string(c.Body))["SESSDATA"]
}
