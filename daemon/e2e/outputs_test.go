//go:build unix

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// programs are recorders and others that take a cookie over their own
// interface, and keep what they were given.
type programs struct {
	server *httptest.Server
	mu     sync.Mutex // guards what follows
	given  map[string][]string
	sync   map[string]any // bili-sync's configuration
	wrong  []string       // requests that one of them would not have taken
}

func newPrograms(t *testing.T) *programs {
	p := &programs{given: map[string][]string{}, sync: map[string]any{
		"auth_token": "x", "interval": 1200, "credential": map[string]any{"sessdata": "old", "bili_jct": "", "buvid3": "", "dedeuserid": "", "ac_time_value": ""},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /blrec/api/v1/settings", p.blrec)
	mux.HandleFunc("POST /recorder/api/config/global", p.recorder)
	mux.HandleFunc("/sync/api/config", p.biliSync)
	mux.HandleFunc("PUT /mine", p.mine)
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		p.keep("broken", "")
		body, _ := io.ReadAll(r.Body)
		http.Error(w, "I was given "+string(body), http.StatusInternalServerError)
	})
	p.server = httptest.NewServer(mux)
	quiet(p.server)
	t.Cleanup(p.server.Close)
	return p
}

func (p *programs) keep(who, sessdata string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given[who] = append(p.given[who], sessdata)
}

func (p *programs) complain(w http.ResponseWriter, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, what)
	w.WriteHeader(http.StatusBadRequest)
}

// last is what a program was given last, and how often it was given something.
func (p *programs) last(who string) (sessdata string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.given[who]
	if len(list) == 0 {
		return "", 0
	}
	return list[len(list)-1], len(list)
}

func (p *programs) blrec(w http.ResponseWriter, r *http.Request) {
	var body struct{ Header struct{ Cookie string } }
	if r.Header.Get("X-Api-Key") != "key-of-blrec" || json.NewDecoder(r.Body).Decode(&body) != nil || !strings.HasSuffix(body.Header.Cookie, ";") {
		p.complain(w, "blrec")
		return
	}
	p.keep("blrec", cookies(body.Header.Cookie)["SESSDATA"])
}

func (p *programs) recorder(w http.ResponseWriter, r *http.Request) {
	var body struct {
		OptionalCookie struct {
			HasValue bool
			Value    string
		}
	}
	user, password, _ := r.BasicAuth()
	if user != "user" || password != "pass:word" || json.NewDecoder(r.Body).Decode(&body) != nil || !body.OptionalCookie.HasValue {
		p.complain(w, "bililive-recorder")
		return
	}
	p.keep("recorder", cookies(body.OptionalCookie.Value)["SESSDATA"])
}

