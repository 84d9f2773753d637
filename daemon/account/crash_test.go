package account_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// point is where a worker crashes: when a record is on the disk, or at a request,
// before it reaches the site or when the site has acted and the answer is on its way.
type point struct {
	onDisk        func(r *store.Record) bool
	before, after string
}

// crashAt lets the worker crash at the next such point.
func (h *fixture) crashAt(p point) {
	synctest.Wait() // a request of this moment is not the one that is meant
	var once sync.Once
	die := func() { once.Do(h.crash) }
	l := h.life
	at := func(path string) func(r *http.Request) {
		return func(r *http.Request) {
			if path != "" && strings.HasPrefix(r.URL.Path, path) {
				die()
			}
		}
	}
	l.wire.watch(at(p.before), at(p.after))
	if p.onDisk == nil {
		return
	}
	look := func() {
		if r, err := l.store.Record("main"); err == nil && !l.wire.isCut.Load() && p.onDisk(r) {
			die()
		}
	}
	l.committed.Store(&look)
}

// TestCrashInARefresh: at each step of the two-phase commit the worker is thrown away,
// and another one goes on from the record.
func TestCrashInARefresh(t *testing.T) {
	intended := func(r *store.Record) bool {
		return r.Refresh != nil && r.Refresh.Phase == lifecycle.RefreshIntent && r.Generation == 1 && r.Confirm == nil
	}
	staged := func(r *store.Record) bool {
		return r.Staged() && len(r.StagedGrant.Cookies) > 0 && !r.StagedGrant.RefreshToken.IsZero() && r.Generation == 1
	}
	promoted := func(r *store.Record) bool { return r.Generation == 2 && r.Confirm != nil && !r.OldToken.IsZero() }
	cleared := func(r *store.Record) bool {
		return r.Generation == 2 && r.Confirm == nil && r.Refresh == nil && r.OldToken.IsZero()
	}
	idle := func(r *store.Record) bool { return r.Generation == 1 && !staged(r) && !intended(r) }
	for name, c := range map[string]struct {
		point
		found     func(r *store.Record) bool // by the next start
		rotations int
		denied    bool // the site refuses an old token that was used
		lost      bool
	}{
		"0, before anything is asked":             {point: point{before: passporttest.PathCookieInfo}, found: idle, rotations: 1},
		"0, before the page":                      {point: point{before: passporttest.PathCorrespond}, found: idle, rotations: 1},
		"1, the intent is on the disk":            {point: point{onDisk: intended}, found: intended, rotations: 1},
		"2, before the site is asked":             {point: point{before: passporttest.PathRefresh}, found: intended, rotations: 1},
		"2, the pair is lost":                     {point: point{after: passporttest.PathRefresh}, found: intended, rotations: 2},
		"2, the pair is lost and the token spent": {point: point{after: passporttest.PathRefresh}, found: intended, rotations: 1, denied: true, lost: true},
		"3, the pair is staged":                   {point: point{onDisk: staged}, found: staged, rotations: 1},
		"4, before the proof":                     {point: point{before: passporttest.PathNav}, found: staged, rotations: 1},
		"4, the proof is lost":                    {point: point{after: passporttest.PathNav}, found: staged, rotations: 1, denied: true},
		"5, promoted":                             {point: point{onDisk: promoted}, found: promoted, rotations: 1},
		"6, before the confirmation":              {point: point{before: passporttest.PathConfirm}, found: promoted, rotations: 1},
		"6, the answer to it is lost":             {point: point{after: passporttest.PathConfirm}, found: promoted, rotations: 1, denied: true},
		"7, cleared":                              {point: point{onDisk: cleared}, found: cleared, rotations: 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				old := h.sessdata()
				if c.denied {
					h.site.Refresh.SetOldTokenReuse(passporttest.ReuseDenied)
				}
				h.site.Refresh.SetDue(mid, true)
				h.crashAt(c.point)
				time.Sleep(8*time.Hour + time.Minute)
				h.fromThere()
				if !c.found(h.first) {
					t.Errorf("the next start found %+v", h.first)
				}
				time.Sleep(2 * 24 * time.Hour)
				wantRotated(t, h, old, c.lost)
				if n := h.site.Refresh.Rotations(mid); n != c.rotations {
					t.Errorf("the site rotated %d times, want %d", n, c.rotations)
				}
			})
		})
	}
}

