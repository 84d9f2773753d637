//go:build browser

package page

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/page/accountpage"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/notify/channels"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// world is a keeper on the machine's clock with a simulator of the site, two
// channels of which one fails, two outputs of which one fails, and the account page
// on a port of its own.
type world struct {
	t    *testing.T
	keep *keeper.Keeper
	site *passporttest.Site
	in   *signin.SignIn
	base string
	// told counts what the working channel got.
	told chan struct{}
	// captcha is where the captcha's widget comes from.
	captcha string
	page    *Page
	network *network
	// way is how the keeper gets to the site.
	way  *way
	stop func()
	// start begins again with what is on the disk.
	start func()
}

const worldConfig = `
[login]
poll = "1s"
[limits]
concurrency = 8
`

const worldDeliveries = `
[[notify]]
name = "tablet"
type = "webhook"
url = "SERVICE/ok"
allow_http = true
[[notify]]
name = "phone"
type = "webhook"
url = "SERVICE/gone"
allow_http = true
[[output]]
name = "yt-dlp"
account = "main"
format = "netscape"
path = "DIRECTORY/cookies.txt"
[[output]]
name = "bili-sync"
account = "main"
format = "header"
url = "http://127.0.0.1:9/cookie"
allow_http = true
`

// newWorld starts one. Its accounts are the caller's to add.
func newWorld(t *testing.T, may []string) *world {
	t.Helper()
	return begun(t, may, worldConfig+worldDeliveries)
}

// begun starts a world with a configuration, into which go the address of the
// channels' service and the directory of the outputs.
func begun(t *testing.T, may []string, text string) *world {
	t.Helper()
	w := &world{t: t, site: passporttest.New(), told: make(chan struct{}, 64)}
	w.way = &way{RoundTripper: w.site.Transport(), held: map[string]chan struct{}{}}
	service := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ok" {
			http.Error(out, "token expired", http.StatusUnauthorized)
			return
		}
		select {
		case w.told <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(service.Close)
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer("SERVICE", service.URL, "DIRECTORY", dir).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Checks{Channels: channels.Kinds()})
	if err != nil {
		t.Fatal(err)
	}
	widget := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		script := httptest.NewRecorder()
		w.site.ServeHTTP(script, r)
		out.Header().Set("Content-Type", script.Header().Get("Content-Type"))
		_, _ = io.WriteString(out, seen+script.Body.String())
	}))
	t.Cleanup(widget.Close)
	// Denser than a real site may be asked.
	c.Limits.RequestsPerMinute, c.Check.ConfirmAfter = 6000, config.Duration(200*time.Millisecond)
	e := w.site.Endpoints("http://site.invalid")
	w.captcha = widget.URL
	c.Endpoints = config.Endpoints{Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame, PassportIntl: e.PassportIntl, APIIntl: e.APIIntl,
		GeetestJS: widget.URL + passporttest.PathWidget}
	w.start = func() { w.serve(filepath.Join(dir, "state"), c, may) }
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// restart begins again with what is on the disk.
func (w *world) restart() {
	w.stop()
	w.start()
}

// put writes a record of an account that is logged in. It is kept from the next
// start on.
func (w *world) put(name string) {
	w.t.Helper()
	r := &store.Record{Brief: store.Brief{Account: lifecycle.New(name, passport.Web, time.Now())}}
	r.Base, r.Uname, r.Refreshable, r.ExpiresAt, r.NextCheckAt = lifecycle.BaseValid, "录播 "+name, true, time.Now().AddDate(0, 0, 100), time.Now().Add(time.Hour)
	if err := w.keep.Store().Save(r, nil, nil); err != nil {
		w.t.Fatal(err)
	}
	w.remember(name, "o12 t o20 R o30 R o14 t o7 t2")
}

