//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// seedEnv names the seed of TestDeliveriesKilledAtRandom. The same seed draws
// the same failures, kills and people; how they meet the keeper's work is left
// to the machine.
const seedEnv = "BILIKEEPER_TEST_SEED"

// TestDeliveriesKilledAtRandom kills keepers while they tell people of sessions
// that die all the time, through channels that fail half of the time. At the end
// everything that people had to be told has reached each channel, under one id,
// and at most once more for each kill; and no code came that was dead.
func TestDeliveriesKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed := uint64(20261120)
	if text := os.Getenv(seedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	program := hastyProgram(t)
	began := time.Now()
	var left atomic.Int64
	left.Store(deliveryKills)
	var mu sync.Mutex // guards sum
	var sum deliverySum
	var all sync.WaitGroup
	for i := range deliveryKeepers {
		all.Go(func() {
			t.Run(fmt.Sprintf("keeper %d", i), func(t *testing.T) {
				d := newDeliveries(t, program, &left, seed, uint64(i))
				d.happen()
				own := d.judge()
				d.stop()
				d.verifyVault()
				mu.Lock()
				defer mu.Unlock()
				sum.add(own)
			})
		})
	}
	all.Wait()
	t.Logf("seed %d (%s), %s\n%s", seed, seedEnv, time.Since(began).Round(100*time.Millisecond), sum.String())
	if !t.Failed() && sum.kills < deliveryKills {
		t.Errorf("only %d kills", sum.kills)
	}
	if sum.within*2 < sum.kills {
		t.Errorf("only %d of %d kills fell during a delivery", sum.within, sum.kills)
	}
}

// deliveries are a keeper, its accounts and its channels.
type deliveries struct {
	*stage
	program  string
	accounts []deliveryAccount
	channels []*office

	current atomic.Pointer[process]
	left    *atomic.Int64 // kills that are still to come, of all keepers
	calm    atomic.Bool   // nothing fails and nobody kills or dawdles any more
	people  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	rng    *rand.Rand
	kills  []killed
	open   map[string]time.Time // when a code could last be scanned, by its content
	helped map[string]bool      // codes that somebody has looked at
	stall  time.Duration        // how long a program had to wait for this machine, at most
}

type deliveryAccount struct {
	name, site string
	mid        int64
}

// killed is one kill: it began at from, and nothing of the keeper was left at.
type killed struct {
	process  *process
	from, at time.Time
	moment   killMoment
}

func newDeliveries(t *testing.T, program string, left *atomic.Int64, seed, number uint64) *deliveries {
	t.Helper()
	d := &deliveries{
		stage: newStage(t, nil), program: program, left: left,
		rng:  rand.New(rand.NewPCG(seed, number<<8)),
		open: map[string]time.Time{}, helped: map[string]bool{},
	}
	for i, name := range []string{"main", "second", "third", "abroad"} {
		a := deliveryAccount{name: name, site: "web", mid: int64(mid + i)}
		if name == "abroad" {
			a.site = "intl"
		}
		d.accounts = append(d.accounts, a)
		d.site.AddUser(a.mid, "user of "+name)
	}
	// A session of the international site cannot be refreshed, so that people
	// are told when it begins that it ends soon.
	d.site.SetSessionLife(5 * 24 * time.Hour)
	d.site.QR.SetCodeLifetime(deliveryCodes)
	for i, name := range []string{"phone", "desk"} {
		o := &office{world: d, name: name, rng: rand.New(rand.NewPCG(seed, number<<8+uint64(i)+1))}
		o.server = d.front.keepers.serve(o)
		quiet(o.server)
		t.Cleanup(func() {
			o.server.CloseClientConnections()
			o.server.Close()
		})
		d.channels = append(d.channels, o)
	}
	d.configure()
	return d
}

