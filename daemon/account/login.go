package account

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/loginqueue"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// Login takes an account through a login by QR code, and begins one by SMS.
type Login struct{ *Worker }

// Start begins a login, or joins the one in progress. A person is waiting: their
// one request is made although the site wants to be left alone. A single one that
// is begun ends with its first code.
func (w Login) Start(ctx context.Context, method string, attended time.Time, single bool) (joined bool, err error) {
	err = w.do(ctx, true, func(ctx context.Context) error {
		if joined = w.rec.Login.Active(); joined {
			return w.apply(lifecycle.Attended{Until: attended}, nil)
		}
		if method == client.MethodSMS {
			return w.apply(lifecycle.SMSBegun{ID: NewID(), Attended: attended}, nil)
		}
		return w.issueCode(ctx, lifecycle.CodeIssued{ID: NewID(), Method: method, Single: single, Attended: attended})
	})
	return joined, err
}

// Cancel ends a login. One that the site has granted goes on: its code is spent,
// and what came with it is not thrown away.
func (w Login) Cancel(ctx context.Context, id string) error {
	return w.do(ctx, false, func(context.Context) error {
		l := w.rec.Login
		switch {
		case l == nil || l.ID != id:
			return NoLogin(id)
		case l.Granted():
			return &client.Problem{Type: client.ProblemBusy, Title: "the login was granted already", Hint: "wait for its end; bilikeeper forget " + w.name + " removes the account"}
		}
		return w.apply(lifecycle.Cancelled{}, nil)
	})
}

// NewID returns 64 random bits as text: unique, and hard to guess.
func NewID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// nextCode is one more code of the login that there is, or a new login.
func (w Login) nextCode(ctx context.Context) error {
	if w.rec.Login.Active() {
		return w.issueCode(ctx, lifecycle.CodeIssued{Automatic: true})
	}
	return w.begin(ctx)
}

// begin starts a login by the keeper itself, if its place in the login queue allows.
func (w Login) begin(ctx context.Context) (err error) {
	due := w.rec.Incident.NextAttempt
	if in := w.rec.Incident.InLine; !in.IsZero() {
		due = in
	}
	answer, until := w.Logins.Take(w.name, due, time.Now())
	if answer == loginqueue.Now {
		// Where there is no code in the end, no place is held, and the next one comes.
		// A vault that cannot be written would refuse the others too.
		defer func() {
			w.Logins.Note(w.rec.Account)
			if err == nil && !loginqueue.Holds(w.rec.Login) {
				w.CallNext()
			}
		}()
		return w.issueCode(ctx, lifecycle.CodeIssued{ID: NewID(), Method: "qr", Automatic: true})
	}
	w.log().Debug().Time("until", until).Bool("nobody_scans", answer == loginqueue.NobodyScans).Msg("other accounts' codes are out; this one waits")
	in := lifecycle.PutOff{Until: until, InLine: due}
	if answer == loginqueue.NobodyScans {
		in = lifecycle.PutOff{Until: until, Attempt: true}
	}
	if err := w.apply(in, nil); err != nil {
		return err
	}
	if answer == loginqueue.NobodyScans {
		w.CallNext()
	}
	return nil
}

// issueCode fetches a code. The vault is tried first: a login that could not be
// saved must not be granted.
func (w Login) issueCode(ctx context.Context, issued lifecycle.CodeIssued) error {
	if err := w.Store.Vault().Writable(); err != nil {
		return fmt.Errorf("no login is begun that could not be saved: %w", err)
	}
	code, err := w.realm().Generate(ctx, w.rec.Device, w.rec.Scans.Next())
	if err != nil {
		v := lifecycle.VerdictOf(err)
		if err := w.apply(lifecycle.CodeRefused{Verdict: v}, nil); err != nil {
			return err
		}
		if issued.Automatic {
			return nil
		}
		return SiteAway(v, w.rec.BlockedUntil)
	}
	issued.Expires = code.ExpiresAt
	return w.apply(issued, func(r *store.Record) { r.Code = code })
}

// poll asks whether the code was scanned. The reply to a granted code comes
// once, so it is committed before anything else is asked or told.
func (w Login) poll(ctx context.Context) error {
	realm := w.realm()
	if w.rec.Login.Insists() {
		realm = wayOf(w.Worker).Forced().Realm(w.rec.Site)
	}
	lasting, end := Ownership(w).lasting(ctx)
	defer end()
	scan, err := realm.Poll(lasting, w.rec.Device, w.rec.Code)
	if err != nil || scan.State != passport.Granted {
		was := w.rec
		return w.apply(lifecycle.Polled{
			Verdict: lifecycle.VerdictOf(err),
			Scanned: scan.State == passport.Scanned,
			Expired: scan.State == passport.Expired,
		}, func(r *store.Record) {
			if err == nil {
				noteScan(was, r)
			}
		})
	}
	next, events := w.preview(lifecycle.Granted{Mid: scan.Grant.Mid(), Complete: scan.Whole})
	if next.Login.Granted() {
		next.StagedGrant = scan.Grant
	}
	next.Scans.Seen(w.rec.Code.Profile)
	return w.commitForSure(ctx, next, events)
}

