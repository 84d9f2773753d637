package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/packaging"
)

// place is a directory with a configuration and a state directory of its own.
type place struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newPlace(t *testing.T, configuration string) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, dir: dir, env: map[string]string{
		"HOME": dir, "BILIKEEPER_CONFIG": filepath.Join(dir, "config.toml"),
		"BILIKEEPER_STATE_DIR": filepath.Join(dir, "state"), "BILIKEEPER_SOCKET": filepath.Join(dir, "c.sock"),
	}}
	// Nothing of the machine that the test runs on.
	t.Setenv("PATH", dir)
	p.write("config.toml", configuration, 0o600)
	return p
}

func (p *place) write(name, text string, mode fs.FileMode) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) look(ctx context.Context) Facts {
	env := func(name string) string { return p.env[name] }
	located := config.Locate(config.Flags{}, env)
	return Look(ctx, Options{
		Env: env, Located: located, Places: located, Version: "1.2.3", Checks: checks(), VaultFile: "vault.db", KeyFile: "vault.key",
		Holder:  func(string) (Holder, bool) { return Holder{PID: os.Getpid(), Socket: "/elsewhere.sock"}, true },
		Service: func() (string, Service) { return "a manager", Service{} },
	})
}

// answer serves a keeper's answers by path.
func (p *place) answer(answers map[string]any) {
	p.t.Helper()
	l, err := net.Listen("unix", p.env["BILIKEEPER_SOCKET"])
	if err != nil {
		p.t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch a := answers[r.URL.Path].(type) {
		case nil:
			<-r.Context().Done()
		case *client.Problem:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(a.Status)
			_ = json.NewEncoder(w).Encode(a)
		default:
			_ = json.NewEncoder(w).Encode(a)
		}
	})}
	go func() { _ = s.Serve(l) }()
	p.t.Cleanup(func() { _ = s.Close() })
}

// TestProxyAddress: what is shown of a proxy has no password in it.
func TestProxyAddress(t *testing.T) {
	for value, want := range map[string]string{
		"http://127.0.0.1:7890": "127.0.0.1:7890", "127.0.0.1:7890": "127.0.0.1:7890", "socks5://user:canary@proxy.example": "proxy.example:1080",
		"https://proxy.example/": "proxy.example:443", "proxy.example": "proxy.example:80", "http://[::1]:8080": "[::1]:8080", "": "", "http://": "",
	} {
		if got, ok := addressOf(value); got != want || ok != (want != "") {
			t.Errorf("%q: %q", value, got)
		}
	}
}

// TestLookAtADeadProxy: a proxy that the keeper was started with and that is off is
// named.
func TestLookAtADeadProxy(t *testing.T) {
	address := porttest.Address(t)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	env := func(name string) string {
		return map[string]string{"HTTPS_PROXY": "http://u:canary@" + address}[name]
	}
	f := Facts{OS: "plan9"}
	lookAtProxies(&f, t.Context(), env)
	if len(f.Proxies) != 1 || f.Proxies[0].Err != nil || f.Proxies[0].Address != address {
		t.Errorf("%+v", f.Proxies)
	}
	_ = l.Close()
	f = Facts{OS: "plan9"}
	lookAtProxies(&f, t.Context(), env)
	if len(f.Proxies) != 1 || !f.Proxies[0].Used || f.Proxies[0].Err == nil || strings.Contains(f.Proxies[0].Err.Error(), address) {
		t.Errorf("%+v", f.Proxies)
	}
}

// TestUsedProxies: what the site is asked through is what net/http takes.
func TestUsedProxies(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"HTTPS_PROXY": "http://127.0.0.1:7890"}, true},
		{map[string]string{"https_proxy": "127.0.0.1:7890"}, true},
		{map[string]string{"HTTPS_PROXY": "http://127.0.0.1:7890", "NO_PROXY": ".bilibili.com,.biligame.com,.bilibili.tv"}, false},
		{map[string]string{"HTTP_PROXY": "http://127.0.0.1:7890"}, false},
		{map[string]string{"ALL_PROXY": "http://127.0.0.1:7890"}, false},
	} {
		if got := usedProxies(&Facts{}, func(name string) string { return tt.env[name] })["127.0.0.1:7890"]; got != tt.want {
			t.Errorf("%v: %v", tt.env, got)
		}
	}
}

func findings(r Report, check string, level Level) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Check != check || f.Level != level })
}

func TestLookWithoutAKeeper(t *testing.T) {
	p := newPlace(t, `
[[control.allow]]
user = "nobody-of-this-name"
accounts = ["*"]
may = ["status"]
[[output]]
name = "gone"
account = "main"
format = "header"
path = "missing/cookie"
`)
	f := p.look(t.Context())
	if !errors.Is(f.Keeper.Err, client.ErrNoKeeper) || !errors.Is(f.Socket.Err, fs.ErrNotExist) || len(f.Overrides) != 3 {
		t.Errorf("%+v", f)
	}
	if !slices.Equal(f.Unknown, []string{"user nobody-of-this-name"}) {
		t.Errorf("unknown: %q", f.Unknown)
	}
	if d := f.Directories[filepath.Join(p.dir, "missing")]; !errors.Is(d.Err, fs.ErrNotExist) {
		t.Errorf("%+v", f.Directories)
	}
	if !errors.Is(f.State.Directory.Err, fs.ErrNotExist) {
		t.Errorf("%+v", f.State)
	}
	r := f.Judge()
	if r.OK || len(findings(r, "keeper.answers", Wrong)) != 1 || len(findings(r, "outputs.directory", Wrong)) != 1 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made the state directory")
	}
}

func TestLookAtAnOpenSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing")
	}
	p := newPlace(t, "[[notify]]\nname = \"phone\"\ntype = \"webhook\"\nurl = \"https://hooks.example.net/fake0canary\"\nsecret_file = \"hook.secret\"\n")
	p.write("hook.secret", "whsec_ZmFrZTBjYW5hcnk=\n", 0o644)
	f := p.look(t.Context())
	if f.Configuration.Value == nil {
		t.Fatal("the rest of the file is not looked at")
	}
	r := f.Judge()
	got := findings(r, "configuration.file", Wrong)
	if len(got) != 1 || got[0].Mend != "chmod 600 "+filepath.Join(p.dir, "hook.secret") || !strings.HasSuffix(got[0].Subject, "config.toml:5") {
		t.Errorf("%+v", got)
	}
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "canary") || strings.Contains(string(text), "ZmFrZ") {
		t.Errorf("a secret shows: %s", text)
	}
}

func TestLookAtABrokenFile(t *testing.T) {
	p := newPlace(t, "a = [\n")
	f := p.look(t.Context())
	r := f.Judge()
	if f.Configuration.Value != nil || r.OK || len(findings(r, "configuration.file", Wrong)) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLookAtAKeeper(t *testing.T) {
	p := newPlace(t, "")
	p.write("state/vault.db", "x", 0o600)
	p.write("state/vault.key", "x", 0o600)
	h := healthy()
	status := *h.Keeper.Status
	status.Daemon.Vault.Path = filepath.Join(p.dir, "state", "vault.db")
	p.answer(map[string]any{
		"/v1/status": status, "/v1/notify": client.ChannelList{Channels: h.Keeper.Channels},
		"/v1/outputs": &client.Problem{Type: client.ProblemNotPermitted, Status: 403, Detail: "not for you"},
		"/v1/vault":   &client.Problem{Type: client.ProblemNotPermitted, Status: 403, Detail: "not for you"},
	})
	f := p.look(t.Context())
	if f.Keeper.Status == nil || len(f.Keeper.Channels) != 1 || !errors.Is(f.Keeper.OutputsErr, &client.Problem{Type: client.ProblemNotPermitted}) {
		t.Fatalf("%+v", f.Keeper)
	}
	if f.State.Vault.Err != nil || f.State.Directory.Path != filepath.Join(p.dir, "state") {
		t.Errorf("%+v", f.State)
	}
	if runtime.GOOS != "windows" && (f.State.Vault.Mode != 0o600 || f.State.Vault.Owner != os.Geteuid() || f.Socket.Mode&fs.ModeSocket == 0) {
		t.Errorf("%+v %+v", f.State, f.Socket)
	}
	if f.State.FreeErr == nil && f.State.Free == 0 {
		t.Error("no space")
	}
}

func TestLookAtAKeeperThatHangs(t *testing.T) {
	p := newPlace(t, "")
	p.answer(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f := p.look(ctx)
	if r := f.Judge(); r.OK || len(findings(r, "keeper.answers", Wrong)) != 1 || !errors.Is(f.Keeper.Err, context.DeadlineExceeded) {
		t.Errorf("%+v", r)
	}
}

func TestOtherServiceManagers(t *testing.T) {
	if runtime.GOOS == "linux" {
		t.Setenv("PATH", "")
		if isDirectory("/run/systemd/system") {
			t.Skip("systemd runs here, and is asked in any case")
		}
	}
	p := newPlace(t, "")
	if f := p.look(t.Context()); f.Services.Manager != "a manager" || f.Services.System == nil || f.Services.System.Installed {
		t.Errorf("%+v", f.Services)
	}
}

func TestReadShow(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Service
	}{
		{"Result=success\nLoadState=loaded\nActiveState=active\nFragmentPath=/etc/x\nUnitFileState=enabled\nNeedDaemonReload=no\n",
			Service{Installed: true, Running: true, Active: "active", Enabled: "enabled", Result: "success", Unit: "/etc/x"}},
		{"LoadState=loaded\nActiveState=failed\nResult=start-limit-hit\nNeedDaemonReload=yes\n",
			Service{Installed: true, Active: "failed", Result: "start-limit-hit", Stale: true}},
		{"LoadState=not-found\nActiveState=inactive\n", Service{Active: "inactive"}},
	} {
		if got := readShow(tc.text); got != tc.want {
			t.Errorf("got %+v, want %+v", got, tc.want)
		}
	}
	if got := readShow("nonsense"); got.Err == nil {
		t.Error("nonsense is taken for an answer")
	}
}

func TestLookAtUnit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".config", "systemd", "user")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(dir), "bilikeeper")
	unit := filepath.Join(dir, unitName)
	for _, tc := range []struct {
		name, text        string
		there             bool
		missing, outdated bool
	}{
		{"as it is now", packaging.UserUnit(packaging.Program{Path: program}), true, false, false},
		{"without its program", packaging.UserUnit(packaging.Program{Path: program}), false, true, false},
		{"with places of its own", packaging.UserUnit(packaging.Program{Path: program, Config: "/c.toml", StateDir: "/s"}), true, false, false},
		{"an older one", packaging.UserUnit(packaging.Program{Path: program}) + "# older\n", true, false, true},
		{"somebody's own", "[Service]\nExecStart=/bin/sh -c 'bilikeeper daemon'\n", true, false, false},
	} {
		_ = os.Remove(program)
		if tc.there {
			if err := os.WriteFile(program, nil, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(unit, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := Service{Unit: unit}
		s.lookAtUnit(true)
		if runtime.GOOS != "windows" && (s.Missing != "") != tc.missing || s.Outdated != tc.outdated {
			t.Errorf("%s: %+v", tc.name, s)
		}
	}
}
