package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func TestMain(m *testing.M) {
	// The printers show local times; the programs that scripts run have TZ.
	time.Local = time.UTC
	// A script waits most of the time, so more of them than there are processors go
	// on at once. What the command line says comes after this and wins.
	_ = flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	testscript.Main(m, map[string]func(){"bilikeeper": main})
}

// patience is how long a script waits for something that happens in another
// process. Nothing is slower because of it; it only ends what hangs.
const patience = 60 * time.Second

// mid is the user who scans where no other is named.
const mid = 100200300

const worldKey = "world"

// world is what a script's keeper deals with: a site, and a receiver of
// messages.
type world struct {
	site *passporttest.Site
	hook *hook
}

func TestScripts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the scripts use signals, modes and a terminal")
	}
	t.Parallel()
	testscript.Run(t, scripts("testdata/script"))
}

// scripts runs the scripts of a directory, each in a world of its own.
func scripts(dir string) testscript.Params {
	return testscript.Params{
		Dir:   dir,
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  cmdExits,
			"golden": cmdGolden,
			"halve":  cmdHalve,
			"ready":  cmdReady,
			"says":   cmdSays,
			"phone":  cmdPhone,
			"site":   cmdSite,
			"hook":   cmdHook,
			"json":   cmdJSON,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "devfull":
				_, err := os.Stat("/dev/full")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	}
}

// setUp gives a script a site and a receiver of its own, and a configuration
// that names both, with the times of a life short.
func setUp(env *testscript.Env) error {
	w := &world{site: passporttest.New(passporttest.WithUser(mid, "example"), passporttest.WithUser(300200100, "other")), hook: newHook()}
	env.Values[worldKey] = w
	server, err := w.site.Start()
	if err != nil {
		return err
	}
	env.Defer(server.Close)
	receiver := httptest.NewServer(w.hook)
	env.Defer(receiver.Close)

	config, key := filepath.Join(env.WorkDir, "config.toml"), filepath.Join(env.WorkDir, "site.pem")
	if err := os.WriteFile(key, w.site.Refresh.CorrespondKeyPEM(), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte(configuration(server.URL, receiver.URL, key)), 0o600); err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("TZ", "UTC")
	env.Setenv("BILIKEEPER_CONFIG", config)
	env.Setenv("BILIKEEPER_STATE_DIR", filepath.Join(env.WorkDir, "state"))
	env.Setenv("BILIKEEPER_SOCKET", filepath.Join(env.WorkDir, "control.sock"))
	return nil
}

// configuration names a site and a receiver of messages, with the times of a life
// short.
func configuration(site, receiver, key string) string {
	var b strings.Builder
	b.WriteString("[check]\njitter = \"0s\"\nconfirm_after = \"200ms\"\n\n[login]\npoll = \"50ms\"\n\n")
	b.WriteString("[limits]\nrequests_per_minute = 600\n\n[endpoints]\n")
	for _, role := range []string{"passport", "api", "www", "passport_game", "passport_intl", "api_intl"} {
		fmt.Fprintf(&b, "%s = %q\n", role, site)
	}
	fmt.Fprintf(&b, "correspond_key_file = %q\n", key)
	fmt.Fprintf(&b, "\n[[notify]]\nname = \"phone\"\ntype = \"webhook\"\nurl = %q\n", receiver+"/push")
	return b.String()
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey).(*world) }