// noteScan keeps count of what the site says of codes, after a poll of one that
// was not granted.
func noteScan(was, now *store.Record) {
	out := now.Login.Phase == lifecycle.PhaseWaiting || now.Login.Phase == lifecycle.PhaseScanned
	switch {
	case was.Login.Phase != lifecycle.PhaseWaiting:
	case now.Login.Phase == lifecycle.PhaseScanned:
		now.Scans.Seen(was.Code.Profile)
	case !out:
		now.Scans.Unseen++
	}
}

// goOn asks what is open about a login that the site has granted.
func (w Login) goOn(ctx context.Context) error {
	if w.rec.Login.Phase == lifecycle.PhaseCollecting {
		return w.collect(ctx)
	}
	return w.prove(ctx)
}

// collect fetches what the success reply lacked, from where it points to.
func (w Login) collect(ctx context.Context) error {
	grant, err := w.realm().Collect(ctx, w.rec.Device, w.rec.StagedGrant)
	in := lifecycle.Collected{
		Verdict: lifecycle.VerdictOf(err), Mid: grant.Mid(), Complete: w.isCollected(grant, err),
		Hopeless: errors.Is(err, passport.ErrRefusedHost) || errors.Is(err, passport.ErrIncomplete),
	}
	next, events := w.preview(in)
	if next.Login.Granted() && len(grant.Cookies) >= len(w.rec.StagedGrant.Cookies) {
		next.StagedGrant = grant
	}
	return w.commitForSure(ctx, next, events)
}

// isCollected reports whether nothing is left to fetch. The places that a login is
// only made known at may fail without spoiling it, so their failure is put up with
// in the end.
func (w Login) isCollected(g passport.Grant, err error) bool {
	if len(g.Missing()) > 0 || errors.Is(err, passport.ErrRefusedHost) {
		return false
	}
	return err == nil || w.rec.Login.Failures >= 2
}

// prove asks whose the granted credential is, and puts it to use if it is the
// right one. The old credential stays in use until then.
func (w Login) prove(ctx context.Context) error {
	if w.rec.Device.Buvid3.IsZero() && w.rec.Site == passport.Web {
		w.fetchDevice(ctx)
	}
	who, err := w.realm().Identify(ctx, w.rec.StagedSession())
	if err == nil && len(who.Cookies) > 0 {
		// The answer changed the cookies: the set that is kept has to be the one
		// that was proven.
		if err := w.restage(ctx, who.Cookies); err != nil {
			return err
		}
		who, err = w.realm().Identify(ctx, w.rec.StagedSession())
		if err == nil && len(who.Cookies) > 0 { // and once more: it proved the set, and gave the next
			if err := w.restage(ctx, who.Cookies); err != nil {
				return err
			}
		}
	}
	staged := w.rec.StagedGrant
	in := lifecycle.Proved{
		Verdict: lifecycle.VerdictOf(err), Mid: who.Mid, Uname: who.Uname,
		ExpiresAt:   passport.Expiry(staged.Cookies),
		Refreshable: !staged.RefreshToken.IsZero() && w.rec.Site == passport.Web,
	}
	generation := w.rec.Generation
	return w.apply(in, func(r *store.Record) {
		if r.Generation > generation {
			r.Credential = staged
			if r.Site == passport.Web {
				r.Credential.Cookies = withMid(staged.Cookies, who.Mid)
			}
		}
	})
}

// restage keeps a granted credential's changed cookies, which the site gives once.
func (w Login) restage(ctx context.Context, cookies []passport.Cookie) error {
	next := *w.rec
	next.StagedGrant.Cookies = cookies
	return w.commitForSure(ctx, &next, nil)
}

// fetchDevice fetches the device identifiers that go with the account for good.
// Consumers want buvid3; a login works without, so a failure waits for the
// next check.
func (w Login) fetchDevice(ctx context.Context) {
	device, err := w.site().Fingerprint(ctx, w.rec.Device)
	if err != nil {
		w.log().Debug().Err(err).Msg("no device identifiers this time")
		return
	}
	next := *w.rec
	next.Device = device
	if err := w.commit(&next, nil); err != nil {
		w.log().Warn().Err(err).Msg("device identifiers were not saved")
	}
}
