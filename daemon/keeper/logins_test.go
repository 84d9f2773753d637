package keeper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

// TestAwait: whoever waits for a login learns of a change when it happens, of its
// account's end, and of nothing else; a keeper that stops leaves the end of the
// wait to the caller.
func TestAwait(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		type answer struct {
			login client.Login
			err   error
			took  time.Duration
		}
		await := func(id string, revision uint64, wait time.Duration) <-chan answer {
			answers := make(chan answer, 1)
			logins, began := h.Keeper.Logins(), time.Now()
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), wait)
				defer cancel()
				l, err := logins.Await(ctx, id, revision)
				answers <- answer{l, err, time.Since(began)}
			}()
			synctest.Wait()
			return answers
		}
		l, err := h.Keeper.Logins().Start(context.Background(), client.LoginRequest{Account: "main"})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []uint64{l.Revision - 1, l.Revision + 1} {
			if a := <-await(l.ID, other, time.Minute); a.err != nil || a.took != 0 || a.login.Revision != l.Revision {
				t.Errorf("another revision: %+v", a)
			}
		}
		waits := await(l.ID, l.Revision, 10*time.Second)
		h.Login("other", keepertest.Stranger) // another account's changes end no wait
		if a := <-waits; a.err != nil || a.took != 10*time.Second || a.login.Revision != l.Revision {
			t.Errorf("no change: %+v", a)
		}

		waits = await(l.ID, l.Revision, time.Minute)
		if err := h.Site.QR.Scan(l.URL, mid); err != nil {
			t.Fatal(err)
		}
		scanned := <-waits
		if scanned.err != nil || scanned.login.State != client.LoginScanned || scanned.took > 3*time.Second {
			t.Errorf("a scan: %+v", scanned)
		}

		waits = await(l.ID, scanned.login.Revision, time.Minute)
		h.Stop()
		if a := <-waits; a.err != nil || a.took != time.Minute || a.login.Revision != scanned.login.Revision {
			t.Errorf("at a stop: %+v", a)
		}
		h.Start()

		waits = await(l.ID, scanned.login.Revision, time.Minute)
		if err := h.Keeper.Accounts().Forget(context.Background(), "main"); err != nil {
			t.Fatal(err)
		}
		if a := <-waits; !errors.Is(a.err, &client.Problem{Type: client.ProblemNoLogin}) || a.took > 5*time.Second {
			t.Errorf("after the account: %+v", a)
		}
	})
}
