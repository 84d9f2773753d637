package account_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/cookie"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// wire is a worker's way to the site, which a crash cuts.
type wire struct {
	site   http.RoundTripper
	isCut  atomic.Bool
	panics atomic.Int32 // how often asking the site panics from now on

	mu sync.Mutex // guards what follows
	// before is called before a request reaches the site, after when the site has
	// acted and before the reply is there; nil is nothing.
	before, after func(r *http.Request)
}

var errCut = errors.New("the worker is dead")

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.isCut.Load() {
		return nil, errCut
	}
	w.mu.Lock()
	before, after := w.before, w.after
	w.mu.Unlock()
	if before != nil {
		before(r)
	}
	if w.isCut.Load() {
		return nil, errCut
	}
	resp, err := w.site.RoundTrip(r)
	if after != nil {
		after(r)
	}
	if w.isCut.Load() && err == nil {
		return nil, errors.Join(errCut, resp.Body.Close())
	}
	return resp, err
}

// watch has functions called around each request.
func (w *wire) watch(before, after func(r *http.Request)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

// hold keeps the next request of a path from the site until the function that it
// returns is called.
func (w *wire) hold(path string) (let func()) {
	gate := make(chan struct{})
	var once sync.Once
	w.watch(func(r *http.Request) {
		if r.URL.Path == path {
			once.Do(func() { <-gate })
		}
	}, nil)
	return func() { close(gate) }
}

func (w *wire) panicNow() {
	if w.panics.Load() > 0 {
		w.panics.Add(-1)
		panic("a mistake in the program")
	}
}

// lines is a log that several write to.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// crash takes what is on the disk now, and lets the worker reach neither the site
// nor that any more. fromThere starts another from it.
func (h *fixture) crash() {
	h.Helper()
	dir := filepath.Join(dirtest.Dir(h.T), "state")
	err := os.Mkdir(dir, 0o700)
	for _, name := range []string{"vault.db", "vault.key"} {
		var data []byte
		if err == nil {
			data, err = os.ReadFile(filepath.Join(h.dir, name))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
	}
	if err != nil {
		h.Error(err)
	}
	h.dir = dir
	h.wire.isCut.Store(true)
}

// fromThere starts a worker from where another crashed.
func (h *fixture) fromThere() {
	h.Helper()
	dead := h.life
	if !dead.wire.isCut.Load() {
		h.Fatal("the worker came through")
	}
	h.dying.Go(func() { h.end(dead) })
	h.resume()
}

// onDisk is the record as it was committed last.
func (h *fixture) onDisk() *store.Record {
	h.Helper()
	r, err := h.store.Record("main")
	h.must(err)
	return r
}

// is is what is known of the account.
func (h *fixture) is() *store.Brief { return h.w.Shown() }

func (h *fixture) wantState(want lifecycle.State) {
	h.Helper()
	if r := h.is(); r.State() != want {
		h.Fatalf("the account is %s (%s), want %s", r.State(), r.Detail, want)
	}
}

// cookie is a cookie of the credential in use.
func (h *fixture) cookie(name string) string {
	h.Helper()
	r, err := h.w.Record()
	h.must(err)
	return cookie.Value(r.Credential.Cookies, name).Reveal()
}

func (h *fixture) sessdata() string { h.Helper(); return h.cookie("SESSDATA") }

// header is what a tool logs in with.
func (h *fixture) header() string {
	h.Helper()
	r, err := h.w.Record()
	h.must(err)
	return r.Session().Header().Reveal()
}

// startLogin begins a login by QR code, or joins the one in progress.
func (h *fixture) startLogin() (joined bool) {
	h.Helper()
	joined, err := account.Login{Worker: h.w}.Start(context.Background(), client.MethodQR, time.Time{}, false)
	h.must(err)
	return joined
}

// login is the login in progress, or how the last one ended, as users see it.
func (h *fixture) login() client.Login {
	h.Helper()
	r, err := h.w.Record()
	h.must(err)
	return account.ViewLogin(r)
}

// code is the code that is out.
func (h *fixture) code() string {
	h.Helper()
	codes := h.site.QR.Codes()
	if len(codes) == 0 {
		h.Fatal("no code is out")
	}
	return codes[len(codes)-1]
}

func (h *fixture) scan(url string, by int64) {
	h.Helper()
	h.must(errors.Join(h.site.QR.Scan(url, by), h.site.QR.Confirm(url, by)))
}

// logIn logs the account in, as the person with the right phone would.
func (h *fixture) logIn() {
	h.Helper()
	h.startLogin()
	h.scan(h.code(), mid)
	h.until("the login", func(r *store.Brief) bool { return r.Base == lifecycle.BaseValid && !r.Login.Active() })
}

// until waits for what is to come of what was done, and no longer than a minute.
func (h *fixture) until(what string, done func(r *store.Brief) bool) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := h.w.Await(ctx, done); err != nil {
		h.Fatalf("%s: %v; the account is %+v", what, err, h.is())
	}
	synctest.Wait()
}

// kill ends the session at the site, and lets the worker find out.
func (h *fixture) kill() {
	h.Helper()
	h.site.Kill(mid)
	time.Sleep(8*time.Hour + 2*time.Minute)
}

// check asks the site now.
func (h *fixture) check(force bool) *store.Brief {
	h.Helper()
	r, err := account.Check{Worker: h.w}.Now(context.Background(), force)
	h.must(err)
	return r
}

// refresh rotates the credential, and says what came of it.
func (h *fixture) refresh(force bool) (outcome, detail string) {
	h.Helper()
	r, rotated, err := account.Rotation{Worker: h.w}.Now(context.Background(), force)
	h.must(err)
	if rotated {
		return client.RefreshDone, ""
	}
	return account.NotRotated(r)
}

// events are the journal's of some types; a type that ends with a dot is all that
// begin with it.
func (h *fixture) events(types ...string) []client.Event {
	h.Helper()
	all, err := h.store.Rest(0, 100000)
	h.must(err)
	var list []client.Event
	for _, e := range all {
		for _, want := range types {
			if e.Type == want || strings.HasSuffix(want, ".") && strings.HasPrefix(e.Type, want) {
				list = append(list, e)
			}
		}
	}
	return list
}

func (h *fixture) wantEvents(eventType string, want int) {
	h.Helper()
	if got := h.events(eventType); len(got) != want {
		h.Errorf("%d events %s, want %d: %v", len(got), eventType, want, got)
	}
}

func (h *fixture) wantRequests(path string, want int) {
	h.Helper()
	if got := h.site.Requests(path); got != want {
		h.Errorf("%d requests to %s, want %d", got, path, want)
	}
}

// mostWithin counts the requests within a span of time that are not part of a login.
func (h *fixture) mostWithin(window time.Duration) int {
	var times []time.Time
	for _, r := range h.site.Log() {
		if r.Path != passporttest.PathPoll && r.Path != passporttest.PathGenerate {
			times = append(times, r.Time)
		}
	}
	most, begin := 0, 0
	for end := range times {
		for times[end].Sub(times[begin]) >= window {
			begin++
		}
		most = max(most, end-begin+1)
	}
	return most
}

// isProblem reports whether an error is told to people as of a type.
func isProblem(err error, kind string) bool { return errors.Is(err, &client.Problem{Type: kind}) }

// settle waits for what is under way and takes no time.
func (h *fixture) settle() { synctest.Wait() }
