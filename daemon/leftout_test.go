package daemon

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/metrics"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// A channel, an output and a reader without their secrets are left out, told of,
// and there a minute after the secrets are. What is next to them works all along.
func TestLeftOutIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	keepertest.Run(t, func(c *config.Config) {
		c.Notify = []config.Notify{
			channel(t, "webhook", "url", "http://127.0.0.1:1/x", "secret_file", in("signing")),
			channel(t, "webhook", "url", "http://127.0.0.1:1/y"),
		}
		c.Notify[0].Fallback, c.Notify[1].Name = "other", "other"
		c.Output = []config.Output{
			{Name: "push", Account: "main", Format: "header", URL: "http://127.0.0.1:1/z", SecretFile: in("key")},
			{Name: "file", Account: "main", Format: "header", Path: in("cookies.txt"), Mode: "0600"},
			{Name: "own", Account: "main", Format: "header", Path: in("vault.db"), Mode: "0600"},
		}
		c.Serve = config.Serve{Listen: "127.0.0.1:0", CookieCloud: []config.CloudEntry{{Account: "main", UUID: "0123456789", PasswordFile: in("word")}}}
	}, func(h *keepertest.Fixture) {
		places := config.Places{StateDir: dir, Socket: in("control.sock"), Config: in("config.toml")}
		d := &daemon{Options: Options{Config: h.Config, Places: places, Log: zerolog.Nop()}, keeper: h.Keeper, host: parts.NewHost("test", zerolog.Nop()), metrics: metrics.New("test")}
		d.health = d.newHealth()
		s, err := d.prepare(h.Config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		d.ctx = ctx
		d.channels = newRunner(d.Log, "notifications", s.channels)
		d.outputs = newRunner(d.Log, "outputs", s.outputs)
		d.readers = newRunner(d.Log, readListener, &listener.Listener{Keeper: h.Keeper})
		d.upkeep = newRunner(d.Log, "upkeep", s.upkeep)
		d.tellLeftOut(s.left)
		d.scrapes = newRunner(d.Log, metricsListener, s.scrapes)
		d.beats = newRunner(d.Log, "heartbeat", s.heartbeat)
		if err := d.listen(); err != nil {
			t.Fatal(err)
		}
		_ = d.socket.Close()
		d.channels.start(ctx)
		d.outputs.start(ctx)
		d.readers.start(ctx)
		d.upkeep.start(ctx)
		d.scrapes.start(ctx)
		d.beats.start(ctx)
		done := make(chan struct{})
		go func() { defer close(done); d.retryLeftOut(ctx) }()
		defer func() {
			cancel()
			<-done
			d.channels.wait()
			d.outputs.wait()
			d.readers.wait()
			d.upkeep.wait()
			d.scrapes.wait()
			d.beats.wait()
		}()

		problems := func() string { return strings.Join(h.Keeper.Accounts().Status().Daemon.Problems, "\n") }
		for _, part := range []string{"channel phone: left out: secret_file: " + in("signing"), "output push: left out: secret_file: ",
			"output own: left out: " + in("vault.db") + " is the keeper's own", "serve: left out: cookiecloud for main: password_file: "} {
			if !strings.Contains(problems(), part) {
				t.Errorf("%q is not told of in %q", part, problems())
			}
		}
		if got := d.channels.current().Status(); len(got) != 2 || got[0].Name != "other" || !strings.HasPrefix(got[1].LastError, "left out: ") {
			t.Errorf("channels %+v", got)
		}
		if test, err := d.channels.current().Test(ctx, "phone"); err != nil || test.Delivered || !strings.Contains(test.Error, "left out") {
			t.Errorf("test: %+v, %v", test, err)
		}
		h.Login("main", keepertest.Mid)
		time.Sleep(10 * time.Second)
		if _, err := os.Stat(in("cookies.txt")); err != nil {
			t.Error(err)
		}
		// The network is no part of this: the listener stays as it is.
		d.mu.Lock()
		d.Config.Serve = config.Serve{}
		d.mu.Unlock()
		for name, text := range map[string]string{"signing": "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=\n", "key": "word\n"} {
			if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := d.outputs.current()
		time.Sleep(2 * leftOutAgain)
		if got := problems(); !strings.HasPrefix(got, "output own: ") || strings.Contains(got, "push: left out") || strings.Contains(got, "phone") {
			t.Errorf("still told of: %q", got)
		}
		if d.outputs.current() == before {
			t.Error("nothing was begun anew")
		}
		again := d.outputs.current()
		time.Sleep(3 * leftOutAgain)
		synctest.Wait()
		if d.outputs.current() != again {
			t.Error("what works was begun anew although nothing changed")
		}
	})
}

// A page whose address is taken is served when it is free, and the keeper runs
// meanwhile.
func TestPageWaitsForItsAddress(t *testing.T) {
	taken, err := net.Listen("tcp", porttest.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(vault.Options{Path: filepath.Join(t.TempDir(), "state", VaultFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	c := config.Default()
	c.Page.Listen = taken.Addr().String()
	d := &daemon{Options: Options{Config: c, Log: zerolog.Nop()}}
	if d.keeper, err = keeper.New(keeper.Parts{Vault: v, Config: c, Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	stop := d.servePage(t.Context())
	defer stop()
	problems := func() string { return strings.Join(d.keeper.Accounts().Status().Daemon.Problems, "\n") }
	if !eventually(t, func() bool { return strings.Contains(problems(), "login page on "+c.Page.Listen) }) || d.page.Load() != nil {
		t.Fatalf("problems: %q", problems())
	}
	_ = taken.Close()
	if !eventually(t, func() bool { return d.page.Load() != nil && problems() == "" }) {
		t.Fatalf("not served; problems: %q", problems())
	}
	stop()
	if d.page.Load() != nil {
		t.Error("links lead to a page that is not served")
	}
}

func eventually(t *testing.T, done func() bool) bool {
	t.Helper()
	for range 3000 {
		if done() {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}