// wantRotated looks at an account two days after its refresh. lost is a pair that is
// lost and whose token is spent.
func wantRotated(t *testing.T, h *fixture, old string, lost bool) {
	t.Helper()
	r := h.onDisk()
	h.wantState(lifecycle.StateValid)
	if !h.site.Alive(h.sessdata()) {
		t.Error("what is handed out is dead")
	}
	if r.Refresh != nil || r.Confirm != nil || !r.OldToken.IsZero() || len(r.StagedGrant.Cookies) > 0 {
		t.Errorf("something is left of it: %+v", r.Brief)
	}
	if lost {
		if r.Generation != 1 || r.Refreshable || h.sessdata() != old {
			t.Errorf("the old cookie should be served: %+v", r.Brief)
		}
		h.wantEvents(client.EventLoginRequired, 1)
		return
	}
	if r.Generation != 2 || !r.Refreshable || h.sessdata() == old || h.site.Alive(old) {
		t.Errorf("the new pair should be served, and the old one be dead: %+v", r.Brief)
	}
	if n := h.site.Refresh.Confirms(mid); n != 1 {
		t.Errorf("the site was told %d times", n)
	}
	h.wantEvents(client.EventLoginRequired, 0)
	h.wantEvents(client.EventRefreshed, 1)
}

// TestCrashInALogin: the same for a login that a dead session asked for.
func TestCrashInALogin(t *testing.T) {
	phase := func(p lifecycle.Phase) func(r *store.Record) bool {
		return func(r *store.Record) bool { return r.Login != nil && r.Login.Phase == p && r.Generation < 2 }
	}
	for name, c := range map[string]struct {
		point
		found func(r *store.Record) bool
		form  passporttest.Form
		codes int // the login takes
	}{
		"the reply to a grant is lost":    {point: point{after: passporttest.PathPoll}, found: phase(lifecycle.PhaseWaiting), codes: 2},
		"before the grant is asked for":   {point: point{before: passporttest.PathPoll}, found: phase(lifecycle.PhaseWaiting), codes: 1},
		"granted":                         {point: point{onDisk: phase(lifecycle.PhaseProving)}, found: phase(lifecycle.PhaseProving), codes: 1},
		"granted, and cookies are absent": {point: point{onDisk: phase(lifecycle.PhaseCollecting)}, found: phase(lifecycle.PhaseCollecting), form: passporttest.FormHop, codes: 1},
		"before they are fetched":         {point: point{before: passporttest.PathHop}, found: phase(lifecycle.PhaseCollecting), form: passporttest.FormHop, codes: 1},
		"before the proof":                {point: point{before: passporttest.PathNav}, found: phase(lifecycle.PhaseProving), codes: 1},
		"the proof is lost":               {point: point{after: passporttest.PathNav}, found: phase(lifecycle.PhaseProving), codes: 1},
		"in use": {point: point{onDisk: func(r *store.Record) bool { return r.Generation == 2 }},
			found: func(r *store.Record) bool {
				return r.Generation == 2 && r.Incident == nil && len(r.StagedGrant.Cookies) == 0
			}, codes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				h.kill()
				if c.form != "" {
					h.site.QR.SetForm(c.form)
				}
				h.crashAt(c.point)
				h.scan(h.code(), mid)
				time.Sleep(10 * time.Second)
				h.fromThere()
				if !c.found(h.first) {
					t.Errorf("the next start found %+v", h.first.Login)
				}
				time.Sleep(10 * time.Second)
				if c.codes > 1 {
					h.scan(h.code(), mid)
					time.Sleep(10 * time.Second)
				}
				if r := h.onDisk(); r.Generation != 2 || r.Base != lifecycle.BaseValid || !h.site.Alive(h.sessdata()) || r.Login.Phase != lifecycle.PhaseSucceeded || r.Login.Code != c.codes {
					t.Errorf("%+v, %+v", r.Brief, r.Login)
				}
				h.wantEvents(client.EventLoginRequired, 1)
				h.wantEvents(client.EventLoginSucceeded, 2)
			})
		})
	}
}

