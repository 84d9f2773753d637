//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// quickStart is the README's quick start in an empty home: the commands as they stand
// there, with the site and the phone's service on this machine.
type quickStart struct {
	*testing.T
	home   string
	site   *passporttest.Site
	daemon *exec.Cmd
}

// TestQuickStart runs each command of the quick start. One that is new there fails
// here until it is known how it is run.
func TestQuickStart(t *testing.T) {
	_, section, _ := strings.Cut(repositoryFile(t, "README.md"), "\n## Quick start\n")
	section, _, _ = strings.Cut(section, "\n## ")
	q := &quickStart{T: t, site: passporttest.New(passporttest.WithUser(mid, "example"))}
	var err error
	if q.home, err = os.MkdirTemp("", "bk"); err != nil { // a socket's path is short
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(q.home) })
	site, err := q.site.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	phone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"made-up","event":"message"}`) }))
	t.Cleanup(phone.Close)
	q.file("bin/yt-dlp", "#!/bin/sh\ntest \"$1 $3\" = \"--cookies URL\" && grep -q SESSDATA \"$2\"\n")

	commands := strings.Fields
	known := map[string]func(){
		"bilikeeper setup":      func() { q.run("none\n-\n-\n", "setup") },
		"bilikeeper daemon":     q.start,
		"bilikeeper login main": q.login,
		"bilikeeper get main": func() {
			if got := q.run("", "get", "main"); !strings.Contains(got, "SESSDATA=") {
				t.Errorf("it got %q", got)
			}
		},
		// Before anything else, since this home's site is named in it.
		"bilikeeper config init": func() {},
		"bilikeeper reload": func() {
			entry := strings.ReplaceAll(blocks(section, "toml")[0], "type = \"ntfy\"\n", "type = \"ntfy\"\nurl = \""+phone.URL+"\"\n")
			q.edit(func(text string) string { return text + entry })
			q.run("", "reload")
		},
		"bilikeeper notify test phone":                                                       func() { q.run("", commands("notify test phone")...) },
		"bilikeeper exec main -- yt-dlp --cookies {cookies} URL":                             func() { q.run("", commands("exec main -- yt-dlp --cookies {cookies} URL")...) },
		"go build -o bilikeeper ./cmd/bilikeeper && sudo install bilikeeper /usr/local/bin/": func() {}, // this test has the program already
	}
	q.run("", "config", "init")
	here := []string{`poll = "2s"`, `poll = "50ms"`, `correspond_key_file = ""`, `correspond_key_file = "` + q.file("site.pem", string(q.site.Refresh.CorrespondKeyPEM())) + `"`}
	for _, host := range []string{"passport.bilibili.com", "api.bilibili.com", "www.bilibili.com", "passport.biligame.com", "passport.bilibili.tv", "api.bilibili.tv"} {
		here = append(here, `"https://`+host+`"`, `"`+site.URL+`"`)
	}
	q.edit(strings.NewReplacer(here...).Replace)
	var ran []string
	for _, block := range blocks(section, "sh") {
		for command := range strings.Lines(block) {
			command = strings.TrimSpace(command)
			if run, ok := known[command]; ok {
				run()
				ran = append(ran, command)
			} else if command != "" {
				t.Errorf("nothing is known of %q", command)
			}
		}
	}
	if len(ran) != len(known) {
		t.Errorf("there are only %q", ran)
	}
	_ = q.daemon.Process.Signal(syscall.SIGTERM)
	if err := q.daemon.Wait(); err != nil {
		t.Errorf("the keeper ended with %v", err)
	}
}

// file makes one in the home.
func (q *quickStart) file(name, text string) string {
	q.Helper()
	path := filepath.Join(q.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		q.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		q.Fatal(err)
	}
	return path
}

// edit changes the configuration, as a person does.
func (q *quickStart) edit(change func(string) string) {
	q.Helper()
	data, err := os.ReadFile(q.config())
	if err != nil {
		q.Fatal(err)
	}
	if err := os.WriteFile(q.config(), []byte(change(string(data))), 0o600); err != nil {
		q.Fatal(err)
	}
}

func (q *quickStart) config() string { return filepath.Join(q.home, ".config/bilikeeper/config.toml") }
func (q *quickStart) socket() string { return filepath.Join(q.home, "control.sock") }

func (q *quickStart) command(args ...string) *exec.Cmd {
	cmd := exec.Command("bilikeeper", args...)
	cmd.Dir = q.home
	// Root's keeper would be the machine's.
	cmd.Env = []string{"HOME=" + q.home, "TZ=UTC", "PATH=" + filepath.Join(q.home, "bin") + ":" + os.Getenv("PATH"),
		"BILIKEEPER_CONFIG=" + q.config(), "BILIKEEPER_STATE_DIR=" + filepath.Join(q.home, ".local/state/bilikeeper"), "BILIKEEPER_SOCKET=" + q.socket()}
	return cmd
}

func (q *quickStart) run(stdin string, args ...string) string {
	q.Helper()
	cmd := q.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		q.Fatalf("bilikeeper %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

func (q *quickStart) start() {
	q.Helper()
	q.daemon = q.command("daemon")
	if err := q.daemon.Start(); err != nil {
		q.Fatal(err)
	}
	c := &client.Client{Socket: q.socket()}
	if err := retry(func() error {
		_, err := c.Health(context.Background())
		return err
	}); err != nil {
		q.Fatal(err)
	}
}

func (q *quickStart) login() {
	q.Helper()
	done := make(chan error, 1)
	cmd := q.command("login", "main")
	var said bytes.Buffer
	cmd.Stderr = &said
	go func() { done <- cmd.Run() }()
	if err := retry(func() error {
		codes := q.site.QR.Codes()
		if len(codes) == 0 {
			return fmt.Errorf("no code is there to scan")
		}
		if err := q.site.QR.Scan(codes[0], mid); err != nil {
			return err
		}
		return q.site.QR.Confirm(codes[0], mid)
	}); err != nil {
		q.Fatal(err)
	}
	if err := <-done; err != nil {
		q.Fatalf("%v\n%s", err, &said)
	}
}