// retry tries until something works or the patience is over.
func retry(try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// cmdExits runs a program that has to end with a code: exits CODE PROGRAM ARG…
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if bad, ok := errors.AsType[*exec.ExitError](err); ok {
		code = bad.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// cmdHalve cuts a file in half: halve FILE.
func cmdHalve(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	info, err := os.Stat(name)
	ts.Check(err)
	ts.Check(os.Truncate(name, info.Size()/2))
}

// cmdSays waits until a file that a program writes holds a text: says FILE TEXT.
func cmdSays(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	ts.Check(retry(func() error {
		text, err := os.ReadFile(name)
		if err == nil && !strings.Contains(string(text), args[1]) {
			err = fmt.Errorf("%s does not say %q but %q", args[0], args[1], text)
		}
		return err
	}))
}

// cmdReady waits until the keeper answers: ready.
func cmdReady(ts *testscript.TestScript, _ bool, _ []string) {
	c := &client.Client{Socket: ts.Getenv("BILIKEEPER_SOCKET")}
	ts.Check(retry(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := c.Health(ctx)
		return err
	}))
}

// cmdPhone is somebody with the app: phone scan|confirm|login [MID]. It takes
// the newest code, and waits for one. "login" scans and confirms a code that is
// not there yet, while the script goes on.
func cmdPhone(ts *testscript.TestScript, _ bool, args []string) {
	site, who := worldOf(ts).site, int64(mid)
	if len(args) == 2 {
		var err error
		who, err = strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
	}
	var seen []string
	newest := func(do func(string, int64) error) error {
		return retry(func() error {
			codes := site.QR.Codes()
			if len(codes) == 0 || slices.Contains(seen, codes[len(codes)-1]) {
				return fmt.Errorf("no code is there to scan")
			}
			return do(codes[len(codes)-1], who)
		})
	}
	switch args[0] {
	case "scan":
		ts.Check(newest(site.QR.Scan))
	case "confirm":
		ts.Check(newest(site.QR.Confirm))
	case "login":
		seen = site.QR.Codes()
		var done sync.WaitGroup
		done.Go(func() {
			if newest(site.QR.Scan) == nil {
				_ = newest(site.QR.Confirm)
			}
		})
		ts.Defer(done.Wait)
	default:
		ts.Fatalf("phone scan|confirm|login [MID]")
	}
}

// cmdSite does to the site what the site is known for: site kill [MID], site
// trouble KIND [PATH [N]], site alter KIND, site asked PATH N.
func cmdSite(ts *testscript.TestScript, _ bool, args []string) {
	site := worldOf(ts).site
	switch {
	case args[0] == "kill":
		site.Kill(mid)
	case args[0] == "trouble" && len(args) >= 2 && len(args) <= 4:
		kind, path, times := passporttest.Trouble(args[1]), passporttest.Any, 0
		if args[1] == "none" {
			kind = passporttest.None
		}
		if len(args) >= 3 {
			path = args[2]
		}
		if len(args) == 4 {
			var err error
			times, err = strconv.Atoi(args[3])
			ts.Check(err)
		}
		site.SetTroubleFor(path, kind, times)
	case args[0] == "alter" && len(args) == 2:
		change, ok := oddReplies()[args[1]]
		if !ok {
			ts.Fatalf("no odd reply is called %s", args[1])
		}
		site.Refresh.Alter(change)
	case args[0] == "asked" && len(args) == 3:
		if n := site.Requests(args[1]); strconv.Itoa(n) != args[2] {
			ts.Fatalf("the site was asked %d times for %s, want %s", n, args[1], args[2])
		}
	default:
		ts.Fatalf("site kill, site trouble KIND [PATH [N]], site alter KIND or site asked PATH N")
	}
}

// oddReplies are those that the site may answer a refresh with beside the one it
// should.
func oddReplies() map[string]func(data map[string]any, lines []string) []string {
	each := func(change func(line string) string) func(map[string]any, []string) []string {
		return func(_ map[string]any, lines []string) []string {
			for i, line := range lines {
				lines[i] = change(line)
			}
			return lines
		}
	}
	return map[string]func(map[string]any, []string) []string{
		"other-user": each(func(line string) string {
			return strings.Replace(line, "DedeUserID=100200300", "DedeUserID=300200100", 1)
		}),
		"other-domain": each(func(line string) string {
			return strings.Replace(line, "Domain=bilibili.com", "Domain=passport.example.org", 1)
		}),
		"no-attributes": each(func(line string) string {
			line, _, _ = strings.Cut(line, ";")
			return line
		}),
		"no-token": func(data map[string]any, lines []string) []string {
			delete(data, "refresh_token")
			return lines
		},
		"none": nil,
	}
}

// cmdHook waits for a message of a type and prints its body: hook TYPE.
func cmdHook(ts *testscript.TestScript, _ bool, args []string) {
	h := worldOf(ts).hook
	ts.Check(retry(func() error {
		body, ok := h.take(args[0])
		if !ok {
			return fmt.Errorf("no message of type %s came", args[0])
		}
		_, err := fmt.Fprintln(ts.Stdout(), body)
		return err
	}))
}

// cmdJSON checks that a file is one JSON document, or with "lines" one object
// on each line: json FILE [lines].
func cmdJSON(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	parts := []string{text}
	if len(args) == 2 {
		parts = strings.Split(text, "\n")
	}
	for _, part := range parts {
		if !json.Valid([]byte(part)) {
			ts.Fatalf("this is no JSON: %q", part)
		}
	}
}

// changing are the parts of a session that are others each time.
var changing = []struct {
	part *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`qrcode_key(=|%3D)[0-9a-f]+`), "qrcode_key${1}KEY"},
	{regexp.MustCompile(`[0-9]{2}:[0-9]{2}:[0-9]{2}( UTC)?`), "TIME"},
	{regexp.MustCompile(`[0-9]+ ?(s|m|min|秒|分钟)( ago|前)`), "N$2"},
	// What is seen on the way depends on when it is looked at.
	{regexp.MustCompile(`(?m)^(Scanned|Granted|已扫码|登录已获准).*\n`), ""},
	{regexp.MustCompile(`(?m) {2,}(\S)`), "  $1"},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// cmdGolden compares a file with the golden one of the script, without what
// differs from one session to the next: golden FILE. The widths of columns do, with
// the lengths of times.
func cmdGolden(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "WORK")
	for _, c := range changing {
		text = c.part.ReplaceAllString(text, c.as)
	}
	ts.Check(golden.Compare("script/"+ts.Name()+".golden", []byte(text)))
}

// hook keeps the messages that came, by type.
type hook struct {
	mu   sync.Mutex // guards what follows
	came map[string][]string
}

func newHook() *hook { return &hook{came: map[string][]string{}} }

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Type string `json:"type"`
	}
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil || json.Unmarshal(raw, &m) != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came[m.Type] = append(h.came[m.Type], string(raw))
	w.WriteHeader(http.StatusNoContent)
}

func (h *hook) take(kind string) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.came[kind]
	if len(list) == 0 {
		return "", false
	}
	h.came[kind] = list[1:]
	return list[0], true
}