// TestConfirmations: what the site may answer to the last step of a refresh. The new
// pair is in use whatever it says.
func TestConfirmations(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	for name, c := range map[string]struct {
		set         func(s *passporttest.Site)
		asked       []time.Duration // after the first one
		unconfirmed bool
	}{
		"taken":                      {},
		"no answer, once":            {set: trouble(passporttest.PathConfirm, passporttest.HTTP502, 1), asked: []time.Duration{minute}},
		"the answer is lost":         {set: func(s *passporttest.Site) { s.LoseReply(passporttest.PathConfirm, 1) }, asked: []time.Duration{minute}, unconfirmed: true},
		"half an answer, three days": {set: trouble(passporttest.PathConfirm, passporttest.HalfJSON, 0), asked: []time.Duration{minute, hour, 6 * hour, 24 * hour}, unconfirmed: true},
		"a code that nobody knows":   {set: trouble(passporttest.PathConfirm, passporttest.CodeStrange, 1), asked: []time.Duration{minute}},
		"blocked":                    {set: trouble(passporttest.PathConfirm, passporttest.HTTP412, 1), asked: []time.Duration{30 * minute}},
		"refused: the csrf token":    {set: trouble(passporttest.PathConfirm, passporttest.CodeTrouble(-111), 0), unconfirmed: true},
		"refused: malformed":         {set: trouble(passporttest.PathConfirm, passporttest.Code400, 0), unconfirmed: true},
		"denied, and alive":          {set: trouble(passporttest.PathConfirm, passporttest.CodeTrouble(-101), 0), unconfirmed: true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				if c.set != nil {
					c.set(h.site)
				}
				h.refresh(true)
				time.Sleep(3 * 24 * time.Hour)
				h.wantState(lifecycle.StateValid)
				r := h.onDisk()
				if r.Generation != 2 || !r.Refreshable || r.Confirm != nil || !r.OldToken.IsZero() || !h.site.Alive(h.sessdata()) {
					t.Errorf("%+v", r.Brief)
				}
				wantGaps(t, h, c.asked)
				undone := h.events(client.EventRefreshFailed)
				if c.unconfirmed != (len(undone) == 1) || c.unconfirmed && !strings.Contains(string(undone[0].Data), `"unconfirmed"`) {
					t.Errorf("told: %v", undone)
				}
				h.wantEvents(client.EventConfirmed, map[bool]int{true: 0, false: 1}[c.unconfirmed])
				h.wantEvents(client.EventLoginRequired, 0)
			})
		})
	}
}

// trouble is one of the site's, at a path for so many requests.
func trouble(path string, kind passporttest.Trouble, n int) func(s *passporttest.Site) {
	return func(s *passporttest.Site) { s.SetTroubleFor(path, kind, n) }
}

// wantGaps looks at how far apart the tries to confirm were, at least, and that they
// were no more.
func wantGaps(t *testing.T, h *fixture, want []time.Duration) {
	t.Helper()
	var times []time.Time
	for _, r := range h.site.Log() {
		if r.Path == passporttest.PathConfirm {
			times = append(times, r.Time)
		}
	}
	if len(times) != len(want)+1 {
		t.Fatalf("%d tries, want %d", len(times), len(want)+1)
	}
	for i, gap := range want {
		if got := times[i+1].Sub(times[i]); got < gap || got > gap+gap/4 {
			t.Errorf("try %d came after %s, want %s", i+2, got, gap)
		}
	}
}

