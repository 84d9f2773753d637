package lifecycle_test

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/internal/floortest"
	"github.com/bilikeeper/bilikeeper/passport"
)

// BenchmarkApply is what a check's answer makes of an account, and what comes next for
// it, beside a copy of the account.
func BenchmarkApply(b *testing.B) {
	p := policy()
	a := lifecycle.New("main", passport.Web, start)
	for _, in := range []lifecycle.Input{
		lifecycle.CodeIssued{ID: "l1", Method: "qr", Expires: start.Add(180 * time.Second)},
		lifecycle.Granted{Mid: mid, Complete: true},
		lifecycle.Proved{Verdict: ok(), Mid: mid, Uname: "example", ExpiresAt: start.Add(180 * 24 * time.Hour), Refreshable: true},
	} {
		a, _ = lifecycle.Apply(a, in, start, p)
	}
	if a.State() != lifecycle.StateValid {
		b.Fatalf("the account is %s", a.State())
	}
	now := start
	var copied *lifecycle.Account
	floortest.Beside(b, 1000, func() {
		now = now.Add(time.Minute)
		a, _ = lifecycle.Apply(a, lifecycle.Checked{Verdict: ok()}, now, p)
		_ = a.Next(p)
	}, func() {
		copied = new(lifecycle.Account)
		*copied = a
	})
	_ = copied
}
