//go:build unix

package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/qr/qrtest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

// loginCommand is the command line's login, while it runs.
type loginCommand struct {
	cmd    *exec.Cmd
	lines  *bufio.Reader
	stderr logbook
	stdout string
}

func (s *stage) startLogin(args ...string) *loginCommand {
	s.t.Helper()
	l := &loginCommand{cmd: exec.CommandContext(s.t.Context(), binary, append([]string{"--config", s.config, "login", account}, args...)...)}
	l.cmd.Env, l.cmd.Stderr = environment(), &l.stderr
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	l.lines = bufio.NewReader(out)
	if err := l.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// url reads the address of the next code.
func (l *loginCommand) url(t testing.TB) string {
	t.Helper()
	line, err := l.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("login printed no address: %v, %s", err, l.stderr.String())
	}
	l.stdout += line
	return strings.TrimSpace(line)
}

// end waits for the command's end.
func (l *loginCommand) end() int {
	rest, _ := io.ReadAll(l.lines)
	l.stdout += string(rest)
	_ = l.cmd.Wait()
	return l.cmd.ProcessState.ExitCode()
}

// decodeQR reads a picture as a phone does.
func decodeQR(t testing.TB, picture []byte) string {
	t.Helper()
	text, err := qrtest.ReadPNG(picture)
	if err != nil {
		t.Fatalf("the picture cannot be scanned: %v", err)
	}
	return text
}

// TestLife goes through an account's whole life, as a person with a terminal
// and a phone sees it, for each form in which the site grants a login.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, form := range []passporttest.Form{passporttest.FormHeaders, passporttest.FormBoth, passporttest.FormQuery, passporttest.FormHop} {
		t.Run(string(form), func(t *testing.T) {
			s := newStage(t, nil)
			s.site.QR.SetForm(form)
			s.configure(settings{})
			s.start()
			s.firstLogin()
			s.recovery()
			s.stop()
			s.verifyVault()
		})
	}
}

func (s *stage) firstLogin() {
	t := s.t
	t.Helper()
	login := s.startLogin()
	content := login.url(t)
	s.statusInParallel()
	if err := s.site.QR.Scan(content, mid); err != nil {
		t.Fatal(err)
	}
	until(t, "login says that the code was scanned", func() bool {
		return strings.Contains(login.stderr.String(), "Scanned. Confirm")
	})
	if err := s.site.QR.Confirm(content, mid); err != nil {
		t.Fatal(err)
	}
	if code := login.end(); code != 0 {
		t.Fatalf("login: exit code %d, %s", code, login.stderr.String())
	}
	if !strings.Contains(login.stderr.String(), fmt.Sprintf("logged in as example (mid %d)", mid)) {
		t.Errorf("login does not say who is logged in: %s", login.stderr.String())
	}
	if a := s.account(); a.State != client.StateValid || a.Generation != 1 || a.Mid == nil || *a.Mid != mid {
		t.Errorf("after the login: %+v", a)
	}
	s.wantSession(s.get())
	s.message(client.EventLoginSucceeded, 1)
}

// wantSession wants the newest session of the site in a Cookie header, byte for
// byte.
func (s *stage) wantSession(header string) {
	s.t.Helper()
	live := s.site.Sessions(mid)
	if len(live) == 0 {
		s.t.Fatal("the site has no session")
	}
	if got := cookies(header)["SESSDATA"]; got != live[len(live)-1] {
		s.t.Error("get does not print, byte for byte, the session that the site gave last")
	}
	grants := s.front.granted()
	if last := grants[len(grants)-1]; len(last) > 0 {
		s.wantCredential(header, last)
	}
}