// configure shortens all times, the rate that a channel is allowed included.
func (d *deliveries) configure() {
	d.t.Helper()
	text := fmt.Sprintf(`state_dir = %q
socket = %q
[log]
level = "trace"
format = "json"
[check]
schedule = "@every 1s"
jitter = "0s"
confirm_after = "50ms"
[login]
poll = "100ms"
remind = ["400ms", "1500ms"]
gather = %q
[limits]
min_check_interval = "1s"
requests_per_minute = 100000
[endpoints]
`, d.state(), d.socket(), deliveryGather)
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		text += fmt.Sprintf("%s = %q\n", role, d.siteServer.URL)
	}
	for _, o := range d.channels {
		text += fmt.Sprintf("[[notify]]\nname = %q\ntype = \"webhook\"\nurl = %q\nsecret_file = %q\nrate = \"1000/1s\"\n",
			o.name, o.server.URL+"/"+webhookToken, filepath.Join(d.dir, "hook.secret"))
	}
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// draw is a number below n.
func (d *deliveries) draw(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

// between is a time drawn between two others.
func (d *deliveries) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.draw(int((most-least)/time.Microsecond)))*time.Microsecond
}

// wait waits, and reports whether the time has passed.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// happen is all that happens. The keeper is at rest then.
func (d *deliveries) happen() {
	t := d.t
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var around sync.WaitGroup
	defer func() {
		cancel()
		around.Wait()
		d.keeper = d.current.Load()
	}()
	d.calm.Store(true)
	d.launch()
	around.Go(func() { d.watchCodes(ctx) })
	around.Go(func() { d.watchMachine(ctx) })
	if _, err := retry(ctx, func() (client.Health, error) { return d.client.Health(ctx) }); err != nil {
		t.Fatal(err)
	}
	around.Go(func() { d.relaunch(ctx) })
	d.begin(ctx)
	d.calm.Store(false)

	troubled, over := context.WithTimeout(ctx, deliveryTime)
	var actors sync.WaitGroup
	for _, act := range []func(context.Context){d.reap, d.attend, d.killAnyTime} {
		actors.Go(func() { act(troubled) })
	}
	for d.left.Load() > 0 && troubled.Err() == nil && !t.Failed() {
		pause(troubled)
	}
	over()
	actors.Wait()
	d.mu.Lock() // no kill is under way then
	d.calm.Store(true)
	d.mu.Unlock()
	d.settle(ctx)
}

// watchMachine notes for how long this machine lets a program wait that has slept.
func (d *deliveries) watchMachine(ctx context.Context) {
	const nap = 10 * time.Millisecond
	for slept := time.Now(); wait(ctx, nap); slept = time.Now() {
		d.mu.Lock()
		d.stall = max(d.stall, time.Since(slept)-nap)
		d.mu.Unlock()
	}
}

// launch starts the keeper and does not wait for it.
func (d *deliveries) launch() {
	p, err := spawnProgram(d.program, d.config, &d.log)
	if err != nil {
		d.t.Errorf("the keeper cannot be started: %v", err)
		return
	}
	d.current.Store(p)
}

// relaunch is the service manager. Now and then the machine is off for longer
// than a code lives.
func (d *deliveries) relaunch(ctx context.Context) {
	for {
		p := d.current.Load()
		select {
		case <-p.done:
		case <-ctx.Done():
			return
		}
		d.front.keepers.settle()
		status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != syscall.SIGKILL {
			d.t.Errorf("the keeper has ended by itself: %s", p.cmd.ProcessState)
			return
		}
		if d.draw(6) == 0 && !d.calm.Load() && !wait(ctx, d.between(0, deliveryCodes*5/4)) {
			return
		}
		d.launch()
	}
}

// begin gives each account its first session.
func (d *deliveries) begin(ctx context.Context) {
	t := d.t
	t.Helper()
	for _, a := range d.accounts {
		login, err := retry(ctx, func() (client.Login, error) {
			return d.client.StartLogin(ctx, client.LoginRequest{Account: a.name, Site: a.site, Attend: 60})
		})
		if err != nil {
			t.Fatal(err)
		}
		d.answer(login.URL, a.mid)
		until(t, "account "+a.name+" is logged in", func() bool {
			one, err := d.client.Account(ctx, a.name)
			return err == nil && one.State == client.StateValid
		})
	}
	// A channel that is new begins at the end of the journal; from here on it
	// has to be told everything.
	for _, o := range d.channels {
		until(t, "the first message on channel "+o.name, func() bool { return len(o.parcels()) > 0 })
	}
}

// killMoment is where in a delivery a kill falls.
type killMoment string

