package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Origin is where a credential came from.
type Origin string

const (
	OriginLogin  Origin = "login"
	OriginImport Origin = "import"
)

// Imported is an existing login that was taken over, proven to be alive. The
// caller puts it in the place of the old credential in the same commit.
type Imported struct {
	Mid         int64
	Uname       string
	ExpiresAt   time.Time
	Refreshable bool
}

func (c Imported) apply(t *transition) {
	t.Origin = OriginImport
	t.begin(c.Mid, c.Uname, c.ExpiresAt, c.Refreshable)
	t.tell(client.LoginDone{
		Imported: true, Mid: t.Mid, Uname: t.Uname, Generation: t.Generation, Refreshable: &c.Refreshable,
		LoginRef: client.LoginRef{Interactive: true},
	})
	t.Incident = nil
}

// begin puts a credential to use that did not come from a rotation.
func (t *transition) begin(mid int64, uname string, expires time.Time, refreshable bool) {
	t.Base = BaseValid
	t.Generation++
	t.Mid, t.Uname = mid, uname
	t.Refreshable = refreshable
	t.IssuedAt, t.CheckedAt, t.RefreshedAt = t.now, t.now, time.Time{}
	t.ExpiresAt = time.Time{}
	if !expires.IsZero() {
		t.ExpiresAt = expires.UTC()
	}
	// What belonged to the credential before is void.
	t.Refresh, t.Confirm, t.Warned = nil, nil, 0
	t.drawDeadline(t.policy)
	t.LastCheck, t.Detail, t.Attention = OutcomeOK, "", ""
	t.DeniedAt, t.AskAgainAt = time.Time{}, time.Time{}
	t.answered()
	t.checkAt(t.policy.FirstCheck(t.now))
}
