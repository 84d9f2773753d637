//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// readAccounts is how many accounts of a keeper rotate at the same time: each
// rotation waits a second before it is confirmed.
const readAccounts = 3

// TestReader polls get through many rotations. What it is given lives at that
// moment, and the credential before lives until the site is told of the new one.
func TestReader(t *testing.T) {
	t.Parallel()
	var left, reads, both atomic.Int64
	left.Store(readRotations)
	var all sync.WaitGroup
	for k := range readKeepers {
		all.Go(func() {
			t.Run(fmt.Sprintf("keeper %d", k), func(t *testing.T) {
				s := newStage(t, nil)
				s.configure(settings{schedule: "@every 1h", refresh: true})
				s.start()
				var accounts sync.WaitGroup
				for n := range readAccounts {
					who, name := int64(700000000+n), fmt.Sprintf("account-%d", n)
					s.site.AddUser(who, name)
					accounts.Go(func() {
						r := &reader{stage: s, name: name, mid: who}
						r.old = s.takeOver(name, who).SESSDATA
						r.run(&left)
						reads.Add(r.reads)
						both.Add(r.both)
					})
				}
				accounts.Wait()
				s.stop()
				s.verifyVault()
			})
		})
	}
	all.Wait()
	t.Logf("%d rotations, %d reads; both credentials were seen alive %d times", readRotations, reads.Load(), both.Load())
	if reads.Load() < 3*readRotations || both.Load() < readRotations/2 {
		t.Error("too little was seen")
	}
}

// reader looks at one account.
type reader struct {
	*stage
	name        string
	mid         int64
	old         string
	changes     int
	reads, both int64
}

// run rotates the account as often as there are rotations left, and reads all
// the while.
func (r *reader) run(left *atomic.Int64) {
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil && !r.t.Failed() {
			r.read(ctx)
			pause(ctx)
		}
	}()
	for left.Add(-1) >= 0 && !r.t.Failed() {
		if n := left.Load(); n%10 == 0 {
			if one := r.cli("get", r.name); one.code != 0 || !r.site.Alive(cookies(one.stdout)["SESSDATA"]) {
				r.t.Errorf("get: exit code %d, or a dead credential: %s", one.code, one.stderr)
			}
		}
		result, err := r.client.Refresh(ctx, r.name, true)
		if err != nil || result.Outcome != client.RefreshDone {
			r.t.Errorf("%s: %s, %v", result.Outcome, result.Detail, err)
		}
	}
	cancel()
	<-done
}

func (r *reader) read(ctx context.Context) {
	began := time.Now()
	c, err := r.client.Credential(ctx, r.name, client.CredentialOptions{})
	if ctx.Err() != nil || time.Since(began) > time.Second {
		return // what was true when it was read may not be any more
	}
	got := cookies(string(c.Body))["SESSDATA"]
	if err != nil || !r.site.Alive(got) {
		r.t.Errorf("a dead credential, or none: %v", err)
		return
	}
	r.reads++
	if got == r.old {
		return
	}
	// The new pair is in use. The old one may be dead only if the site has been
	// told since.
	r.changes++
	switch {
	case r.site.Alive(r.old):
		r.both++
	case r.site.Refresh.Confirms(r.mid) < r.changes:
		r.t.Error("the old credential died before the site was told of the new one")
	}
	r.old = got
}