const (
	killNever    killMoment = ""
	killArrived  killMoment = "arrived"  // the request is there, its body is not read
	killRead     killMoment = "read"     // the receiver has all of it
	killHeld     killMoment = "held"     // it takes its time over the answer
	killAnswered killMoment = "answered" // the answer is on its way
	killLater    killMoment = "later"    // a few milliseconds on
	killAnyTime  killMoment = "any time" // whatever the keeper is doing
)

// kill ends the keeper, unless it has no more kills to suffer or is dead already.
func (d *deliveries) kill(moment killMoment) bool {
	d.mu.Lock()
	p := d.current.Load()
	dead := len(d.kills) > 0 && d.kills[len(d.kills)-1].process == p
	if dead || d.calm.Load() || d.left.Add(-1) < 0 {
		d.mu.Unlock()
		return false
	}
	n := len(d.kills)
	d.kills = append(d.kills, killed{process: p, from: time.Now(), moment: moment})
	d.mu.Unlock()
	d.front.keepers.end(p.kill)
	d.mu.Lock()
	d.kills[n].at = time.Now()
	d.mu.Unlock()
	return true
}

// killAnyTime kills whatever the keeper is doing, its start included.
func (d *deliveries) killAnyTime(ctx context.Context) {
	for wait(ctx, d.between(0, 6*time.Second)) {
		d.kill(killAnyTime)
	}
}

// settle lets all sessions die once more, and waits until everything is well
// and nothing is owed to anybody.
func (d *deliveries) settle(ctx context.Context) {
	t := d.t
	t.Helper()
	for _, a := range d.accounts {
		d.site.Kill(a.mid)
	}
	owed := "nothing was looked at"
	over := time.After(patience)
	for {
		if owed = d.owed(ctx); owed == "" {
			return
		}
		select {
		case <-over:
			t.Errorf("the keeper does not come to rest: %s", owed)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// owed says what the keeper has still to do, "" for nothing.
func (d *deliveries) owed(ctx context.Context) string {
	status, err := d.client.Status(ctx)
	if err != nil {
		return err.Error()
	}
	var what []string
	for _, a := range d.accounts {
		for _, s := range status.Accounts {
			if s.Name != a.name {
				continue
			}
			switch gone := len(d.site.Sessions(a.mid)) == 0; {
			case s.State == client.StateValid && s.LoginID != "":
				_ = d.client.CancelLogin(ctx, s.LoginID) // somebody left a terminal
			case gone:
				_, _ = d.client.Check(ctx, a.name, true) // it need not wait for its schedule
			}
			if s.State != client.StateValid || s.LoginID != "" || len(d.site.Sessions(a.mid)) == 0 {
				what = append(what, fmt.Sprintf("account %s is %s, next %+v", a.name, s.State, s.Next))
			}
		}
	}
	channels, err := d.client.Channels(ctx)
	if err != nil {
		return err.Error()
	}
	for _, c := range channels {
		if c.Pending {
			what = append(what, "channel "+c.Name+" has something to send")
		}
	}
	if len(what) > 0 {
		return strings.Join(what, ", ")
	}
	events, err := d.client.Events(ctx, client.EventQuery{Limit: 10_000})
	if err != nil {
		return err.Error()
	}
	j := readJournal(events)
	for _, o := range d.channels {
		for _, e := range j.missing(o.name) {
			what = append(what, fmt.Sprintf("channel %s lacks event %d, %s of %s", o.name, e.ID, e.Type, e.Account))
		}
	}
	return strings.Join(what, ", ")
}

// watchCodes notes until when each code can be scanned at the site.
func (d *deliveries) watchCodes(ctx context.Context) {
	for ctx.Err() == nil {
		d.look(d.site.QR.Codes())
		pause(ctx)
	}
}

func (d *deliveries) look(open []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, content := range open {
		d.open[content] = time.Now()
	}
}

// closed is for how long a code could not be scanned any more, 0 for one that
// can, and whether it was ever one.
func (d *deliveries) closed(content string) (time.Duration, bool) {
	open := d.site.QR.Codes()
	now := time.Now()
	d.look(open)
	d.mu.Lock()
	defer d.mu.Unlock()
	last, known := d.open[content]
	return max(0, now.Sub(last)), known
}
