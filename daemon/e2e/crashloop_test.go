//go:build unix

package e2e_test

import (
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestCrashLoop kills the keeper again and again while it asks as often as it may.
// The site sees no more than the minute allows.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	const perMinute, kills = 60, 25
	s := newStage(t, nil)
	s.configure(settings{})
	s.edit("requests_per_minute = 600", "requests_per_minute = 60")
	s.start()
	s.login(mid)
	s.site.Kill(mid) // from here on codes are out, and asked about all the time
	for range kills {
		before := s.site.Requests(passporttest.Any)
		due := time.Now().Add(400 * time.Millisecond)
		until(t, "the keeper has had its time", func() bool {
			return time.Now().After(due) || s.site.Requests(passporttest.Any) > before+5
		})
		s.keeper.kill()
		s.start()
	}
	most := s.site.MostInWindow(time.Minute)
	t.Logf("%d kills, %d requests, %d in the densest minute", kills, s.site.Requests(passporttest.Any), most)
	if most > perMinute {
		t.Errorf("%d requests in a minute", most)
	}
}
