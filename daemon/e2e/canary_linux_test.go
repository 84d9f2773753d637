package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// TestNoSecretAnywhere takes an account through everything, troubles included,
// with the most talkative log there is, and then looks for each secret that
// went over the wire in everything that the program ever wrote.
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	s.start()
	w := &written{stage: s, places: map[string]string{}}
	w.life(passporttest.FormHop)
	w.life(passporttest.FormQuery)
	w.troubles()
	w.loginInTrouble()
	w.brokenWebhook()
	w.everyCommand()
	w.collect("")
	s.keeper.kill()
	w.collect(" after a kill")
	s.start()
	s.stop()
	w.collect(" after the end")
	w.search()
}

// written is all that the program wrote, by where.
type written struct {
	*stage
	places map[string]string
	logins int // that succeeded, so far
	codes  int // that were pushed
}

// run keeps what a command prints.
func (w *written) run(args ...string) result {
	w.t.Helper()
	r := w.cli(args...)
	w.keep("bilikeeper "+strings.Join(args, " "), r.stdout+r.stderr)
	return r
}

func (w *written) keep(place, text string) { w.places[place] += text + "\n" }

// life is a login at a terminal the first time, then a death and the answer to
// the code that was pushed.
func (w *written) life(form passporttest.Form) {
	w.t.Helper()
	w.site.QR.SetForm(form)
	if w.logins == 0 {
		w.terminalLogin()
		w.terminalLogin("--json")
	}
	w.dieAndRecover()
	w.get() // what it prints is the secret itself
}

// terminalLogin shows the code's address on stdout; that is what it is for.
func (w *written) terminalLogin(args ...string) {
	w.t.Helper()
	login := w.startLogin(args...)
	content := w.shown(login)
	w.answer(content, mid)
	w.ended(login, content)
}

// shown is the code that a login shows.
func (w *written) shown(login *loginCommand) string {
	w.t.Helper()
	line := login.url(w.t)
	codes := w.site.QR.Codes()
	if len(codes) == 0 || !strings.Contains(line, codes[len(codes)-1]) {
		w.t.Fatal("login does not show the code of the site")
	}
	return codes[len(codes)-1]
}

// ended keeps what a login has printed, but for the code.
func (w *written) ended(login *loginCommand, content string) {
	w.t.Helper()
	if code := login.end(); code != 0 {
		w.t.Fatalf("login: exit code %d, %s", code, login.stderr.String())
	}
	printed := strings.NewReplacer(content, "", url.QueryEscape(content), "").Replace(login.stdout)
	w.keep("bilikeeper login", printed+login.stderr.String())
	w.logins++
	w.message(client.EventLoginSucceeded, w.logins)
}

func (w *written) dieAndRecover() {
	w.t.Helper()
	w.site.Kill(mid)
	w.codes++
	w.answer(w.message(client.EventLoginCode, w.codes).Login.URL, mid)
	w.logins++
	w.message(client.EventLoginSucceeded, w.logins)
}

// troubles lets every check and every poll meet every trouble that does not
// take long.
func (w *written) troubles() {
	for _, trouble := range passporttest.Troubles() {
		if trouble == passporttest.Hang {
			continue
		}
		w.site.SetTrouble(passporttest.Any, trouble)
		w.run("check", account, "--force")
		w.run("status")
		w.run("status", account)
		w.run("status", "--json")
		w.run("login", "second") // the site gives no code
	}
	w.site.SetTrouble(passporttest.Any, passporttest.None)
	w.wantCode(0, "check", account, "--force")
}

// loginInTrouble has each step of a login fail, with cookies and tickets in
// the air.
func (w *written) loginInTrouble() {
	w.site.QR.SetForm(passporttest.FormHop)
	w.site.SetTrouble(passporttest.PathHop, passporttest.HTTP502)
	w.site.SetTrouble(passporttest.PathNav, passporttest.HalfJSON)
	login := w.startLogin("--json")
	content := w.shown(login)
	// Not those that mean a block: the rest of the login would wait for its end.
	for _, trouble := range []passporttest.Trouble{passporttest.Reset, passporttest.HTTP500, passporttest.HalfJSON, passporttest.CodeStrange} {
		w.site.SetTrouble(passporttest.PathPoll, trouble)
		w.seeAndHeal(passporttest.PathPoll)
		w.seeAndHeal(passporttest.PathPoll) // a poll that is well: failures in a row would open a breaker
	}
	w.answer(content, mid)
	w.seeAndHeal(passporttest.PathHop)
	w.seeAndHeal(passporttest.PathNav)
	w.ended(login, content)
}

// seeAndHeal waits until the keeper has met a trouble, looks at what it makes
// of it, and ends it.
func (w *written) seeAndHeal(path string) {
	w.t.Helper()
	before := w.site.Requests(path)
	until(w.t, "a request to "+path, func() bool { return w.site.Requests(path) > before })
	w.run("status", account)
	w.run("status", account, "--json")
	w.site.SetTrouble(path, passporttest.None)
}

// brokenWebhook has the receiver of a code fail in ways that tempt a program to
// print what it sent or got.
func (w *written) brokenWebhook() {
	w.site.QR.SetForm(passporttest.FormHeaders)
	w.hooks.Next(notifytest.Answer{Reset: true}, notifytest.Answer{Status: 500, Body: webhookToken})
	w.dieAndRecover()
}

func (w *written) everyCommand() {
	for _, args := range [][]string{
		{"events"}, {"events", "--json"}, {"status"}, {"status", "--json"}, {"status", account, "--json"},
		{"notify", "list"}, {"notify", "list", "--json"}, {"notify", "test"}, {"notify", "test", "phone", "--json"},
		{"check", "--json"}, {"wait", account, "--json"}, {"config", "check"}, {"config", "print"},
		{"get", "nobody"}, {"get", account, "--format", "nonsense"}, {"forget", "nobody"}, {"daemon"}, {"version"},
	} {
		w.run(args...)
	}
}