// statusInParallel asks from several sides while a person holds the phone.
func (s *stage) statusInParallel() {
	s.t.Helper()
	results := make([]result, 4)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = s.cli("status", "--json") })
	}
	all.Wait()
	for _, r := range results {
		if r.code != 0 || !strings.Contains(r.stdout, `"state": "logging_in"`) {
			s.t.Errorf("status beside a login: exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
	}
}

// recovery is what happens when the site ends the session.
func (s *stage) recovery() {
	t := s.t
	t.Helper()
	old := s.get()
	s.site.Kill(mid)
	required := s.message(client.EventLoginRequired, 1)
	code := s.message(client.EventLoginCode, 1)
	if required.At.After(code.At) {
		t.Error("the code came before the news that the session has died")
	}
	if code.Login == nil || code.Account != account || code.Mid == nil || *code.Mid != mid || code.Uname != "example" {
		t.Fatalf("the message lacks something: %s", code.Type)
	}
	if content := decodeQR(t, code.Login.PNG); content != code.Login.URL {
		t.Error("the picture and the address are not the same")
	}
	s.wantCode(5, "get", account)
	if stale := s.get("--stale"); stale != old {
		t.Error("get --stale does not print the old credential")
	}
	if err := s.site.QR.Scan(code.Login.URL, mid); err != nil {
		t.Fatal(err)
	}
	until(t, "the scan shows in the journal", func() bool { return len(s.events(client.EventLoginScanned)) == 2 })
	if err := s.site.QR.Confirm(code.Login.URL, mid); err != nil {
		t.Fatal(err)
	}
	s.message(client.EventLoginSucceeded, 2)
	s.wantCode(0, "wait", account, "--timeout", "20s")
	fresh := s.get()
	if fresh == old {
		t.Error("get still prints the old credential")
	}
	s.wantSession(fresh)
	s.wantCode(0, "check", account)
	kinds := map[string]int{}
	for _, e := range jsonLines[client.Event](t, s.wantCode(0, "events", "--json").stdout) {
		kinds[e.Type]++
	}
	for kind, want := range map[string]int{
		client.EventAccountAdded: 1, client.EventLoginRequired: 1, client.EventLoginCode: 2,
		client.EventLoginScanned: 2, client.EventLoginSucceeded: 2, client.EventLoginFailed: 0,
		client.EventCredentialRead: 2, client.EventNotifyFailed: 0, // one for each generation
	} {
		if kinds[kind] != want {
			t.Errorf("the journal has %d of %s, want %d", kinds[kind], kind, want)
		}
	}
	if n := len(s.hooks.All()); n != 4 {
		t.Errorf("%d messages in all, want 4", n)
	}
}

// TestLoginOutlivesItsKeeper kills the keeper while a person waits in front of
// login: the command stays, and so does the code.
func TestLoginOutlivesItsKeeper(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.start()
	login := s.startLogin()
	content := login.url(t)
	s.keeper.kill()
	until(t, "login says that the keeper is away", func() bool {
		return strings.Contains(login.stderr.String(), "the keeper is away")
	})
	s.wantCode(3, "status")
	s.start()
	s.answer(content, mid)
	if code := login.end(); code != 0 {
		t.Errorf("login: exit code %d, %s", code, login.stderr.String())
	}
	if strings.TrimSpace(login.stdout) != content {
		t.Error("another code was shown although the first one lived")
	}
	s.wantSession(s.get())
	s.stop()
}

// TestStranger: somebody else's scan is refused, told once, and changes nothing.
func TestStranger(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.start()
	s.login(mid)
	old := s.get()
	s.site.Kill(mid)
	code := s.message(client.EventLoginCode, 1)
	s.answer(code.Login.URL, stranger)
	failed := s.message(client.EventLoginFailed, 1)
	if failed.Mid == nil || *failed.Mid != mid {
		t.Error("the message is not about the account's own user")
	}
	if a := s.account(); a.State != client.StateNeedsLogin || *a.Mid != mid || a.Uname != "example" || a.Generation != 1 {
		t.Errorf("after a stranger's scan: %+v", a)
	}
	s.wantCode(5, "get", account)
	if s.get("--stale") != old {
		t.Error("the old credential was touched")
	}
	// The right person mends it from a terminal.
	login := s.startLogin()
	s.answer(login.url(t), mid)
	if code := login.end(); code != 0 {
		t.Fatalf("login: exit code %d, %s", code, login.stderr.String())
	}
	s.wantSession(s.get())
	s.message(client.EventLoginSucceeded, 2)
	if n := len(s.messages(client.EventLoginFailed)); n != 1 {
		t.Errorf("the refusal was told %d times", n)
	}
	s.stop()
}
