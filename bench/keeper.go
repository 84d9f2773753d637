//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// bench is a site, a keeper on it and what was measured.
type bench struct {
	options
	dir     string
	nothing string // a program that does nothing
	site    *passporttest.Site
	server  *passporttest.Server
	keeper  keeper
	cookies []string // of the accounts, as a header has them
	table   table
}

// prepare builds what is measured and starts the site.
func prepare(o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "bk-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, nothing: filepath.Join(dir, "nothing"), site: passporttest.New()}
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
	b.server, err = b.site.Start()
	return b, err
}

func (b *bench) clear() {
	_ = b.keeper.kill()
	b.server.Close()
	_ = os.RemoveAll(b.dir)
}

// settings are the keys of every configuration: the limits are lifted, and nothing
// happens by itself.
func (b *bench) settings(dir string) string {
	text := fmt.Sprintf("state_dir = %q\nsocket = %q\n", filepath.Join(dir, "state"), filepath.Join(dir, "control.sock"))
	text += "[log]\nlevel = \"warn\"\n[check]\nschedule = \"@every 24h\"\njitter = \"0s\"\n[refresh]\nauto = false\n[backup]\nevery = \"720h\"\n" +
		"[limits]\nmin_check_interval = \"1s\"\nrequests_per_minute = 1000000\nrefreshes_per_hour = 1000000\nconcurrency = 64\n[endpoints]\n"
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
	if err := os.WriteFile(config, []byte(b.settings(dir)), 0o600); err != nil {
		return err
	}
	b.keeper = keeper{program: b.program, config: config, socket: filepath.Join(dir, "control.sock")}
	if err := b.keeper.start(); err != nil {
		return err
	}
	b.cookies = make([]string, n)
	for i := range n {
		var pairs []string
		for _, line := range b.site.Accounts.Grant(int64(1000000 + i)) {
			pair, _, _ := strings.Cut(line, ";")
			pairs = append(pairs, pair)
		}
		b.cookies[i] = strings.Join(pairs, "; ")
	}
	begun := time.Now()
	err := each(n, 64, func(i int) error {
		_, err := b.keeper.client().Import(context.Background(), client.ImportRequest{Account: account(i), Data: b.cookies[i]})
		return err
	})
	b.add(row{name: "import of all accounts", unit: "s", accounts: n, got: series{time.Since(begun).Seconds()}, must: "15 s for 10,000"})
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
	cmd                     *exec.Cmd
	log                     *bytes.Buffer
	ended                   chan struct{}
}

func (k *keeper) client() *client.Client { return &client.Client{Socket: k.socket} }

// spawn starts it and does not wait until it answers.
func (k *keeper) spawn() error {
	k.log = &bytes.Buffer{}
	k.cmd = exec.Command(k.program, "--config", k.config, "daemon")
	k.cmd.Stderr = k.log
	k.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TZ=UTC"}
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
		if _, err := k.client().Health(context.Background()); err == nil {
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