func (p *programs) biliSync(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "token-of-bili-sync" {
		p.complain(w, "bili-sync's token")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodPut {
		var next map[string]any
		if json.NewDecoder(r.Body).Decode(&next) != nil || next["interval"] != 1200.0 {
			p.wrong = append(p.wrong, "bili-sync")
		}
		p.sync = next
		sessdata, _ := next["credential"].(map[string]any)["sessdata"].(string)
		p.given["sync"] = append(p.given["sync"], sessdata)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status_code": 200, "data": p.sync})
}

func (p *programs) mine(w http.ResponseWriter, r *http.Request) {
	var body struct{ Sessdata string }
	if r.Header.Get("Authorization") != "Bearer of-mine" || r.Header.Get("X-Source") != "keeper" || r.Header.Get("Content-Type") != "application/json" ||
		json.NewDecoder(r.Body).Decode(&body) != nil {
		p.complain(w, "mine")
		return
	}
	p.keep("mine", body.Sessdata)
}

// secrets writes the files that a configuration names.
func (s *stage) secrets(files map[string]string) {
	s.t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content+"\n"), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// output is what output list --json says of one.
func (s *stage) output(name string) client.Output {
	s.t.Helper()
	list, err := s.client.Outputs(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(o client.Output) bool { return o.Name == name })
	if i < 0 {
		s.t.Fatalf("there is no output %s", name)
	}
	return list[i]
}

func (s *stage) sessdata() string {
	s.t.Helper()
	return cookies(s.get())["SESSDATA"]
}

func (s *stage) read(name string) string {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}

const goodOutputs = `
[[output]]
name = "file"
account = "main"
format = "header"
path = "cookie.txt"
on_change = [["sh", "-c", "env > $BILIKEEPER_PATH.env"], ["sh", "-c", "echo $BILIKEEPER_GENERATION >> $BILIKEEPER_PATH.runs"]]
[[output]]
name = "blrec"
account = "main"
preset = "blrec"
url = "%[1]s/blrec"
secret_file = "blrec.key"
[[output]]
name = "recorder"
account = "main"
preset = "bililive-recorder"
url_file = "recorder.url"
secret_file = "recorder.login"
[[output]]
name = "sync"
account = "main"
preset = "bili-sync"
url = "%[1]s/sync"
secret_file = "sync.token"
[[output]]
name = "mine"
account = "main"
url = "%[1]s/mine"
method = "PUT"
headers = { X-Source = "keeper" }
secret_file = "mine.authorization"
template = "{\"sessdata\":{{json (cookie \"SESSDATA\")}}}"
content_type = "application/json"
[[output]]
name = "commands"
account = "main"
on_change = ["sh", "-c", "echo $BILIKEEPER_OUTPUT $BILIKEEPER_GENERATION >> %[2]s/commands.runs"]
`

// The outputs that fail, each in a way of its own.
const badOutputs = `
[[output]]
name = "broken"
account = "main"
format = "header"
url = "%[1]s/broken"
[[output]]
name = "pipe"
account = "main"
format = "header"
path = "pipe"
in_place = true
[[output]]
name = "hanging"
account = "main"
on_change = ["sh", "-c", "sleep 1000 & echo $! > %[2]s/child; echo $$ > %[2]s/parent; wait"]
on_change_timeout = "300ms"
[[output]]
name = "talkative"
account = "main"
format = "header"
path = "talkative.txt"
on_change = ["sh", "-c", "i=0; while [ $i -lt 100 ]; do printf '%%01999d\\n' $i; i=$((i+1)); done; cat $BILIKEEPER_PATH; exit 7"]
`

// prepareOutputs writes outputs of all kinds into the configuration.
func (s *stage) prepareOutputs(p *programs) {
	s.t.Helper()
	if err := syscall.Mkfifo(filepath.Join(s.dir, "pipe"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.append(fmt.Sprintf(goodOutputs+badOutputs, p.server.URL, s.dir))
	s.secrets(map[string]string{
		"blrec.key": "key-of-blrec", "recorder.url": p.server.URL + "/recorder", "recorder.login": "user:pass:word",
		"sync.token": "token-of-bili-sync", "mine.authorization": "Bearer of-mine",
	})
}

// delivered waits until every output that can has the credential of a
// generation.
func (s *stage) delivered(p *programs, generation uint64) {
	s.t.Helper()
	sessdata := s.sessdata()
	for _, name := range []string{"file", "blrec", "recorder", "sync", "mine", "commands"} {
		until(s.t, fmt.Sprintf("output %s has generation %d", name, generation), func() bool {
			o := s.output(name)
			return o.State == client.OutputOK && o.Generation == generation
		})
	}
	for _, name := range []string{"blrec", "recorder", "sync", "mine"} {
		if got, times := p.last(name); got != sessdata || times != int(generation) {
			s.t.Errorf("%s has the newest credential: %v, and was told %d times", name, got == sessdata, times)
		}
	}
	if got := cookies(s.read("cookie.txt"))["SESSDATA"]; got != sessdata {
		s.t.Error("the file does not hold the newest credential")
	}
	if got := strings.Fields(s.read("cookie.txt.runs")); len(got) != int(generation) || got[len(got)-1] != strconv.FormatUint(generation, 10) {
		s.t.Errorf("the file's commands ran for %v", got)
	}
	if got := strings.Split(strings.TrimSpace(s.read("commands.runs")), "\n"); len(got) != int(generation) || got[len(got)-1] != fmt.Sprintf("commands %d", generation) {
		s.t.Errorf("the commands ran for %v", got)
	}
}

// TestOutputs: a login and a refresh reach each file, program and command, and
// an output that fails, in whatever way, is none of the others' business.
func TestOutputs(t *testing.T) {
	t.Parallel()
	s, p := newStage(t, nil), newPrograms(t)
	s.configure(settings{schedule: "@every 1h", refresh: true})
	s.prepareOutputs(p)
	s.start()
	s.login(mid)
	first := s.sessdata()
	s.delivered(p, 1)
	s.wantCode(0, "refresh", account, "--force")
	if s.sessdata() == first {
		t.Fatal("the refresh brought nothing")
	}
	s.delivered(p, 2)
	if len(p.wrong) > 0 {
		t.Errorf("requests that were not as the programs want them: %v", p.wrong)
	}
	s.failures(p)
	s.cleanEnvironment()

	// What went wrong, and what was printed meanwhile, holds no secret.
	journal := s.wantCode(0, "events", "--json").stdout + s.wantCode(0, "output", "list").stdout +
		s.wantCode(0, "output", "list", "--json").stdout + s.wantCode(0, "status", "--json").stdout + s.log.String()
	for _, secret := range []string{first, s.sessdata(), "key-of-blrec", "pass:word", "token-of-bili-sync", "of-mine"} {
		if strings.Contains(journal, secret) {
			t.Errorf("a secret is in the log, the journal or the status: %.12s…", secret)
		}
	}
	s.stop()
}

// failures wants each failing output to say what is wrong with it.
func (s *stage) failures(p *programs) {
	s.t.Helper()
	for name, want := range map[string]struct{ state, reason string }{
		"broken":    {client.OutputRetrying, "push: " + strings.TrimPrefix(p.server.URL, "http://") + ": answered 500 Internal Server Error"},
		"pipe":      {"", "not a regular file"},
		"hanging":   {client.OutputHook, "sh was killed after 300ms"},
		"talkative": {client.OutputHook, "sh ended with exit status 7: SESSDATA=[redacted]"},
	} {
		var o client.Output
		until(s.t, "output "+name+" says what is wrong", func() bool {
			o = s.output(name)
			return strings.Contains(o.LastError+o.HookError, want.reason) && (want.state == "" || o.State == want.state)
		})
		switch {
		case o.LastError != "" && o.LastFailed == nil, o.HookError != "" && o.HookAt == nil:
			s.t.Errorf("it does not say when: %+v", o)
		case name == "talkative" && o.HookExit != 7, name == "hanging" && o.HookExit != -1:
			s.t.Errorf("its command ended with %d", o.HookExit)
		}
	}
	until(s.t, "the broken program is tried again", func() bool {
		_, times := p.last("broken")
		return times > 1
	})
	status := s.wantCode(0, "status")
	for _, name := range []string{"broken", "pipe", "hanging", "talkative"} {
		if !strings.Contains(status.stderr, "output "+name+": ") {
			s.t.Errorf("status does not warn of output %s: %s", name, status.stderr)
		}
		if len(s.events(client.EventOutputFailed)) == 0 {
			s.t.Error("the journal has no failure")
		}
	}
	for _, name := range []string{"parent", "child"} {
		pid, err := strconv.Atoi(strings.TrimSpace(s.read(name)))
		if err != nil {
			s.t.Fatalf("the command that hangs was not run: %v", err)
		}
		until(s.t, "the "+name+" of the command that hung is gone", func() bool { return gone(pid) })
	}
}

// gone reports whether a process has ended. One that nobody has waited for yet
// has, too.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// cleanEnvironment looks at what a command sees.
func (s *stage) cleanEnvironment() {
	s.t.Helper()
	seen := map[string]string{}
	for line := range strings.Lines(s.read("cookie.txt.env")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		seen[name] = value
	}
	for name, want := range map[string]string{
		"BILIKEEPER_ACCOUNT": account, "BILIKEEPER_GENERATION": "2", "BILIKEEPER_PATH": filepath.Join(s.dir, "cookie.txt"), "BILIKEEPER_OUTPUT": "file",
	} {
		if seen[name] != want {
			s.t.Errorf("a command sees %s=%s, want %s", name, seen[name], want)
		}
	}
	for name, value := range seen {
		if strings.Contains(value, "SESSDATA") || strings.Contains(value, s.sessdata()) {
			s.t.Errorf("%s brings a secret", name)
		}
		known := []string{"PATH", "HOME", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "BILIKEEPER_") {
			s.t.Errorf("a command sees %s", name)
		}
	}
}

// TestHookOverACrash: a command that did not get to succeed before the keeper
// was killed runs again after the restart, for the same generation.
func TestHookOverACrash(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.configure(settings{schedule: "@every 1h"})
	// The first kills the keeper, once the login has been answered and the second
	// has failed; the second never succeeds before the crash.
	s.append(fmt.Sprintf(`
[[output]]
name = "killer"
account = "main"
format = "header"
path = "killer.txt"
on_change = ["sh", "-c", "echo $BILIKEEPER_GENERATION >> %[1]s/killer.runs; [ -e %[1]s/once ] || { until [ -s %[1]s/failing.runs ] && [ -e %[1]s/answered ]; do sleep 0.02; done; touch %[1]s/once; kill -9 $PPID; sleep 5; }"]
[[output]]
name = "failing"
account = "main"
on_change = ["sh", "-c", "echo $BILIKEEPER_GENERATION >> %[1]s/failing.runs; [ -e %[1]s/once ]"]
`, s.dir))
	s.start()
	s.login(mid)
	if err := os.WriteFile(filepath.Join(s.dir, "answered"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the keeper was killed by its command", func() bool {
		select {
		case <-s.keeper.done:
			return true
		default:
			return false
		}
	})
	written, err := os.Stat(filepath.Join(s.dir, "killer.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, name := range []string{"killer", "failing"} {
		until(t, "the command of "+name+" has succeeded", func() bool {
			o := s.output(name)
			return o.State == client.OutputOK && o.HookGeneration == 1 && o.HookError == ""
		})
		runs := strings.Fields(s.read(name + ".runs"))
		if len(runs) < 2 || slices.ContainsFunc(runs, func(g string) bool { return g != "1" }) {
			t.Errorf("%s ran for the generations %v, want 1 at least twice", name, runs)
		}
	}
	if again, err := os.Stat(filepath.Join(s.dir, "killer.txt")); err != nil || !os.SameFile(written, again) {
		t.Errorf("the file was written again although it was right: %v", err)
	}
	runs := s.read("killer.runs") + s.read("failing.runs")
	s.wantCode(0, "check", account)
	s.stop()
	if s.read("killer.runs")+s.read("failing.runs") != runs {
		t.Error("a command that had succeeded ran again")
	}
}
