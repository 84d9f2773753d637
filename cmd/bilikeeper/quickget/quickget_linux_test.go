package quickget

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// What is imported is initialised first, and that has to be little.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range tree.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains([]string{"os", "syscall", "unsafe"}, path) {
				t.Errorf("%s imports %s, which comes too late", name, path)
			}
		}
	}
}

func TestCommandLine(t *testing.T) {
	plain := wanted{account: "main", format: "header"}
	tests := []struct {
		args string
		want wanted
		ok   bool
	}{
		{"get main", plain, true},
		{"get main --format netscape", wanted{account: "main", format: "netscape"}, true},
		{"get --format=json main", wanted{account: "main", format: "json"}, true},
		{"--socket /s get main", wanted{account: "main", format: "header", socket: "/s"}, true},
		{"--config=c.toml get main", wanted{account: "main", format: "header", config: "c.toml"}, true},
		{"get", wanted{}, false},
		{"get main other", wanted{}, false},
		{"get --tag recorders", wanted{tag: "recorders", format: "header"}, true},
		{"get --format env --tag=recorders", wanted{tag: "recorders", format: "env"}, true},
		{"get main --tag recorders", wanted{}, false},
		{"get --tag", wanted{}, false},
		{"get --tag --wait", wanted{}, false},
		{"get --tag recorders --strategy random", wanted{}, false},
		{"get --tag a.b", wanted{}, false},
		{"--tag recorders get", wanted{}, false},
		{"get main --json", wanted{}, false},
		{"get main --wait=1m", wanted{}, false},
		{"get main -o file", wanted{}, false},
		{"get main --with-refresh-token", wanted{}, false},
		{"get main --format", wanted{}, false},
		{"get main --format=", wanted{}, false},
		{"get main --format --stale", wanted{}, false},
		{"--format json get main", wanted{}, false},
		{"get a/b", wanted{}, false},
		{"get -- main", wanted{}, false},
		{"status main", wanted{}, false},
		{"help get main", wanted{}, false},
		{"", wanted{}, false},
	}
	for _, test := range tests {
		got, ok := readCommandLine(append([]string{"bilikeeper"}, strings.Fields(test.args)...))
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q is read as %+v, %v; want %+v, %v", test.args, got, ok, test.want, test.ok)
		}
	}
}

// The socket is the first that the command would try, or left to it.
func TestPlaceIsTheCommands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := write("named.toml", "# socket = \"/no\"\nlocale = 'en'\nstate_dir = \"/state\"\n socket='/in/file' \n[log]\nsocket = \"/elsewhere\"\n")
	without := write("without.toml", "state_dir = \"/state\"\r\n\r\n[check]\nschedule = \"@every 8h\"\n")
	write("xdg/bilikeeper/config.toml", "socket = \"/of/xdg\"\n")
	write("home/.config/bilikeeper/config.toml", "socket = \"/of/home\"\n")
	tests := []struct {
		name   string
		w      wanted
		env    map[string]string
		uid    int
		silent bool // it is the command's to find
	}{
		{name: "a flag", w: wanted{socket: "/flag"}, env: map[string]string{"BILIKEEPER_SOCKET": "/env"}},
		{name: "the environment", env: map[string]string{"BILIKEEPER_SOCKET": "/env"}},
		{name: "root"},
		{name: "root with a file", w: wanted{config: named}},
		{name: "root with a file that names none", w: wanted{config: without}},
		{name: "a file that the environment names", env: map[string]string{"BILIKEEPER_CONFIG": named}},
		{name: "a flag before a file", w: wanted{config: named, socket: "/flag"}},
		{name: "a user", uid: 1000, env: map[string]string{"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/run/user/1000"}},
		{name: "a user with a file", uid: 1000, env: map[string]string{"HOME": dir + "/home", "XDG_RUNTIME_DIR": "/run/user/1000"}},
		{name: "a user with a file elsewhere", uid: 1000, env: map[string]string{"HOME": dir + "/home", "XDG_CONFIG_HOME": dir + "/xdg"}},
		{name: "a service", uid: 1000, env: map[string]string{"HOME": "/nonexistent", "STATE_DIRECTORY": "/var/lib/bilikeeper"}},
		{name: "a user's service", uid: 1000, env: map[string]string{"HOME": "/nonexistent", "RUNTIME_DIRECTORY": "/run/user/1000/bilikeeper", "XDG_RUNTIME_DIR": "/run/user/1000"}},
		{name: "no session", uid: 1000, env: map[string]string{"HOME": "/nonexistent"}, silent: true},
		{name: "no home", uid: 1000, silent: true},
		{name: "no such file", w: wanted{config: dir + "/none.toml"}, silent: true},
		{name: "a relative socket", w: wanted{config: write("relative.toml", "socket = \"run/s\"\n")}, silent: true},
		{name: "a text of several lines", w: wanted{config: write("long.toml", "locale = \"\"\"\nsocket = \"/x\"\n\"\"\"\n")}, silent: true},
		{name: "an escape", w: wanted{config: write("escape.toml", "socket = \"/a\\u0062\"\n")}, silent: true},
		{name: "a quoted key", w: wanted{config: write("quoted.toml", "\"socket\" = \"/x\"\n")}, silent: true},
		{name: "no TOML", w: wanted{config: write("broken.toml", "socket\n")}, silent: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := func(name string) string { return test.env[name] }
			got := test.w.place(test.uid, env)
			if test.silent {
				if got != "" {
					t.Errorf("it is %s, want it left to the command", got)
				}
				return
			}
			if want := first(commandsPlace(t, test.w, test.uid, env)...); got != want {
				t.Errorf("it is %q, the command's %q", got, want)
			}
		})
	}
}

// commandsPlace are the sockets that package account would try. Of the user's number
// only zero or not matters, so a test by root takes another's as no service's.
func commandsPlace(t *testing.T, w wanted, uid int, env func(string) string) []string {
	t.Helper()
	if uid != os.Geteuid() && (uid == 0 || os.Geteuid() == 0) {
		return machinesPlace(t, w, client.Machine{OS: "linux", UID: uid, Env: env})
	}
	p := config.Locate(config.Flags{Config: w.config, Socket: w.socket}, env)
	if named, err := cli.NamedPlaces(p.Config); err == nil {
		p = p.With(named)
	}
	return p.Sockets(env)
}

// machinesPlace is commandsPlace for another user than the test's.
func machinesPlace(t *testing.T, w wanted, m client.Machine) []string {
	t.Helper()
	d := m.Places()
	named, _ := cli.NamedPlaces(first(w.config, m.Env("BILIKEEPER_CONFIG"), d.Config))
	return []string{w.socket, m.Env("BILIKEEPER_SOCKET"), named.Socket, d.Socket}
}

func TestBodyOf(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nEtag: \"3\"\r\n\r\n"
	if body, ok := bodyOf(head + "a=b;"); !ok || string(body) != "a=b;" {
		t.Errorf("a whole answer gives %q, %v", body, ok)
	}
	for name, answer := range map[string]string{
		"nothing": "", "half a head": head[:30], "half a body": head + "a=b", "more": head + "a=b;c",
		"a refusal":     strings.Replace(head, "200 OK", "404 Not Found", 1) + "a=b;",
		"chunks":        "HTTP/1.1 200 OK\r\nEtag: \"3\"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na=b;\r\n0\r\n\r\n",
		"no generation": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na=b;",
	} {
		if _, ok := bodyOf(answer); ok {
			t.Errorf("%s is taken for a credential", name)
		}
	}
}
