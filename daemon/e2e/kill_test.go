//go:build unix

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// atOnce is how many keepers live at the same time: they mostly wait.
const atOnce = 10

// TestKillAnywhere kills the keeper, with no warning, at moments of a life that can be
// told from outside, one life for each moment. Whatever the moment, the restarted keeper
// goes on, nothing that the site gave is lost, and people are told once.
func TestKillAnywhere(t *testing.T) {
	t.Parallel()
	k := &killings{kinds: map[string]int{}, hit: map[string]bool{}}
	k.anywhere(t)
	t.Logf("%d lives, killed at %d kinds of moments; %d granted replies were lost with it", k.lives.Load(), len(k.hit), k.lost.Load())
}

// TestKilledOverAndOver kills at moments drawn by lot, several times in one
// life, and soon after the start too.
func TestKilledOverAndOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	k := &killings{form: passporttest.FormHop, kinds: map[string]int{}, hit: map[string]bool{}}
	var all sync.WaitGroup
	for n := range atOnce {
		all.Go(func() {
			for m := range livesInARow {
				t.Run(fmt.Sprintf("life %d", n*livesInARow+m), func(t *testing.T) {
					left, next := 5, 1+rand.IntN(20)
					k.live(t, func(i int, _ boundary) bool {
						if left == 0 || i < next {
							return false
						}
						left--
						next = i + 1 + rand.IntN(20)
						return true
					})
				})
			}
		})
	}
	all.Wait()
	t.Logf("%d lives; %d granted replies were lost", k.lives.Load(), k.lost.Load())
}

// TestKilledInDeliveries kills while people are being told: before a message has
// arrived, when it has and the keeper does not know, and when it does. It goes on
// killing the keeper that tells them again.
func TestKilledInDeliveries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	k := &killings{form: passporttest.FormHeaders, kinds: map[string]int{}, hit: map[string]bool{}}
	var kills atomic.Int64
	var all sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for n := range lives {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			t.Run(fmt.Sprintf("life %d", n), func(t *testing.T) {
				left, each := killsInLife, map[string]int{}
				k.live(t, func(_ int, b boundary) bool {
					// A request to the site is named by its path.
					if left == 0 || strings.Contains(b.what, "/") || each[b.what] >= killsInLife*2/5 || rand.IntN(3) == 0 {
						return false
					}
					left--
					each[b.what]++
					kills.Add(1)
					return true
				})
			})
		})
	}
	all.Wait()
	t.Logf("%d kills in deliveries of %d lives", kills.Load(), k.lives.Load())
	if n := kills.Load(); !t.Failed() && n < lives*killsInLife*9/10 {
		t.Errorf("only %d kills", n)
	}
}

// killings are the lives of one test, and at which moments they were cut.
type killings struct {
	form  passporttest.Form
	lives atomic.Int64
	lost  atomic.Int64 // granted logins whose reply the kill took

	mu    sync.Mutex      // guards what follows
	kinds map[string]int  // how often each kind of moment came in a life, at most
	hit   map[string]bool // those of a kill
}

// leftOut kills at the kinds of moments that some life had and none was killed at.
func (k *killings) leftOut(t *testing.T) {
	k.mu.Lock()
	var left []turn
	for _, kind := range slices.Sorted(maps.Keys(k.kinds)) {
		if !k.hit[kind] {
			left = append(left, turn{kind, 1})
		}
	}
	k.mu.Unlock()
	k.eachTurn(t, left)
}

// turn is the n-th time in a life that a moment of a kind comes.
type turn struct {
	kind string
	n    int
}

// eachTurn has a life for each, which is killed then.
func (k *killings) eachTurn(t *testing.T, turns []turn) {
	var all sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	for _, one := range turns {
		limit <- struct{}{}
		if t.Failed() {
			break
		}
		all.Go(func() {
			defer func() { <-limit }()
			t.Run(fmt.Sprintf("%s %d", one.kind, one.n), func(t *testing.T) {
				came := 0
				mine := func(_ int, b boundary) bool {
					if b.String() != one.kind {
						return false
					}
					came++
					return came == one.n
				}
				if !k.live(t, mine) {
					t.Skip("this moment did not come up this time")
				}
			})
		})
	}
	all.Wait()
}

// life is one account's life with kills in it.
type life struct {
	*stage
	service

	// Guarded by the mutex of the killings.
	counted int
	came    map[string]int
	over    bool
	killed  []boundary
}

