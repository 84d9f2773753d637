package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/root"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// bench is a keeper in this process with a site of its own, and the commands that
// are run against it.
type bench struct {
	*testing.T
	dir    string
	site   *passporttest.Site
	hook   *hook
	env    map[string]string
	client *client.Client
}

// newBench starts a keeper. extra is added to its configuration; DIR in it is the
// directory of everything.
func newBench(t *testing.T, extra string) *bench {
	t.Helper()
	t.Parallel()
	dir := dirtest.Dir(t)
	b := &bench{T: t, dir: dir, hook: newHook(),
		site: passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(300200100, "other"))}
	server, err := b.site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	receiver := httptest.NewServer(b.hook)
	t.Cleanup(receiver.Close)
	text := configuration(server.URL, receiver.URL, "") + strings.ReplaceAll(extra, "DIR", dir)
	b.write("config.toml", text)
	b.env = map[string]string{
		"HOME": dir, "BILIKEEPER_CONFIG": filepath.Join(dir, "config.toml"), "BILIKEEPER_STATE_DIR": filepath.Join(dir, "state"),
		"BILIKEEPER_SOCKET": filepath.Join(dir, "control.sock"),
	}
	b.client = &client.Client{Socket: b.env["BILIKEEPER_SOCKET"]}
	b.start()
	return b
}

// start runs the keeper until the test ends.
func (b *bench) start() {
	b.Helper()
	load := func() (config.Config, config.Places, error) {
		return config.Locate(config.Flags{}, b.getenv).Load(daemon.Checks())
	}
	c, places, err := load()
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{
			Config: c, Places: places, Version: "test", Log: zerolog.Nop(), Ready: func() { close(ready) },
			Transport: passport.Options{CorrespondKey: b.site.Refresh.CorrespondKey()},
			Reread: func() (config.Config, error) {
				c, _, err := load()
				return c, err
			},
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		b.Fatalf("the keeper did not start: %v", err)
	}
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Errorf("the keeper ended with %v", err)
		}
	})
}

func (b *bench) getenv(name string) string { return b.env[name] }

// write makes a file that only its owner can read.
func (b *bench) write(name, text string) string {
	b.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// run runs a command line to its end.
func (b *bench) run(stdin string, args ...string) (code int, stdout, stderr string) {
	r := b.begin(b.Context(), strings.NewReader(stdin), args...)
	return <-r.done, r.stdout.String(), r.stderr.String()
}

// running is a command that has not ended yet.
type running struct {
	bench          *bench
	stdout, stderr stream
	done           chan int
}

func (b *bench) begin(ctx context.Context, stdin io.Reader, args ...string) *running {
	r := &running{bench: b, done: make(chan int, 1)}
	env := &cli.Env{Stdin: stdin, Stdout: &r.stdout, Stderr: &r.stderr, Getenv: b.getenv, Version: "test"}
	go func() { r.done <- env.Execute(ctx, root.Command(env), args) }()
	return r
}

// sees waits until a stream holds a text and returns what follows it.
func (r *running) sees(s *stream, text string) string {
	r.bench.Helper()
	var after string
	if err := retry(func() error {
		before, rest, ok := strings.Cut(s.String(), text)
		if after = rest; !ok {
			return fmt.Errorf("%q is not in %q", text, before)
		}
		return nil
	}); err != nil {
		r.bench.Fatal(err)
	}
	return after
}

// ends waits for the command's end and its code.
func (r *running) ends(code int) {
	r.bench.Helper()
	select {
	case got := <-r.done:
		if got != code {
			r.bench.Fatalf("the command ended with %d, want %d\nstdout: %s\nstderr: %s", got, code, r.stdout.String(), r.stderr.String())
		}
	case <-time.After(patience):
		r.bench.Fatalf("the command does not end\nstdout: %s\nstderr: %s", r.stdout.String(), r.stderr.String())
	}
}

// stream is an output that is read while it is written.
type stream struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// step is a command line and what comes of it. stdout and stderr are patterns for
// all of the output, each line taken for itself with ^ and $; "" is no output.
type step struct {
	args   string
	stdin  string
	code   int
	stdout string
	stderr string
	json   bool // stdout is one JSON value a line, or one document
	before func()
}

// steps runs command lines one after the other.
func (b *bench) steps(list []step) {
	b.Helper()
	for _, s := range list {
		if s.before != nil {
			s.before()
		}
		args := strings.Fields(s.args)
		for i, arg := range args {
			args[i] = strings.ReplaceAll(arg, "DIR", b.dir)
		}
		code, stdout, stderr := b.run(s.stdin, args...)
		if code != s.code {
			b.Errorf("%s: ended with %d, want %d\nstdout: %s\nstderr: %s", s.args, code, s.code, stdout, stderr)
			continue
		}
		b.matches(s.args+": stdout", s.stdout, stdout)
		b.matches(s.args+": stderr", s.stderr, stderr)
		if s.json && !isJSON(stdout) {
			b.Errorf("%s: this is no JSON: %s", s.args, stdout)
		}
	}
}

func (b *bench) matches(what, pattern, got string) {
	b.Helper()
	if !regexp.MustCompile(cmp.Or(pattern, `\A\z`)).MatchString(got) {
		b.Errorf("%s: got %q, want %s", what, got, pattern)
	}
}

func isJSON(text string) bool {
	if json.Valid([]byte(text)) {
		return text != ""
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			return false
		}
	}
	return text != ""
}

// login logs an account in.
func (b *bench) login(account string, who int64) {
	b.Helper()
	seen := len(b.site.QR.Codes())
	r := b.begin(b.Context(), strings.NewReader(""), "login", account, "--timeout", "60s")
	if err := retry(func() error {
		codes := b.site.QR.Codes()
		if len(codes) == seen {
			return fmt.Errorf("no code is there to scan")
		}
		if err := b.site.QR.Scan(codes[len(codes)-1], who); err != nil {
			return err
		}
		return b.site.QR.Confirm(codes[len(codes)-1], who)
	}); err != nil {
		b.Fatal(err)
	}
	r.ends(0)
}
