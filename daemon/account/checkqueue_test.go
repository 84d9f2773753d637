package account_test

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestCheckQueueOfTheGone: accounts for which nothing is done any more take no place
// among those that are checked, however many are due.
func TestCheckQueueOfTheGone(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		for range 100 {
			other := account.New(h.parts, h.onDisk())
			other.Retire()
			other.Nudge()
		}
		h.site.ResetLog()
		time.Sleep(8*time.Hour + time.Minute)
		h.wantRequests(passporttest.PathCookieInfo, 1)
	})
}
