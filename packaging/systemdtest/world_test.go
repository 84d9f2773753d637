//go:build linux && systemd

package systemdtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

const (
	mid     = 100200300
	account = "main"

	program    = "/usr/local/bin/bilikeeper" // where people put it
	configFile = "/etc/bilikeeper/config.toml"
	vaultFile  = "/var/lib/private/bilikeeper/vault.db"
	unit       = "bilikeeper.service"
)

// world is a system with the site and a receiver of webhooks in its network.
type world struct {
	machine
	site  *passporttest.Site
	hooks *hooks
	// siteURL and hookURL are where they are, as seen from the system.
	siteURL, hookURL string
}

func (w world) in(t *testing.T) world {
	w.machine = w.machine.in(t)
	return w
}

// newWorld boots a system, in which there is nothing of the keeper.
func newWorld(t *testing.T) world {
	t.Helper()
	w := world{machine: boot(t), site: passporttest.New(passporttest.WithUser(mid, "example")), hooks: &hooks{}}
	w.siteURL, w.hookURL = w.serve(w.site), w.serve(w.hooks)+"/hook"
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the journal of the keeper ends with\n%s", w.run("sh", "-c", "journalctl --no-pager --output=short-precise --unit="+unit+" | grep --invert-match 'Unknown key' | tail --lines=40").stdout)
		}
	})
	return w
}

func (w world) serve(h http.Handler) (url string) {
	w.t.Helper()
	l := w.listen()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	w.t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// configuration points the keeper at the site, and makes its times short.
func (w world) configuration(more string) string {
	text := `[check]
schedule = "@every 1h"
jitter = "0s"
confirm_after = "100ms"
[login]
poll = "100ms"
remind = ["1h"]
[limits]
min_check_interval = "1s"
requests_per_minute = 600
[endpoints]
`
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		text += fmt.Sprintf("%s = %q\n", role, w.siteURL)
	}
	return text + more
}

// logIn logs an account in as a person does: by the command, and the code by a
// phone.
func (w world) logIn(account string, command ...string) {
	w.t.Helper()
	phone := w.phone()
	defer phone.putAway()
	w.want(0, append(command, "login", account)...)
}

// phone scans each code that the site gives out.
type phone struct{ stop, done chan struct{} }

func (w world) phone() phone {
	p := phone{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(p.done)
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for {
			for _, code := range w.site.QR.Codes() {
				// One that was scanned before is refused, which is right.
				_ = w.site.QR.Scan(code, mid)
				_ = w.site.QR.Confirm(code, mid)
			}
			select {
			case <-look.C:
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

func (p phone) putAway() {
	close(p.stop)
	<-p.done
}

// status is what status --json says, as far as the tests ask.
type status struct {
	Accounts []struct {
		Name, State string
		Generation  uint64
	}
	Daemon struct {
		PID      int
		Version  string
		Problems []string
	}
}

func (w world) status(command ...string) status {
	w.t.Helper()
	if len(command) == 0 {
		command = []string{"bilikeeper"}
	}
	var s status
	text := w.must(append(command, "status", "--json")...)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		w.t.Fatalf("%v in %s", err, text)
	}
	return s
}

// wantAccount wants the account to be there, and its session to be one that the
// site accepts.
func (w world) wantAccount(command ...string) {
	w.t.Helper()
	s := w.status(command...)
	if len(s.Accounts) != 1 || s.Accounts[0].Name != account || s.Accounts[0].State != "valid" {
		w.t.Fatalf("the accounts are %+v", s.Accounts)
	}
	if len(command) == 0 {
		command = []string{"bilikeeper"}
	}
	header := w.must(append(command, "get", account)...)
	_, session, _ := strings.Cut(header, "SESSDATA=")
	session, _, _ = strings.Cut(session, ";")
	if !w.site.Alive(strings.TrimSpace(session)) {
		w.t.Fatal("the site does not know the session")
	}
}

// mainPID is the process of the service, 0 where none runs.
func (w world) mainPID() string {
	w.t.Helper()
	return w.property("MainPID")
}

func (w world) property(name string) string {
	w.t.Helper()
	return strings.TrimSpace(w.must("systemctl", "show", "--value", "--property="+name, unit))
}

// moment is where the journal is now.
type moment string

func (w world) moment() moment {
	w.t.Helper()
	w.must("systemd-cat", "--identifier=moment", "echo", "now")
	w.must("journalctl", "--sync")
	_, cursor, found := strings.Cut(w.must("journalctl", "--no-pager", "--quiet", "--lines=1", "--show-cursor", "--output=cat", "--identifier=moment"), "-- cursor: ")
	if !found {
		w.t.Fatal("the journal has no end")
	}
	return moment(strings.TrimSpace(cursor))
}

// journal is what came into the journal about the service since a moment, of a
// priority and above. What is after a cursor is not asked for: systemd leaves out
// the first entry then, where that of the cursor is about something else.
func (w world) journal(since moment, priority string) string {
	w.t.Helper()
	w.must("journalctl", "--sync")
	return w.must("journalctl", "--no-pager", "--quiet", "--output=cat", "--cursor="+string(since), "--priority="+priority, "--unit="+unit)
}

// dropIn adds to the unit.
func (w world) dropIn(name, settings string) {
	w.t.Helper()
	w.write("/etc/systemd/system/"+unit+".d/"+name+".conf", "[Service]\n"+settings+"\n", 0o644)
	w.must("systemctl", "daemon-reload")
}

func (w world) dropOut(name string) {
	w.t.Helper()
	if err := os.Remove(w.path("/etc/systemd/system/" + unit + ".d/" + name + ".conf")); err != nil {
		w.t.Fatal(err)
	}
	w.must("systemctl", "daemon-reload")
}

// hooks is a person's service that takes webhooks.
type hooks struct {
	mu   sync.Mutex // guards came
	came []string   // the types of the messages
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct{ Type string }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came = append(h.came, message.Type)
}

func (h *hooks) count(kind string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, one := range h.came {
		if one == kind {
			n++
		}
	}
	return n
}