// TestProofs: what the site may say of a new pair before it is used.
func TestProofs(t *testing.T) {
	for name, c := range map[string]struct {
		kind       passporttest.Trouble
		n          int
		generation uint64
		asked      int // whose it is
	}{
		"proven":              {generation: 2, asked: 1},
		"denied once":         {kind: passporttest.CodeTrouble(-101), n: 1, generation: 2, asked: 2},
		"denied twice":        {kind: passporttest.CodeTrouble(-101), n: 2, generation: 1, asked: 2},
		"no answer, once":     {kind: passporttest.HTTP502, n: 1, generation: 2, asked: 2},
		"no answer, for long": {kind: passporttest.HTTP502, n: 4, generation: 2, asked: 5},
		"blocked":             {kind: passporttest.HTTP412, n: 1, generation: 2, asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(h *fixture) {
				h.logIn()
				old := h.sessdata()
				h.site.ResetLog()
				h.site.SetTroubleFor(passporttest.PathNav, c.kind, c.n)
				before := h.is().Generation
				if outcome, _ := h.refresh(true); (outcome == client.RefreshDone) != (c.kind == passporttest.None) {
					t.Errorf("at first it is %s", outcome)
				}
				if c.kind != passporttest.None && (h.is().Generation != before || h.sessdata() != old) {
					t.Error("a pair is in use that is not proven")
				}
				time.Sleep(10 * time.Hour)
				if r := h.is(); r.Generation != c.generation || r.Base != lifecycle.BaseValid || !h.site.Alive(h.sessdata()) {
					t.Errorf("%+v", r)
				}
				h.wantRequests(passporttest.PathNav, c.asked)
				h.wantEvents(client.EventLoginRequired, 0)
			})
		})
	}
}

// TestNothingIsAskedWithWhatIsNotKept: whatever the site gave is on the disk before the
// first request that carries it, through a login, a refresh and a renewal.
func TestNothingIsAskedWithWhatIsNotKept(t *testing.T) {
	watch := func(h *fixture) {
		s := h.store
		h.wire.watch(func(r *http.Request) {
			c, err := r.Cookie("SESSDATA")
			if err != nil {
				return
			}
			kept, err := s.Record("main")
			if err != nil {
				h.Error(err)
				return
			}
			for _, session := range []string{kept.Session().Header().Reveal(), kept.StagedSession().Header().Reveal(), kept.SpareSession().Header().Reveal()} {
				if strings.Contains(session, c.Value) {
					return
				}
			}
			h.Errorf("%s carries a session that is not on the disk", r.URL.Path)
		}, nil)
	}
	for _, form := range []passporttest.Form{passporttest.FormHeaders, passporttest.FormHop} {
		run(t, nil, func(h *fixture) {
			watch(h)
			h.site.QR.SetForm(form)
			h.logIn()
			if outcome, detail := h.refresh(true); outcome != client.RefreshDone {
				t.Errorf("%s, %s", outcome, detail)
			}
			h.kill()
			h.scan(h.code(), mid)
			time.Sleep(10 * time.Second)
			h.wantState(lifecycle.StateValid)
		})
	}
	run(t, intl, func(h *fixture) {
		watch(h)
		h.logIn()
		h.site.Intl.Renew(2)
		h.check(true)
	})
}

// TestStopIsWaitedFor: a stop does not throw away the answer to a request under way.
func TestStopIsWaitedFor(t *testing.T) {
	run(t, nil, func(h *fixture) {
		h.logIn()
		let := h.wire.hold(passporttest.PathRefresh)
		called := make(chan error, 1)
		w := h.w
		go func() {
			_, _, err := account.Rotation{Worker: w}.Now(context.Background(), true)
			called <- err
		}()
		synctest.Wait()
		time.AfterFunc(10*time.Second, let)
		h.end(h.life)
		if err := <-called; err != nil && !isProblem(err, client.ProblemBusy) {
			t.Errorf("the caller is told %v", err)
		}
		h.resume()
		time.Sleep(time.Minute)
		if r := h.is(); r.Generation != 2 || r.Confirm != nil || h.site.Refresh.Rotations(mid) != 1 {
			t.Errorf("%+v", r)
		}
	})
}
