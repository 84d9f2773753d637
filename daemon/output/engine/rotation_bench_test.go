package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/store"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// promotionToHook is the longest time, in the middle of all rotations, from the
// promotion of a credential until its file is written and its command has run.
const promotionToHook = 50 * time.Millisecond

// BenchmarkKeeperRotation rotates with the real vault, and measures from the moment
// at which the new credential is in use until the file is written, the command
// has ended and both are recorded. Beside it, and in turn with it, runs the
// floor: the same bytes written, flushed and renamed, and the same program.
func BenchmarkKeeperRotation(b *testing.B) {
	if runtime.GOOS == "windows" {
		b.Skip("there is no program called true")
	}
	for _, outputs := range []int{1, 8} {
		b.Run(fmt.Sprint(outputs), func(b *testing.B) { rotateWith(b, outputs) })
	}
}

func rotateWith(b *testing.B, outputs int) {
	r := newRotating(b, outputs)
	var took, floor []time.Duration
	for b.Loop() {
		took = append(took, r.rotate())
		floor = append(floor, r.floor())
	}
	slices.Sort(took)
	slices.Sort(floor)
	median, least := took[len(took)/2], floor[len(floor)/2]
	b.ReportMetric(0, "ns/op") // most of it is the wait before the old pair is ended
	b.ReportMetric(float64(median.Microseconds())/1000, "ms/rotation")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/worst")
	b.ReportMetric(float64(least.Microseconds())/1000, "ms/floor")
	b.ReportMetric(float64(median)/float64(least), "x/floor")
	if median > promotionToHook {
		b.Errorf("%v from the promotion to the end of the command, want at most %v", median, promotionToHook)
	}
}

// rotating is a keeper with one account and one output, on the real clock.
type rotating struct {
	*testing.B
	site       *passporttest.Site
	keeper     *keeper.Keeper
	path       string
	outputs    []string
	generation uint64
}

func newRotating(b *testing.B, outputs int) *rotating {
	dir := filepath.Join(b.TempDir(), "state")
	r := &rotating{B: b, site: passporttest.New(passporttest.WithUser(keepertest.Mid, "example")), path: filepath.Join(b.TempDir(), "cookies.txt")}
	c := config.Default()
	e := r.site.Endpoints("http://site.invalid")
	c.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl}
	c.Login.Poll = config.Duration(20 * time.Millisecond)
	c.Limits.RequestsPerMinute, c.Limits.RefreshesPerHour = 1_000_000, 1_000_000
	for i := range outputs {
		path := r.path
		if i > 0 {
			path += strconv.Itoa(i)
		}
		r.outputs = append(r.outputs, fmt.Sprint("tool", i))
		c.Output = append(c.Output, config.Output{Name: r.outputs[i], Account: "main", Format: "header", Path: path, Mode: "0600", OnChange: config.Commands{"true"}})
	}
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		b.Fatal(err)
	}
	r.keeper, err = keeper.New(keeper.Parts{Vault: v, Config: c, Log: zerolog.Nop(), Version: "test",
		Transport: passport.Options{Transport: r.site.Transport(), CorrespondKey: r.site.Refresh.CorrespondKey()}})
	if err != nil {
		b.Fatal(err)
	}
	o := Configured(r.keeper, c, nil)
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	r.keeper.Begin(ctx)
	go func() { defer close(kept); r.keeper.Keep(ctx) }()
	ran := make(chan struct{})
	go func() { defer close(ran); _ = o.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-kept
		<-ran
		if err := v.Close(); err != nil {
			b.Error(err)
		}
	})
	r.login()
	return r
}

func (r *rotating) login() {
	l, err := r.keeper.Logins().Start(r.Context(), client.LoginRequest{Account: "main"})
	if err != nil {
		r.Fatal(err)
	}
	if err := errors.Join(r.site.QR.Scan(l.URL, keepertest.Mid), r.site.QR.Confirm(l.URL, keepertest.Mid)); err != nil {
		r.Fatal(err)
	}
	r.handedOut(1)
}

// rotate refreshes, and returns how long it took from the promotion on.
func (r *rotating) rotate() time.Duration {
	r.generation++
	next := r.generation + 1
	promoted := make(chan time.Time, 1)
	go func() {
		r.await(func() bool { return r.keeper.Record("main").Generation == next })
		promoted <- time.Now()
	}()
	answered := make(chan error, 1)
	go func() {
		_, err := r.keeper.Accounts().Refresh(r.Context(), "main", true)
		answered <- err
	}()
	took := r.handedOut(next).Sub(<-promoted)
	if err := <-answered; err != nil {
		r.Fatal(err)
	}
	return took
}

// handedOut waits for the record of the commands, and returns when it was there.
func (r *rotating) handedOut(generation uint64) time.Time {
	r.await(func() bool {
		for _, name := range r.outputs {
			var p Progress
			if _, err := r.keeper.Store().Get(store.KindOutput, name, &p); err != nil {
				r.Error(err)
			}
			if p.HookGeneration != generation {
				return false
			}
		}
		return true
	})
	return time.Now()
}

// await looks whenever something has changed, as everybody does.
func (r *rotating) await(ok func() bool) {
	for {
		changed := r.keeper.Store().Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (r *rotating) floor() time.Duration {
	content, err := os.ReadFile(r.path)
	if err != nil {
		r.Fatal(err)
	}
	begun := time.Now()
	if err := durable.WriteFile(r.path+".floor", content, 0o600); err != nil {
		r.Fatal(err)
	}
	if err := exec.Command("true").Run(); err != nil {
		r.Fatal(err)
	}
	return time.Since(begun)
}
