package lifecycle

import (
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Returned is a credential that the site gave to another host, which could not write it
// any more. It is proven; the caller puts it in the place of the old one in the same
// commit.
type Returned struct {
	Mid         int64
	Uname       string
	ExpiresAt   time.Time
	Refreshable bool
	// Rotated is true where it came of a refresh of the credential in use, which the site
	// has yet to be told of.
	Rotated bool
}

func (c Returned) apply(t *transition) {
	needed := t.Base != BaseValid || t.Incident != nil || t.Login.Active()
	done := client.LoginDone{Revived: c.Rotated, Mid: c.Mid, Uname: c.Uname, Refreshable: &c.Refreshable}
	if t.Login.Active() {
		t.Login.end(PhaseCancelled, client.ReasonCancelled, "what another host was given has come", t.now)
	}
	if t.Incident != nil {
		done.Incident = t.Incident.ID
		t.Incident = nil
	}
	if c.Rotated && t.Base == BaseValid {
		t.rotated(RefreshProved{Mid: c.Mid, Uname: c.Uname, ExpiresAt: c.ExpiresAt, Refreshable: c.Refreshable})
	} else {
		t.Origin = OriginLogin
		t.begin(c.Mid, c.Uname, c.ExpiresAt, c.Refreshable)
	}
	if done.Generation = t.Generation; needed || !c.Rotated {
		t.tell(done)
	}
}