// collect takes what lies about: the log, the journal, the process, the files,
// the messages.
func (w *written) collect(when string) {
	t := w.t
	w.keep("the log"+when, w.log.String())
	if when == "" {
		for _, name := range []string{"cmdline", "environ"} {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", w.keeper.pid(), name))
			if err != nil || len(data) == 0 {
				t.Fatalf("the process's %s: %v", name, err)
			}
			w.keep("/proc/PID/"+name, string(data))
		}
		for _, d := range w.hooks.All() {
			w.keepMessage(d)
		}
		w.modes()
	}
	err := filepath.WalkDir(w.state(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		w.keep(path+when, string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keepMessage keeps a message without the three places where a code belongs.
func (w *written) keepMessage(d notifytest.Delivery) {
	var body map[string]any
	if err := json.Unmarshal(d.Raw, &body); err != nil {
		w.t.Fatal(err)
	}
	if login, ok := body["data"].(map[string]any)["login"].(map[string]any); ok {
		if d.Type != client.EventLoginCode {
			w.t.Errorf("a message of type %s brings a code", d.Type)
		}
		if content := decodeQR(w.t, d.Login.PNG); content != d.Login.URL {
			w.t.Error("the picture says something else than the address")
		}
		delete(login, "url")
		delete(login, "app_url")
		delete(login, "qr_png_base64")
	}
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	d.Header.Del("webhook-signature")
	w.keep("message "+d.Type, string(text)+fmt.Sprint(d.Header))
}

// modes looks at who can read what.
func (w *written) modes() {
	for _, root := range []string{w.state(), filepath.Dir(w.socket())} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if e.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				w.t.Errorf("%s has the mode %o, want %o", path, info.Mode().Perm(), want)
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// search looks for every secret in every form in every place.
func (w *written) search() {
	t := w.t
	w.front.mu.Lock()
	secrets := w.front.spied
	w.front.mu.Unlock()
	secrets.add("webhook secret", strings.TrimPrefix(webhookSecret, "whsec_"))
	secrets.add("webhook token", webhookToken)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(webhookSecret, "whsec_"))
	secrets.add("webhook key", string(key))
	for _, name := range []string{"SESSDATA", "bili_jct", "refresh_token", "qrcode_key", "ticket", "buvid3", "b_3", "b_4"} {
		if len(secrets[name]) == 0 {
			t.Errorf("no %s went over the wire: the test proves nothing", name)
		}
	}
	looked := 0
	for name, values := range secrets {
		for value := range values {
			for form, text := range forms(value) {
				for place, content := range w.places {
					looked++
					if strings.Contains(content, text) {
						t.Errorf("%s: there is a %s (%s)", place, name, form)
					}
				}
			}
		}
	}
	t.Logf("%d looks for secrets of %d kinds in %d places", looked, len(secrets), len(w.places))
}

// forms are the ways in which a secret could be written down.
func forms(value string) map[string]string {
	f := map[string]string{
		"plain": value, "query-escaped": url.QueryEscape(value), "path-escaped": url.PathEscape(value),
		"hex": hex.EncodeToString([]byte(value)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(value))),
		"lower": strings.ToLower(value), "upper": strings.ToUpper(value),
	}
	if decoded, err := url.QueryUnescape(value); err == nil {
		f["unescaped"] = decoded
	}
	// In base64 the same bytes look different at each of three places; the
	// characters at the edges depend on the neighbours.
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{0}, shift), value...)
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(padded[:len(padded)/3*3])
			f[fmt.Sprintf("%s+%d", name, shift)] = text[(shift*4+2)/3:]
		}
	}
	return f
}

// TestBornPrivate watches the socket from before it is there, over restarts:
// it never has another mode than its own.
func TestBornPrivate(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{})
	stop, done := make(chan struct{}), make(chan map[fs.FileMode]int)
	go func() {
		seen := map[fs.FileMode]int{}
		defer func() { done <- seen }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, path := range []string{s.socket(), filepath.Dir(s.socket()), s.state()} {
				if info, err := os.Lstat(path); err == nil {
					seen[info.Mode()]++
				}
			}
		}
	}()
	for range 3 {
		s.start()
		s.keeper.kill() // leaves its socket behind
		s.start()
		s.stop() // does not
	}
	close(stop)
	seen := <-done
	for mode := range seen {
		if mode != fs.ModeSocket|0o600 && mode != fs.ModeDir|0o700 {
			t.Errorf("for a moment something had the mode %s", mode)
		}
	}
	if seen[fs.ModeSocket|0o600] == 0 {
		t.Error("the socket was never seen")
	}
}

// TestForms: the search finds what it is meant to find.
func TestForms(t *testing.T) {
	const value = "0a1b2c3d%2C1795000000%2C4e5f6*70"
	encoded := map[string]func(string) string{
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64url": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"hex":       func(s string) string { return hex.EncodeToString([]byte(s)) },
		"escaped":   url.QueryEscape,
		"unescaped": func(s string) string { return strings.ReplaceAll(s, "%2C", ",") },
		"plain":     func(s string) string { return s },
	}
	for name, encode := range encoded {
		for _, before := range []string{"", "x", "xy", "xyz"} {
			text, found := encode(before+value+"; more"), false
			for _, form := range forms(value) {
				found = found || strings.Contains(text, form)
			}
			if !found {
				t.Errorf("%s after %d bytes is not found", name, len(before))
			}
		}
	}
}
