//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// bench is a site, a keeper on it and what was measured.
type bench struct {
	options
	dir      string
	nothing  string // a program that does nothing
	site     *passporttest.Site
	away     *away
	plain    *httptest.Server // the site over HTTP
	secure   *httptest.Server // and over TLS
	server   *httptest.Server // the one that is asked
	keeper   keeper
	key      string   // the file with the site's key
	cookies  []string // of the accounts, as a header has them
	table    table
	missing  []string       // what is not installed
	perCheck map[int]series // the CPU of a check, by the number of accounts
}

// prepare builds what is measured and starts the site.
func prepare(o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "bk-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, nothing: filepath.Join(dir, "nothing"), key: filepath.Join(dir, "site.pem"), site: passporttest.New(), perCheck: map[int]series{}}
	if err := os.WriteFile(b.key, b.site.Refresh.CorrespondKeyPEM(), 0o600); err != nil {
		return nil, err
	}
	build := map[string]string{b.nothing: "./bench/nothing"}
	if b.program == "" {
		b.program = filepath.Join(dir, "bilikeeper")
		build[b.program] = "./cmd/bilikeeper"
	}
	for binary, from := range build {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", from, err, out)
		}
	}
	b.away = &away{Handler: b.site}
	b.plain, b.secure = httptest.NewServer(b.away), httptest.NewTLSServer(b.away)
	b.server = b.plain
	// The processes that are measured know no other authority than the site's own.
	authority := filepath.Join(dir, "authority.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.secure.Certificate().Raw})
	return b, errors.Join(os.Setenv(authorities, authority), os.WriteFile(authority, certificate, 0o600))
}

// authorities is the variable by which a Go program is told whose certificates to trust.
const authorities = "SSL_CERT_FILE"

// away is a site that is as far away as it is set to be.
type away struct {
	http.Handler
	by atomic.Int64 // a duration
}

func (a *away) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Duration(a.by.Load()))
	a.Handler.ServeHTTP(w, r)
}

func (b *bench) clear() {
	_ = b.keeper.kill()
	b.plain.Close()
	b.secure.Close()
	_ = os.RemoveAll(b.dir)
}

// never is a schedule that does not come about while this runs.
const never = "@every 24h"

// settings are the keys of every configuration: the limits are lifted, and nothing
// happens by itself but what the schedule says.
func (b *bench) settings(dir, schedule string) string {
	text := fmt.Sprintf("state_dir = %q\nsocket = %q\n", filepath.Join(dir, "state"), filepath.Join(dir, "control.sock"))
	text += fmt.Sprintf("[log]\nlevel = \"warn\"\n[check]\nschedule = %q\njitter = \"0s\"\n", schedule)
	text += "[refresh]\nauto = false\n[backup]\nevery = \"720h\"\n[limits]\nmin_check_interval = \"1s\"\nrequests_per_minute = 1000000\nrefreshes_per_hour = 1000000\nconcurrency = 64\n[endpoints]\n"
	text += fmt.Sprintf("correspond_key_file = %q\n", b.key)
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		text += fmt.Sprintf("%s = %q\n", role, b.server.URL)
	}
	return text
}

// fill starts a keeper anew and imports n accounts.
func (b *bench) fill(n int) error {
	fmt.Fprintf(os.Stderr, "%d accounts: import\n", n)
	dir := filepath.Join(b.dir, "keeper"+strconv.Itoa(n))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte(b.settings(dir, never)), 0o600); err != nil {
		return err
	}
	b.keeper = newKeeper(b.program, dir)
	if err := b.keeper.start(); err != nil {
		return err
	}
	b.cookies = make([]string, n)
	for i := range n {
		b.cookies[i] = session(b.site, i)
	}
	begun := time.Now()
	err := each(n, 64, func(i int) error {
		_, err := b.keeper.client.Import(context.Background(), client.ImportRequest{Account: account(i), Data: b.cookies[i]})
		return err
	})
	b.add(row{name: "import of all accounts", unit: "s", accounts: n, got: series{time.Since(begun).Seconds()}, must: with(n, "", "≤ 15 s")})
	return err
}

// session is a new session of the i-th account, as a header has it.
func session(site *passporttest.Site, i int) string {
	var pairs []string
	for _, line := range site.Accounts.Grant(int64(1000000 + i)) {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; ")
}

// configure gives the keeper another configuration.
func (b *bench) configure(text string) error {
	if err := os.WriteFile(b.keeper.config, []byte(text), 0o600); err != nil {
		return err
	}
	r, err := b.keeper.client.Reload(context.Background())
	if err == nil && len(r.NeedsRestart) > 0 {
		err = fmt.Errorf("a restart is needed for %v", r.NeedsRestart)
	}
	return err
}

func (b *bench) add(r row) { b.table = append(b.table, r) }

// account is the name of the i-th.
func account(i int) string { return fmt.Sprintf("account%06d", i) }

// each does something n times, some at once.
func each(n, atOnce int, do func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, atOnce)
	for worker := range atOnce {
		wg.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += atOnce {
				errs[worker] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// keeper is a keeper's process.
type keeper struct {
	program, config, socket string
	client                  *client.Client
	cmd                     *exec.Cmd
	log                     *bytes.Buffer
	ended                   chan struct{}
}

func newKeeper(program, dir string) keeper {
	socket := filepath.Join(dir, "control.sock")
	return keeper{program: program, config: filepath.Join(dir, "config.toml"), socket: socket, client: &client.Client{Socket: socket}}
}

// spawn starts it and does not wait until it answers.
func (k *keeper) spawn() error {
	k.log = &bytes.Buffer{}
	k.cmd = daemon(k.program, "--config", k.config, "daemon")
	k.cmd.Stderr = k.log
	k.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TZ=UTC", authorities + "=" + os.Getenv(authorities)}
	if err := k.cmd.Start(); err != nil {
		return err
	}
	k.ended = make(chan struct{})
	go func() { defer close(k.ended); _ = k.cmd.Wait() }() // a signal's end is no failure
	return nil
}

func (k *keeper) start() error {
	if err := k.spawn(); err != nil {
		return err
	}
	for {
		if _, err := k.client.Health(context.Background()); err == nil {
			return nil
		}
		select {
		case <-k.ended:
			return fmt.Errorf("the keeper ended\n%s", k.log)
		case <-time.After(time.Millisecond):
		}
	}
}

func (k *keeper) stop() error { return k.signal(syscall.SIGTERM) }
func (k *keeper) kill() error { return k.signal(syscall.SIGKILL) }

func (k *keeper) signal(s syscall.Signal) error {
	if k.cmd == nil {
		return nil
	}
	err := k.cmd.Process.Signal(s)
	<-k.ended
	k.cmd = nil
	return err
}

func (k *keeper) pid() int { return k.cmd.Process.Pid }
