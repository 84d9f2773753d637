//go:build unix

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	mid           = 100200300
	stranger      = 400500600
	account       = "main"
	webhookSecret = "whsec_bm90IGEgc2VjcmV0LCBqdXN0IGEgc2FtcGxlIQ=="
	webhookToken  = "sample-token-5d0c7f0f6f7c"
)

// stage is everything around one keeper: the site, the receiver of webhooks,
// and the files.
type stage struct {
	t      testing.TB
	dir    string
	config string
	client *client.Client
	site   *passporttest.Site
	hooks  *notifytest.Receiver
	front  *front
	log    logbook
	keeper *process

	siteServer, hookServer *httptest.Server
}

// newStage prepares a stage. The directory has a short path: a socket's must be.
func newStage(t testing.TB, at func(boundary) bool) *stage {
	t.Helper()
	dir := dirtest.Dir(t)
	hooks, err := notifytest.NewReceiver(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{
		t: t, dir: dir, config: filepath.Join(dir, "config.toml"), hooks: hooks, front: &front{at: at},
		site: passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(stranger, "somebody")),
	}
	s.client = &client.Client{Socket: s.socket()}
	s.siteServer = s.front.keepers.serve(s.front.site(s.site))
	s.hookServer = httptest.NewServer(s.front.hooks(s.hooks, s.site))
	quiet(s.siteServer)
	quiet(s.hookServer)
	if err := os.WriteFile(filepath.Join(dir, "hook.secret"), []byte(webhookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.clear)
	return s
}

// quiet keeps the server from writing of aborted handlers to the test's output.
func quiet(server *httptest.Server) { server.Config.ErrorLog = discard() }

func (s *stage) clear() {
	if s.keeper != nil {
		s.keeper.kill()
	}
	s.siteServer.CloseClientConnections()
	s.hookServer.CloseClientConnections()
	s.siteServer.Close()
	s.hookServer.Close()
	if s.t.Failed() {
		s.t.Logf("the keeper's log ends with\n%s", s.log.tail(40))
	}
}

func (s *stage) state() string  { return filepath.Join(s.dir, "state") }
func (s *stage) socket() string { return filepath.Join(s.dir, "run", "control.sock") }

// settings are what a test wants different from the others.
type settings struct {
	schedule string // "" is every second
	// refresh makes the simulator's key known to the keeper.
	refresh bool
}

// configure writes the configuration: the times of a life in fractions of a
// second, and the sharpest log.
func (s *stage) configure(o settings) {
	s.t.Helper()
	if o.schedule == "" {
		o.schedule = "@every 1s"
	}
	text := fmt.Sprintf(`state_dir = %q
socket = %q
[log]
level = "trace"
format = "json"
[check]
schedule = %q
jitter = "0s"
confirm_after = "50ms"
[login]
poll = "60ms"
remind = ["1h"]
[limits]
min_check_interval = "1s"
requests_per_minute = 600
refreshes_per_hour = 1000000
[[notify]]
name = "phone"
type = "webhook"
url = "%s/%s"
secret_file = %q
`, s.state(), s.socket(), o.schedule, s.hookServer.URL, webhookToken, filepath.Join(s.dir, "hook.secret"))
	text += "[endpoints]\n"
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		text += fmt.Sprintf("%s = %q\n", role, s.siteServer.URL)
	}
	if o.refresh {
		key := filepath.Join(s.dir, "correspond.pem")
		if err := os.WriteFile(key, s.site.Refresh.CorrespondKeyPEM(), 0o600); err != nil {
			s.t.Fatal(err)
		}
		text += fmt.Sprintf("correspond_key_file = %q\n", key)
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// spawn starts the keeper and does not wait for it.
func (s *stage) spawn() *process {
	s.t.Helper()
	p, err := spawn(s.config, &s.log)
	if err != nil {
		s.t.Fatalf("the keeper cannot be started: %v", err)
	}
	s.keeper = p
	return p
}

// start starts the keeper and waits until it answers.
func (s *stage) start() {
	s.t.Helper()
	p := s.spawn()
	until(s.t, "the keeper answers", func() bool {
		select {
		case <-p.done:
			s.t.Fatal("the keeper has ended by itself")
		default:
		}
		_, err := s.client.Health(s.t.Context())
		return err == nil
	})
}

func (s *stage) cli(args ...string) result {
	s.t.Helper()
	return command(s.t, s.config, args...)
}

// wantCode runs a command and wants an exit code.
func (s *stage) wantCode(want int, args ...string) result {
	s.t.Helper()
	r := s.cli(args...)
	if r.code != want {
		s.t.Errorf("bilikeeper %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, want, r.stdout, r.stderr)
	}
	return r
}

// account is what status --json says of the account.
func (s *stage) account() client.Account {
	s.t.Helper()
	var list client.Status
	r := s.wantCode(0, "status", account, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || len(list.Accounts) != 1 {
		s.t.Fatalf("status --json: %v in %q", err, r.stdout)
	}
	return list.Accounts[0]
}

// login logs the account in, over the socket.
func (s *stage) login(mid int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	l, err := s.client.StartLogin(ctx, client.LoginRequest{Account: account, Attend: 60})
	if err != nil {
		s.t.Fatal(err)
	}
	s.answer(l.URL, mid)
	for !l.Ended() {
		if l, err = s.client.WaitLogin(ctx, l.ID, l.Revision, time.Second); err != nil {
			s.t.Fatal(err)
		}
	}
	if l.State != client.LoginSucceeded {
		s.t.Fatalf("the login is %s: %s", l.State, l.Detail)
	}
}

// answer is a person with a phone.
func (s *stage) answer(content string, mid int64) {
	s.t.Helper()
	if err := errors.Join(s.site.QR.Scan(content, mid), s.site.QR.Confirm(content, mid)); err != nil {
		s.t.Fatal(err)
	}
}

// message waits for the n-th message of a type, counted from 1.
func (s *stage) message(kind string, n int) notifytest.Delivery {
	s.t.Helper()
	var found notifytest.Delivery
	until(s.t, fmt.Sprintf("message %d of type %s", n, kind), func() bool {
		if list := s.messages(kind); len(list) >= n {
			found = list[n-1]
			return true
		}
		return false
	})
	return found
}

// messages are those that came and were taken, of one type.
func (s *stage) messages(kind string) []notifytest.Delivery {
	var list []notifytest.Delivery
	for _, d := range s.hooks.Taken() {
		if d.Type == kind {
			list = append(list, d)
		}
	}
	return list
}

// events is the journal.
func (s *stage) events(types ...string) []client.Event {
	s.t.Helper()
	list, err := s.client.Events(s.t.Context(), client.EventQuery{Types: types})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// cookies takes a Cookie header apart, byte for byte.
func cookies(header string) map[string]string {
	found := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(header), ";"), "; ") {
		name, value, _ := strings.Cut(pair, "=")
		found[name] = value
	}
	return found
}

// setCookies takes Set-Cookie lines apart, byte for byte.
func setCookies(lines []string) map[string]string {
	found := map[string]string{}
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		found[name] = value
	}
	return found
}

// verifyVault opens the stopped keeper's vault and reads all of it.
func (s *stage) verifyVault() {
	s.t.Helper()
	v, err := vault.Open(vault.Options{Path: filepath.Join(s.state(), "vault.db"), KeyFile: filepath.Join(s.state(), "vault.key")})
	if err != nil {
		s.t.Errorf("the vault does not open: %v", err)
		return
	}
	if err := errors.Join(v.Verify(), v.Close()); err != nil {
		s.t.Errorf("the vault is not whole: %v", err)
	}
}

// soon is how long a stop may take that waits for nothing: less than all that one could
// wait for in vain, and far more than it needs.
const soon = 9 * time.Second

// stop stops the keeper cleanly.
func (s *stage) stop() {
	s.t.Helper()
	code, took := s.keeper.stop(s.t)
	if code != 0 {
		s.t.Errorf("the keeper ended with exit code %d", code)
	}
	if took > soon {
		s.t.Errorf("the keeper took %s to end", took)
	}
	if problems := s.hooks.Problems(); len(problems) > 0 {
		s.t.Errorf("messages that were not as they should be: %s", strings.Join(problems, "; "))
	}
}

// get prints the credential.
func (s *stage) get(args ...string) string {
	s.t.Helper()
	return s.wantCode(0, append([]string{"get", account}, args...)...).stdout
}

func (s *stage) wantCredential(header string, want []string) {
	s.t.Helper()
	have, set := cookies(header), setCookies(want)
	if len(set) < 5 {
		s.t.Fatalf("the site set %d cookies", len(set))
	}
	for name, value := range set {
		if have[name] != value {
			s.t.Errorf("the cookie %s is not, byte for byte, what the site set", name)
		}
	}
	if have["buvid3"] == "" {
		s.t.Error("there is no buvid3")
	}
}

// jsonLines decodes a stream of objects.
func jsonLines[T any](t testing.TB, text string) []T {
	t.Helper()
	var list []T
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	for decoder.More() {
		var one T
		if err := decoder.Decode(&one); err != nil {
			t.Fatalf("no stream of JSON objects: %v", err)
		}
		list = append(list, one)
	}
	return list
}
