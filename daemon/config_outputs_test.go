package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/output"
)

func TestBadOutputs(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"what does not go together", `
[[output]]
name = "two places"
account = "main"
format = "header"
path = "/srv/a"
url = "https://example.net/canary"
[[output]]
name = "two-addresses"
account = "main"
format = "header"
url = "https://example.net/canary"
url_file = "x"
mode = "0600"
[[output]]
name = "preset"
account = "main"
preset = "blrek"
format = "header"
template = "x"
method = "PUT"
[[output]]
name = "file"
account = "main"
format = "json"
path = "/srv/b"
method = "PUT"
headers = { A = "canary" }
proxy = "http://canary@proxy"
debounce = "1s"
[[output]]
name = "commands"
account = "main"
format = "json"
on_change = ["true"]
timeout = "1s"
owner = "root"
`, `
f:3:1: output[0].name: "two places" is not a name; use letters, digits, dots, dashes and underscores, at most 64
f:7:1: output[0].url: is given beside path; make two outputs of it
f:13:1: output[1].url_file: is given beside url; remove one of them
f:14:1: output[1].mode: means nothing to an output without a path; remove it
f:15:3: output[2].url: is missing; write url = "http://127.0.0.1:…", where the program listens
f:18:1: output[2].preset: "blrek" is not known; did you mean "blrec"?
f:19:1: output[2].format: means nothing to an output with a preset, which makes its own request; remove it
f:20:1: output[2].template: means nothing to an output with a preset, which makes its own request; remove it
f:21:1: output[2].method: means nothing to an output with a preset, which makes its own request; remove it
f:27:1: output[3].method: means nothing to an output without a url; remove it
f:28:1: output[3].headers: means nothing to an output without a url; remove it
f:29:1: output[3].proxy: means nothing to an output without a url; remove it
f:30:1: output[3].debounce: means nothing to an output without on_change; remove it
f:34:1: output[4].format: means nothing to an output of commands alone; remove it
f:36:1: output[4].timeout: means nothing to an output of commands alone; remove it
f:37:1: output[4].owner: means nothing to an output without a path; remove it
`},
		{"formats", `
[[output]]
name = "a"
account = "main"
path = "/srv/a"
[[output]]
name = "b"
account = "main"
url = "https://example.net"
format = "template"
[[output]]
name = "c"
account = "main"
path = "/srv/c"
format = "header"
template = "x"
with_refresh_token = true
[[output]]
name = "d"
account = "main"
path = "/srv/d"
template = "{{.canary"
[[output]]
name = "e"
account = "main"
path = "/srv/../srv/d"
format = "blrek"
`, `
f:2:3: output[0].format: is missing; write format = "…", one of: bbdown, bili-sync, bilibili-api, bililive-go, bililive-recorder, biliup, blrec, cookiecloud, env, header, json, netscape, playwright, rsshub, rsshub-shell, rsshub-systemd, template, toolpro, yutto
f:6:3: output[1].template: is missing; write template = "{{cookie \"SESSDATA\"}}" or another Go template
f:16:1: output[2].template: means nothing to the format header; remove it, or write format = "template"
f:17:1: output[2].with_refresh_token: has no place in the format header; remove it
f:22:1: output[3].template: is no template: template: template:1: unclosed action; docs/outputs-and-tools.md shows what it can hold
f:26:1: output[4].path: is written by output d already; give each its own file
f:27:1: output[4].format: "blrek" is not known; did you mean "blrec"?
`},
		{"pushes", `
[[output]]
name = "a"
account = "main"
format = "header"
url = "http://192.168.1.2/canary"
method = "post"
content_type = "canary canary"
proxy = "ftp://canary@proxy"
timeout = "2h"
[[output]]
name = "b"
account = "main"
format = "header"
url = "https://169.254.169.254/canary"
content_type = "text/plain"
secret_file = "~/key"
[output.headers]
content-type = "text/plain"
Authorization = "canary"
authorization = "canary"
X-Line = "a\ncanary"
"X Y" = "canary"
Content-Length = "5"
[[output]]
name = "c"
account = "main"
preset = "blrec"
url = "http://127.0.0.1:2233"
proxy = "http://proxy:3128"
[[output]]
name = "d"
account = "main"
format = "header"
url = "ftp://example.net/canary"
headers = "canary"
`, `
f:36:1: output[3].headers: is a table, not a value; write headers = { Name = "value" }
`},
		{"pushes, their values", `
[[output]]
name = "a"
account = "main"
format = "header"
url = "http://192.168.1.2/canary"
method = "post"
content_type = "canary canary"
proxy = "ftp://canary@proxy"
timeout = "2h"
[[output]]
name = "b"
account = "main"
format = "header"
url = "https://169.254.169.254/canary"
content_type = "text/plain"
secret_file = "~/key"
[output.headers]
content-type = "text/plain"
Authorization = "canary"
authorization = "canary"
X-Line = "a\ncanary"
"X Y" = "canary"
Content-Length = "5"
[[output]]
name = "c"
account = "main"
preset = "blrec"
url = "http://127.0.0.1:2233"
proxy = "http://proxy:3128"
`, `
f:6:1: output[0].url: goes to a proxy in the clear, and it brings a credential; use https, leave the proxy out, or allow_http = true
f:7:1: output[0].method: "post" is not known; did you mean "POST"?
f:8:1: output[0].content_type: "canary canary" is no type of content; write "application/json"
f:9:1: output[0].proxy: is no proxy's URL; write "http://host:port" or "socks5://host:port"
f:10:1: output[0].timeout: 2h is too long; at most 1h
f:15:1: output[1].url: is an address that no credential is sent to; link-local, multicast and metadata addresses are refused; name another
f:17:1: output[1].secret_file: starts with "~", which only a shell understands; write the directory out
f:18:9: output[1].headers: "X Y" is no name of a header; use letters, digits and dashes
f:19:1: output[1].headers.content-type: is given beside content_type; remove one of them
f:20:1: output[1].headers.Authorization: is given beside secret_file; remove one of them
f:21:1: output[1].headers.authorization: is given twice, beside Authorization; remove one
f:22:1: output[1].headers.X-Line: holds a character that has no place in a header; remove it
f:24:1: output[1].headers.Content-Length: belongs to the connection; remove it
f:29:1: output[2].url: goes to a proxy in the clear, and it brings a credential; use https, leave the proxy out, or allow_http = true
`},
		{"commands, their form", `
[[output]]
name = "a"
account = "main"
on_change = "systemctl restart x"
[[output]]
name = "b"
account = "main"
on_change = ["a", 5]
[[output]]
name = "c"
account = "main"
on_change = [
  ["a"],
  "b",
]
[[output]]
name = "d"
account = "main"
on_change = [["a", ["b"]], [true]]
on_change_timeout = 30
`, `
f:5:1: output[0].on_change: must be a list; write ["program", "argument"], or [["program"], ["another"]] for several
f:9:19: output[1].on_change[1]: must be a text; put it in quotes
f:13:1: output[2].on_change: mixes words and lists; write ["program", "argument"], or [["program"], ["another"]] for several
f:20:21: output[3].on_change[0][1]: must be a text; put it in quotes
f:20:29: output[3].on_change[1][0]: must be a text; put it in quotes
f:21:1: output[3].on_change_timeout: must be a text; write "30m", "8h" or "2d"
`},
		{"commands, their words", `
[[output]]
name = "a"
account = "main"
on_change = [["true"], ["", "x"], [], ["~/bin/x"]]
on_change_timeout = "2h"
debounce = "61m"
[[output]]
name = "b"
account = "main"
on_change = ["systemctl restart x"]
[[output]]
name = "c"
account = "main"
on_change = ["/opt/my tools/restart"]
`, `
f:5:1: output[0].on_change[2]: names no program; write ["program", "argument"]
f:5:25: output[0].on_change[1]: names no program; write ["program", "argument"]
f:5:40: output[0].on_change[3]: starts with "~", which only a shell understands; write the directory out
f:6:1: output[0].on_change_timeout: 2h is too long; at most 1h
f:7:1: output[0].debounce: 1h1m is too long; at most 1h
f:11:1: output[1].on_change: looks like a line for a shell, and there is none; write ["program", "argument"], or ["sh", "-c", "…"]
`},
		{"serve", `
[page]
listen = "127.0.0.1:7331"
[serve]
listen = "0.0.0.0:7332"
[[serve.cookiecloud]]
uuid = "short"
crypto = "aes"
[[serve.cookiecloud]]
account = "*"
uuid = "canary-canary"
password_file = "~/x"
[[serve.cookiecloud]]
account = "main"
uuid = "canary-canary"
password_file = "x"
[serve.rsshub]
accounts = ["*"]
`, `
f:5:1: serve.listen: can be reached from other machines, and what is served is a credential; listen on "127.0.0.1:7332", or set allow_remote = true
f:6:9: serve.cookiecloud[0].account: is missing; write account = "…"
f:6:9: serve.cookiecloud[0].password_file: is missing; write password_file = "…"
f:7:1: serve.cookiecloud[0].uuid: is no uuid; use eight or more letters, digits, dashes and underscores
f:8:1: serve.cookiecloud[0].crypto: "aes" is not known; one of: legacy, aes-128-cbc-fixed
f:10:1: serve.cookiecloud[1].account: "*" is not a name; use letters, digits, dots, dashes and underscores, at most 64
f:12:1: serve.cookiecloud[1].password_file: starts with "~", which only a shell understands; write the directory out
f:15:1: serve.cookiecloud[2].uuid: is another entry's, too; give each its own
f:17:8: serve.rsshub.token_file: is missing; write token_file = "…"
f:18:13: serve.rsshub.accounts[0]: "*" is not a name; name each account; use letters, digits, dots, dashes and underscores, at most 64
`},
		{"an address that serves nothing", `
[serve]
listen = "127.0.0.1:7332"
`, `
f:3:1: serve.listen: has nothing to serve; add [[serve.cookiecloud]] or [serve.rsshub]
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse([]byte(tt.file), "f")
			if bad, ok := errors.AsType[*config.Error](err); !ok || bad.File != "f" {
				t.Fatalf("error is %v, want an *Error", err)
			}
			if diff := cmp.Diff(strings.TrimSpace(tt.want), err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for line := range strings.Lines(err.Error()) {
				if strings.Contains(line, "canary") && !strings.Contains(line, "content_type") {
					t.Errorf("a secret is in the error: %s", line)
				}
			}
		})
	}
}

const goodOutputs = `
[[output]]
name = "file"
account = "main"
template = "{{cookie \"SESSDATA\"}}"
path = "/srv/a"
on_change = ["systemctl", "try-restart", "recorder"]
[[output]]
name = "blrec"
account = "main"
preset = "blrec"
url = "http://127.0.0.1:2233"
[[output]]
name = "push"
account = "main"
format = "json"
url = "https://canary:canary@example.net:8443/canary?key=canary"
method = "PUT"
timeout = "5s"
proxy = "socks5://canary:canary@127.0.0.1:1080"
[output.headers]
X-Api-Key = "canary"
[[output]]
name = "commands"
account = "main"
on_change = [["a", "b"], ["c"]]
on_change_timeout = "1m"
debounce = "2s"
[serve]
listen = "127.0.0.1:7332"
[[serve.cookiecloud]]
account = "main"
uuid = "canary-canary"
password_file = "p"
[[serve.cookiecloud]]
account = "main"
uuid = "canary-canary-2"
password_file = "p"
crypto = "aes-128-cbc-fixed"
[serve.rsshub]
accounts = ["main"]
token_file = "t"
`

func TestGoodOutputs(t *testing.T) {
	c, err := parse([]byte(goodOutputs), "f")
	if err != nil {
		t.Fatal(err)
	}
	half := config.Duration(30 * time.Second)
	want := []config.Output{
		{Name: "file", Account: "main", Format: "template", Template: `{{cookie "SESSDATA"}}`, Path: "/srv/a", Mode: "0600", Timeout: half,
			OnChange: config.Commands{"systemctl", "try-restart", "recorder"}, OnChangeTimeout: half},
		{Name: "blrec", Account: "main", Preset: "blrec", URL: "http://127.0.0.1:2233", Timeout: half},
		{Name: "push", Account: "main", Format: "json", URL: "https://canary:canary@example.net:8443/canary?key=canary", Method: "PUT",
			Timeout: config.Duration(5 * time.Second), Proxy: "socks5://canary:canary@127.0.0.1:1080", Headers: map[string]string{"X-Api-Key": "canary"}},
		{Name: "commands", Account: "main", OnChange: config.Commands{[]any{"a", "b"}, []any{"c"}}, OnChangeTimeout: config.Duration(time.Minute), Debounce: config.Duration(2 * time.Second)},
	}
	if diff := cmp.Diff(want, c.Output); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i, want := range [][][]string{{{"systemctl", "try-restart", "recorder"}}, nil, nil, {{"a", "b"}, {"c"}}} {
		if diff := cmp.Diff(want, c.Output[i].OnChange.Argv()); diff != "" {
			t.Errorf("commands of %s: %s", c.Output[i].Name, diff)
		}
	}
	if len(c.Serve.CookieCloud) != 2 || c.Serve.RSSHub.TokenFile != "t" {
		t.Errorf("serve is %+v", c.Serve)
	}
}

// What is printed holds no secret, keeps its form, and can be read again.
func TestPrintedOutputs(t *testing.T) {
	c, err := parse([]byte(goodOutputs), "f")
	if err != nil {
		t.Fatal(err)
	}
	var text, document strings.Builder
	if err := errors.Join(c.Print(&text), c.PrintJSON(&document)); err != nil {
		t.Fatal(err)
	}
	if all := text.String() + document.String() + fmt.Sprintf("%v %+v %#v", c.Output, c.Output, c.Serve.CookieCloud) + fmt.Sprint(c.Warnings(Checks())); strings.Contains(all, "canary") {
		t.Errorf("a secret is in\n%s", all)
	}
	again, err := parse([]byte(text.String()), "printed")
	if err != nil {
		t.Fatalf("what was printed does not load: %v\n%s", err, text.String())
	}
	if diff := cmp.Diff(c.Masked().Output, again.Output, cmp.Comparer(func(a, b config.Commands) bool { return cmp.Equal(a.Argv(), b.Argv()) })); diff != "" {
		t.Errorf("(-printed +read)\n%s", diff)
	}
	if diff := cmp.Diff(c.Masked().Serve, again.Serve); diff != "" {
		t.Errorf("(-printed +read)\n%s", diff)
	}
	if !strings.Contains(document.String(), `"on_change":["systemctl","try-restart","recorder"]`) || !strings.Contains(document.String(), `"on_change":[["a","b"],["c"]]`) {
		t.Errorf("the commands are printed in another form: %s", document.String())
	}
	if c.Output[2].Headers["X-Api-Key"] != "canary" || c.Serve.CookieCloud[0].UUID != "canary-canary" {
		t.Error("printing changed the configuration")
	}
}

func TestOutputChanges(t *testing.T) {
	a, err := parse([]byte(goodOutputs), "f")
	if err != nil {
		t.Fatal(err)
	}
	if keys := a.Changes(a); len(keys) != 0 {
		t.Errorf("changed from itself: %v", keys)
	}
	b, err := parse([]byte(strings.NewReplacer(`X-Api-Key = "canary"`, `X-Api-Key = "other"`, `uuid = "canary-canary"`, `uuid = "canary-other"`, `["c"]`, `["d"]`).Replace(goodOutputs)), "f")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"output.commands", "output.push", "serve.cookiecloud"}, a.Changes(b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The files that outputs and the read listener name.
func TestOutputFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	dir := t.TempDir()
	tests := []struct {
		name, entry, file string
		mode              os.FileMode
		want              string // "" where it is fine
	}{
		{"a url", "preset = \"blrec\"\nurl_file = %q", "http://127.0.0.1:2233\n", 0o600, ""},
		{"a url in the clear", "preset = \"blrec\"\nurl_file = %q", "http://192.0.2.1/canary", 0o600, "output[0].url_file: FILE holds what goes to another machine in the clear"},
		{"two words", "preset = \"blrec\"\nurl_file = %q", "https://a/canary https://b", 0o600, "holds more than one word"},
		{"a key", "preset = \"blrec\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "canary\n", 0o600, ""},
		{"an open key", "preset = \"blrec\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "canary", 0o644, "output[0].secret_file: FILE is a world-readable secret"},
		{"no key", "preset = \"blrec\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "\n", 0o600, "is empty"},
		{"a key in quotes", "preset = \"blrec\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "\"canary\"", 0o600, "holds quotes around the secret"},
		{"a key with a blank", "preset = \"bili-sync\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "can ary", 0o600, "holds more than one word"},
		{"a key behind a byte order mark", "preset = \"blrec\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "\ufeffcanary\r\n", 0o600, ""},
		{"a header in quotes", "format = \"json\"\nurl = \"https://example.net\"\nsecret_file = %q", "'Bearer canary'", 0o600, "holds quotes around the secret"},
		{"a header", "format = \"json\"\nurl = \"https://example.net\"\nsecret_file = %q", "Bearer canary\n", 0o600, ""},
		{"a user and a password", "preset = \"bililive-recorder\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "user:can ary", 0o600, ""},
		{"a password alone", "preset = \"bililive-recorder\"\nurl = \"http://127.0.0.1\"\nsecret_file = %q", "canary", 0o600, `is no "user:password"`},
		{"CookieCloud's", "on_change = [\"true\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n[[serve.cookiecloud]]\naccount = \"main\"\nuuid = \"12345678\"\npassword_file = %q", "canary-canary\n", 0o600, ""},
		{"a short one", "on_change = [\"true\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n[[serve.cookiecloud]]\naccount = \"main\"\nuuid = \"12345678\"\npassword_file = %q", "canary", 0o600, "serve.cookiecloud[0].password_file: FILE holds a password of less than 12 characters"},
		{"RSSHub's", "on_change = [\"true\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n[serve.rsshub]\naccounts = [\"main\"]\ntoken_file = %q", "canary canary-canary", 0o600, "serve.rsshub.token_file: FILE holds more than one word"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, path := filepath.Join(dir, fmt.Sprintf("secret%d", i)), filepath.Join(dir, fmt.Sprintf("config%d.toml", i))
			write(t, file, tt.mode, tt.file)
			// Beside the configuration, so that the name alone is enough.
			write(t, path, 0o600, "[[output]]\nname = \"o\"\naccount = \"main\"\n"+fmt.Sprintf(tt.entry, filepath.Base(file))+"\n")
			c, err := load(path)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := output.Address(c.Output[0], config.ReadSecret); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(tt.want, "FILE", file)) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// A configuration that everybody can read may hold no secret.
func TestSecretsOfOutputsInline(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	for entry, want := range map[string]string{
		`url = "https://canary@example.net"`:                                         "output[0].url: may be a secret",
		`url = "https://example.net/?key=canary"`:                                    "output[0].url: may be a secret",
		`url = "https://example.net"` + "\n" + `headers = { X-Api-Key = "canary" }`:  "output[0].headers.X-Api-Key: may be a secret",
		`url = "https://example.net"` + "\n" + `proxy = "http://canary:canary@p:1"`:  "output[0].proxy: holds a secret",
		`url = "https://example.net/plain"` + "\n" + `headers = { X-Source = "me" }`: "",
	} {
		text := "[[output]]\nname = \"o\"\naccount = \"main\"\nformat = \"json\"\n" + entry + "\n"
		write(t, path, 0o644, text)
		_, err := load(path)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", entry, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")):
			t.Errorf("got %v, want %s", err, want)
		}
		write(t, path, 0o640, text)
		if _, err := load(path); err != nil {
			t.Errorf("in a closed file: %v", err)
		}
	}
}

func TestOutputWarnings(t *testing.T) {
	c, err := parse([]byte(`
[[output]]
name = "o"
account = "main"
format = "json"
url = "http://192.168.1.2/canary"
allow_http = true
with_refresh_token = true
[serve]
listen = "0.0.0.0:7332"
allow_remote = true
[serve.rsshub]
accounts = ["main"]
token_file = "t"
`), "f")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"output o goes out in the clear: whoever is on the way can read the credential",
		"output o hands out the refresh token: whoever uses it ends the keeper's session",
		"serve.listen can be reached from other machines, in the clear: put a proxy with TLS in front of it",
	}
	if diff := cmp.Diff(want, c.Warnings(Checks())); diff != "" {
		t.Error(diff)
	}
	c.Serve.Listen = ""
	if w := c.Warnings(Checks()); w[len(w)-1] != "serve.listen is not set: nothing of [serve] is served" {
		t.Errorf("%v", w)
	}
}