// live lets one life happen and reports whether it was killed.
func (k *killings) live(t *testing.T, when func(int, boundary) bool) bool {
	l := &life{came: map[string]int{}}
	l.stage = newStage(t, func(b boundary) bool { return k.pass(l, b, when) })
	l.site.QR.SetForm(k.form)
	l.configure(settings{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var revived sync.WaitGroup
	k.mu.Lock() // the keeper may be at its first moment before it is known here
	l.current.Store(l.spawn())
	k.mu.Unlock()
	revived.Go(func() { l.revive(ctx, l.stage) })
	err := l.beLoggedIn(ctx)
	if err == nil {
		err = l.dieAndRecover(ctx)
	}
	kills := k.end(l)
	if err == nil {
		// A kill may have been the last thing that happened.
		_, err = retry(ctx, func() (client.Health, error) { return l.client.Health(ctx) })
	}
	cancel()
	revived.Wait()
	l.keeper = l.current.Load()
	if len(kills) > 0 {
		t.Logf("killed: %s", kills)
	}
	if err != nil {
		t.Fatalf("the life did not go on: %v", err)
	}
	l.judge(kills)
	k.lives.Add(1)
	k.lost.Add(int64(len(l.front.granted()) - 2))
	return len(kills) > 0
}

// end says that nothing is killed from now on, and returns where it was.
func (k *killings) end(l *life) []boundary {
	k.mu.Lock()
	defer k.mu.Unlock()
	l.over = true
	return l.killed
}

// pass is called at each moment, and kills when it is the right one.
func (k *killings) pass(l *life, b boundary, when func(int, boundary) bool) bool {
	k.mu.Lock()
	l.counted++
	if kind := b.String(); len(l.killed) == 0 {
		l.came[kind]++
		k.kinds[kind] = max(k.kinds[kind], l.came[kind])
	}
	mine := !l.over && when(l.counted, b)
	if mine {
		k.hit[b.String()] = true
		l.killed = append(l.killed, b)
	}
	k.mu.Unlock()
	if mine {
		l.front.keepers.end(l.current.Load().kill)
	}
	return mine
}

// away reports whether an error only says that the keeper has just been killed.
func away(err error) bool {
	return errors.Is(err, client.ErrNoKeeper) || errors.Is(err, client.ErrBroken)
}

// retry repeats a call while the keeper is away.
func retry[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if err == nil || !away(err) || ctx.Err() != nil {
			return v, errors.Join(err, ctx.Err())
		}
		pause(ctx)
	}
}

func pause(ctx context.Context) {
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
}

// beLoggedIn is a person at a terminal.
func (l *life) beLoggedIn(ctx context.Context) error {
	login, err := retry(ctx, func() (client.Login, error) {
		return l.client.StartLogin(ctx, client.LoginRequest{Account: account, Attend: 60})
	})
	shown := ""
	for err == nil && !login.Ended() {
		if login.URL != "" && login.URL != shown {
			shown = login.URL
			if err = l.scan(ctx, shown); err != nil {
				return err
			}
		}
		login, err = retry(ctx, func() (client.Login, error) {
			return l.client.WaitLogin(ctx, login.ID, login.Revision, time.Second)
		})
	}
	if err == nil && login.State != client.LoginSucceeded {
		err = fmt.Errorf("the first login is %s: %s", login.State, login.Detail)
	}
	return err
}

// dieAndRecover ends the session and follows the phone until it says that all
// is well again.
func (l *life) dieAndRecover(ctx context.Context) error {
	if err := l.told(ctx, client.EventLoginSucceeded, 1); err != nil {
		return err
	}
	l.site.Kill(mid)
	scanned := map[string]bool{}
	for {
		ids := l.ids(client.EventLoginSucceeded)
		if len(ids) == 2 {
			return l.told(ctx, client.EventLoginSucceeded, 2)
		}
		for _, m := range l.messages(client.EventLoginCode) {
			if scanned[m.ID] || !l.recorded(ctx, m.ID) {
				continue
			}
			scanned[m.ID] = true
			if err := l.scan(ctx, m.Login.URL); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the account did not come back: %w", ctx.Err())
		}
		pause(ctx)
	}
}

// scan is a phone: the scan, once the keeper has asked in vain, and the tap when the
// site has told the keeper of it.
func (l *life) scan(ctx context.Context, content string) error {
	if err := l.polled(ctx, "waiting"); err != nil {
		return err
	}
	if err := l.site.QR.Scan(content, mid); err != nil {
		return fmt.Errorf("a code that a person was shown: %w", err)
	}
	if err := l.polled(ctx, "scanned"); err != nil {
		return err
	}
	return l.site.QR.Confirm(content, mid)
}

// polled waits until the keeper has asked once more, and was told a state.
func (l *life) polled(ctx context.Context, state string) error {
	what := passporttest.PathPoll + " " + state
	for before := l.front.count(what); l.front.count(what) == before; pause(ctx) {
		if ctx.Err() != nil {
			return fmt.Errorf("nobody asked about a code that is %s: %w", state, ctx.Err())
		}
	}
	return nil
}

// ids are the different messages of a type that came, taken or not.
func (l *life) ids(kind string) []string {
	var ids []string
	for _, d := range l.hooks.All() {
		if d.Type == kind && !slices.Contains(ids, d.ID) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// told waits until n messages of a type came and the keeper knows it.
func (l *life) told(ctx context.Context, kind string, n int) error {
	for {
		if ids := l.ids(kind); len(ids) >= n && l.recorded(ctx, ids[n-1]) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("message %d of type %s: %w", n, kind, ctx.Err())
		}
		pause(ctx)
	}
}

// recorded reports whether the keeper has noted a message as delivered, so that
// it will not send it again.
func (l *life) recorded(ctx context.Context, id string) bool {
	events, err := l.client.Events(ctx, client.EventQuery{Types: []string{client.EventNotifyDelivered}})
	return err == nil && slices.ContainsFunc(events, func(e client.Event) bool {
		var data struct{ Message string }
		return json.Unmarshal(e.Data, &data) == nil && data.Message == id
	})
}

// judge looks at what the life has left.
func (l *life) judge(kills []boundary) {
	t := l.t
	got, err := l.client.Credential(t.Context(), account, client.CredentialOptions{})
	if err != nil || !l.site.Alive(cookies(string(got.Body))["SESSDATA"]) {
		t.Errorf("get prints no cookie that lives: %v", err)
	}
	if a, err := l.client.Account(t.Context(), account); err != nil || a.State != client.StateValid || a.Generation != 2 {
		t.Errorf("the account is %s, generation %d: %v", a.State, a.Generation, err)
	}
	l.judgeMessages(len(kills))
	// The reply to a granted poll is lost for good where the keeper dies before
	// it could have saved it. Nowhere else may anything be lost.
	lost := l.front.taken()
	extra := len(l.front.granted()) - 2
	if extra < 0 || extra > lost {
		t.Errorf("%d logins were granted beyond the two that were needed, and %d replies can have been lost", extra, lost)
	}
	if n := len(l.ids(client.EventLoginCode)); n < 1 || n > 1+max(extra, 0) {
		t.Errorf("%d codes were pushed, and %d logins granted in vain", n, extra)
	}
	last := uint64(0)
	for _, e := range l.events() {
		if e.ID <= last {
			t.Errorf("event %d comes after %d", e.ID, last)
		}
		last = e.ID
	}
	if n := len(l.events(client.EventLoginRequired)); n != 1 {
		t.Errorf("the journal knows of %d deaths", n)
	}
	l.stage.stop()
	l.verifyVault()
}

func (l *life) judgeMessages(kills int) {
	t := l.t
	bodies, all := map[string]notifytest.Delivery{}, l.hooks.All()
	var order []string
	for _, d := range all {
		if was, ok := bodies[d.ID]; ok && string(was.Raw) != string(d.Raw) {
			t.Errorf("two messages share the id of a %s", d.Type)
		}
		bodies[d.ID] = d
		order = append(order, d.Type)
	}
	if again := len(all) - len(bodies); again > kills {
		t.Errorf("%d messages came again after %d kills: %s", again, kills, strings.Join(order, ", "))
	}
	for kind, want := range map[string]int{client.EventLoginRequired: 1, client.EventLoginSucceeded: 2, client.EventLoginFailed: 0} {
		if n := len(l.ids(kind)); n != want {
			t.Errorf("%d different messages of type %s, want %d: %s", n, kind, want, strings.Join(order, ", "))
		}
	}
	for _, c := range l.front.pushed() {
		if !c.known || !c.newest {
			t.Errorf("a dead code was delivered: to be scanned %v, the newest %v", c.known, c.newest)
		}
	}
}