func (w *world) serve(dir string, c config.Config, may []string) {
	w.t.Helper()
	v, err := vault.Open(vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.keep, err = keeper.New(keeper.Parts{Vault: v, Config: c, Log: zerolog.Nop(), Version: "1.4.0",
		Transport: passport.Options{Transport: w.way, CorrespondKey: w.site.Refresh.CorrespondKey()}})
	if err != nil {
		w.t.Fatal(err)
	}
	// The next start is where the one before it was.
	l, err := Listen(cmp.Or(strings.TrimPrefix(w.base, "http://"), "127.0.0.1:0"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.base = "http://" + l.Addr().String()
	var errs [3]error
	var told *alert.Channels
	w.in, errs[0] = signin.Open(w.keep.Store(), signin.Options{Address: w.base})
	told, errs[1] = alert.New(w.keep, c)
	outputs := engine.Configured(w.keep, c, nil)
	parts := configOf(w.keep)
	parts.PublicURL, parts.CaptchaOrigin = w.base, w.captcha
	parts.Account = &accountpage.Parts{Keeper: w.keep, SignIn: w.in, May: may, Examine: examine,
		Channels: func() *alert.Channels { return told }, Outputs: func() *engine.Outputs { return outputs }}
	w.page, errs[2] = New(parts)
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running []chan struct{}
	run := func(fn func()) {
		done := make(chan struct{})
		running = append(running, done)
		go func() { defer close(done); fn() }()
	}
	w.keep.Begin(ctx)
	run(func() { w.keep.Keep(ctx) })
	run(func() { _ = told.Run(ctx) })
	run(func() { _ = outputs.Run(ctx) })
	p := w.page
	w.network = &network{Listener: l}
	run(func() { _ = p.Serve(w.network) })
	w.stop = func() {
		grace, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_ = p.Shutdown(grace)
		cancel()
		for _, done := range running {
			<-done
		}
		if err := v.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// seen notes what a script that is loaded into a page can see of it.
const seen = "window.seen = location.href + ' ' + document.referrer + ' ' + (document.getElementById('code') ? 'code' : '');\n"

// way is a way to the site on which requests of a path can be held.
type way struct {
	http.RoundTripper
	mu   sync.Mutex // guards held
	held map[string]chan struct{}
}

// hold keeps the requests of a path waiting until they are let go.
func (w *way) hold(path string) (let func()) {
	held := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[path] = held
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.held, path)
		close(held)
	}
}

func (w *way) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	held := w.held[r.URL.Path]
	w.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return w.RoundTripper.RoundTrip(r)
}

// examine is what a doctor finds in a world.
func examine(_ context.Context, lang string) []accountpage.Finding {
	text := func(en, zh string) string {
		if lang == "zh-CN" {
			return zh
		}
		return en
	}
	return []accountpage.Finding{
		{Group: text("configuration", "配置"), Subject: "config.toml", Detail: text("It can be used.", "可以使用。"), Level: accountpage.FoundOK},
		{Group: text("vault and state directory", "保险库与状态目录"), Subject: "vault.db", Detail: text("It is whole.", "完整。"), Level: accountpage.FoundOK},
		{Group: text("vault and state directory", "保险库与状态目录"), Subject: "vault.key", Detail: text("Only its owner reads it.", "仅所有者可读。"), Level: accountpage.FoundOK},
		{Group: text("vault and state directory", "保险库与状态目录"), Subject: text("disk", "磁盘"), Level: accountpage.FoundWarning,
			Detail: text("Only 96 MiB are free. Without room no login can be saved.", "仅剩 96 MiB，空间不足时无法保存登录。"), Mend: "sudo journalctl --vacuum-size=200M"},
		{Group: text("channels", "渠道"), Subject: "phone", Level: accountpage.FoundWrong,
			Detail: text("It does not deliver: the service says that its token has expired.", "无法送达：服务称令牌已过期。"), Mend: "bilikeeper notify test phone"},
		{Group: text("service", "服务"), Subject: "bilikeeper.service", Detail: text("It was not looked at.", "未检查。"), Level: accountpage.FoundNotChecked},
	}
}

// add logs an account in whose user is known by a name.
func (w *world) add(name, uname string, mid int64) {
	w.t.Helper()
	w.site.AddUser(mid, uname)
	l, err := w.keep.Logins().Start(context.Background(), client.LoginRequest{Account: name, Attend: 600})
	if err != nil {
		w.t.Fatal(err)
	}
	w.scan(l.URL, mid)
	w.until(name+" is logged in", func() bool { return w.state(name) == client.StateValid })
}

// scan scans a code and confirms the login.
func (w *world) scan(url string, mid int64) {
	w.t.Helper()
	if err := w.site.QR.Scan(url, mid); err != nil {
		w.t.Fatal(err)
	}
	if err := w.site.QR.Confirm(url, mid); err != nil {
		w.t.Fatal(err)
	}
}

// giveUp cancels the login of an account.
func (w *world) giveUp(name string) {
	w.t.Helper()
	a, err := w.keep.Accounts().Get(name)
	if err == nil {
		err = w.keep.Logins().Cancel(context.Background(), a.LoginID)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state(name string) string {
	w.t.Helper()
	a, err := w.keep.Accounts().Get(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.State
}

// check asks the site about an account at once.
func (w *world) check(name string) {
	w.t.Helper()
	if _, err := w.keep.Accounts().Check(context.Background(), name, true); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(browserPatience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited until %s in vain", what)
		}
	}
}

// remember gives an account days before today, run by run as the letters o t d n
// (worked, no answer, dead, not asked) and R L (worked, and renewed or logged in).
func (w *world) remember(name, runs string) {
	w.t.Helper()
	var days []string
	for run := range strings.FieldsSeq(runs) {
		n := 1
		_, _ = fmt.Sscanf(run[1:], "%d", &n)
		for range n {
			days = append(days, run[:1])
		}
	}
	forms := map[string]string{"o": "o3", "t": "n2", "d": "x1 ed", "R": "o3 r1 ea", "L": "o1 l1 ea"}
	y, m, d := time.Now().Date()
	today := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	blocks := map[int][]string{}
	for i, kind := range days {
		day := today - len(days) + i
		if form := forms[kind]; form != "" {
			blocks[day/32] = append(blocks[day/32], fmt.Sprintf("%d %s 0:%d 1:%d", day%32, form, 31+(i*17)%23, i%9))
		}
	}
	err := w.keep.Store().Vault().Update(func(tx vault.Tx) error {
		for n, list := range blocks {
			key := fmt.Sprintf("%s/%d", name, n%14)
			var was uint64
			if n == today/32 {
				r, err := tx.Get("history", key)
				if err == nil {
					// What has happened today, behind the number of the block.
					_, rest, _ := strings.Cut(string(r.Value), "\n")
					was, list = r.Revision, append(list, strings.TrimSuffix(rest, "\n"))
				}
			}
			text := fmt.Sprintf("%d\nr \"blrec\" \"recorder\" \"\" \"header\"\nr \"yt-dlp\" \"media\" \"\" \"netscape\"\n%s\n", n, strings.Join(list, "\n"))
			if _, err := tx.Put("history", key, []byte(text), was); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// screen sets how large the browser's window is, and its colours.
func (b *chromium) screen(width, height int, theme string) {
	b.t.Helper()
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.cdp("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": theme}}}, nil)
}

// picture keeps what is on the screen, where BILIKEEPER_SCREENSHOTS names a folder.
func (b *chromium) picture(name string, whole bool) {
	b.t.Helper()
	dir := os.Getenv("BILIKEEPER_SCREENSHOTS")
	if dir == "" {
		return
	}
	var got struct{ Data []byte }
	b.cdp("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}, &got)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), got.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
