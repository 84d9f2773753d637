package lifecycle

import (
	"math"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// warnDays are the days before its end at which people are told of a session
// that cannot refresh itself.
func warnDays() []int { return []int{14, 7, 3, 1} }

// nextWarning is the time of the next warning, zero if none is to come.
func (a Account) nextWarning() time.Time {
	if a.Refreshable || a.ExpiresAt.IsZero() || a.Base != BaseValid {
		return time.Time{}
	}
	for _, days := range warnDays() {
		if a.Warned == 0 || days < a.Warned {
			return a.ExpiresAt.AddDate(0, 0, -days)
		}
	}
	return time.Time{}
}

// ExpiryNear is the time of a warning. Of several that have passed, as after a
// long sleep or an import, only the last is told.
type ExpiryNear struct{}

func (ExpiryNear) apply(t *transition) {
	for _, days := range warnDays() {
		if !t.now.Before(t.ExpiresAt.AddDate(0, 0, -days)) {
			t.Warned = days
		}
	}
	left := max(0, int(math.Ceil(t.ExpiresAt.Sub(t.now).Hours()/24)))
	t.tell(client.AccountAttention{
		Reason: client.AttentionExpires, Days: &left, ExpiresAt: t.ExpiresAt, Mid: t.Mid, Uname: t.Uname,
		Detail: "the session ends soon and cannot be refreshed; log in again before it does",
	})
}
