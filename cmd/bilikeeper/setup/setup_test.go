package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/notify/channels"
)

func hintOf(err error) string {
	if f, ok := errors.AsType[*cli.Failure](err); ok {
		return f.Hint.String()
	}
	return ""
}

// bench is a setup with a configuration of its own and a service manager that
// notes what it is told.
type bench struct {
	*setup
	dir    string
	said   bytes.Buffer
	asked  []string
	config string
}

func newBench(t *testing.T, o options, answers string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	b.config = filepath.Join(b.dir, "etc", "config.toml")
	vars := map[string]string{"BILIKEEPER_CONFIG": b.config, "BILIKEEPER_STATE_DIR": filepath.Join(b.dir, "state"), "BILIKEEPER_SOCKET": filepath.Join(b.dir, "s"), "HOME": b.dir}
	env := &cli.Env{Stdin: strings.NewReader(answers), Stdout: &b.said, Stderr: &b.said, Getenv: func(name string) string { return vars[name] }}
	parts := Parts{
		Service: func(*cli.Env, bool) (string, bool, error) { return "", false, nil },
		Login:   func(context.Context, *cli.Env, string, string) error { return nil },
	}
	b.setup = &setup{env: env, parts: parts, o: o, person: newPerson(env, o.yes), dropIns: filepath.Join(b.dir, "bilikeeper.service.d")}
	return b
}

func (b *bench) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatalf("%v; it said:\n%s", err, b.said.String())
	}
	return string(text)
}

// Answers on standard input do what flags do.
func TestAnswers(t *testing.T) {
	b := newBench(t, options{}, "none\ntelegram\nphone\nthe-token\n100200300\n\n\n\nyt-dlp\nout/cookies.txt\nrec\n")
	t.Chdir(b.dir)
	if err := b.run(t.Context()); err != nil {
		t.Fatalf("%v; it said:\n%s", err, b.said.String())
	}
	want := firstLines + `
[[notify]]
name = "phone"
type = "telegram"
token_file = "phone.token"
chat = "100200300"

[[output]]
name = "yt-dlp"
account = "rec"
format = "netscape"
path = "` + filepath.Join(b.dir, "out", "cookies.txt") + `"
`
	if got := b.text(t); got != want {
		t.Errorf("the configuration is\n%s", got)
	}
	secret := filepath.Join(b.dir, "etc", "phone.token")
	if text, err := os.ReadFile(secret); err != nil || string(text) != "the-token\n" {
		t.Errorf("%q, %v", text, err)
	}
	for _, path := range []string{secret, b.config} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	if strings.Contains(b.said.String(), "the-token") {
		t.Error("it says the secret")
	}
	if !strings.Contains(b.said.String(), "yt-dlp --cookies "+filepath.Join(b.dir, "out", "cookies.txt")+" URL\n") {
		t.Errorf("it ends with\n%s", b.said.String())
	}
}

// Enter takes what is in brackets, and a wrong answer is asked for again.
func TestEnterTakesTheDefault(t *testing.T) {
	b := newBench(t, options{}, "yours\n\n\n\n")
	b.o.noService = true
	if err := b.run(t.Context()); err != nil {
		t.Fatalf("%v; it said:\n%s", err, b.said.String())
	}
	if _, err := os.Stat(b.config); err == nil {
		t.Error("it wrote a configuration")
	}
	if !strings.Contains(b.said.String(), `"yours" is none of them`) {
		t.Errorf("it said\n%s", b.said.String())
	}
}

func TestNobodyAnswers(t *testing.T) {
	b := newBench(t, options{}, "")
	if err := b.run(t.Context()); err == nil || !strings.Contains(hintOf(err), "--yes") {
		t.Errorf("got %v", err)
	}
}

// What flags cannot mean is refused before anything is done.
func TestFlags(t *testing.T) {
	tests := []struct {
		o    options
		want string
	}{
		{options{channel: "telegram", noChannel: true}, "cannot both"},
		{options{keeper: "mine"}, "not known"},
		{options{channelSet: []string{"a=b"}}, "no channel"},
		{options{channel: "webhook", channelSet: []string{"url"}}, "no key"},
	}
	for _, tt := range tests {
		if err := tt.o.check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.o, err)
		}
	}
	for _, o := range []options{
		{channel: "pigeon"}, {channel: "telegram", channelSet: []string{"chat=1"}}, {channel: "webhook", channelSet: []string{"url=ftp://x"}},
		{channel: "ntfy", channelSet: []string{"topic=x", "colour=red"}}, {output: "yt-dlp"}, {output: "nothing=/x"}, {output: "blrec=/x"},
		{output: "yt-dlp=http://127.0.0.1/"}, {channel: "telegram", channelSet: []string{"chat=1", "token_file=/no/such/file"}},
	} {
		o.yes, o.noService, o.keeper = true, true, kindUser
		b := newBench(t, o, "")
		if err := b.run(t.Context()); b.env.Code(err) != cli.ExitUsage {
			t.Errorf("%+v: %v", o, err)
		}
		if _, err := os.Stat(b.config); err == nil {
			t.Errorf("%+v wrote %s", o, b.text(t))
		}
	}
}

// A secret that is read from standard input, twice the same: nothing is doubled,
// and another one takes its place.
func TestSecretFromStandardInput(t *testing.T) {
	o := options{yes: true, noService: true, keeper: kindUser, channel: "wecom", channelSet: []string{"url_file=-"}}
	const first, second = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=one\n", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=two\n"
	b := newBench(t, o, first)
	for _, secret := range []string{first, first, second} {
		b.person.in.Reset(strings.NewReader(secret))
		if err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(b.dir, "etc", "wecom.url")); err != nil || string(text) != secret {
			t.Errorf("%q, %v", text, err)
		}
	}
	if got := b.text(t); strings.Count(got, "[[notify]]") != 1 || strings.Contains(got, "qyapi") {
		t.Errorf("the configuration is\n%s", got)
	}
	if entries, _ := os.ReadDir(filepath.Join(b.dir, "etc")); len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
}

// The machine's service gets its secrets from systemd.
func TestConfinedService(t *testing.T) {
	o := options{yes: true, keeper: kindSystem, channel: "telegram", channelSet: []string{"chat=100", "token_file=-"}}
	b := newBench(t, o, "the-token\n")
	b.parts.Service = func(*cli.Env, bool) (string, bool, error) { return cli.Systemd, false, nil }
	b.kind, b.person.yes = kindSystem, true
	b.lookAtService()
	if err := b.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (channelStep{b.setup}).add(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.text(t); !strings.Contains(got, `token_file = "/run/credentials/bilikeeper.service/telegram.token"`) {
		t.Errorf("the configuration is\n%s", got)
	}
	secret := filepath.Join(b.dir, "etc", "telegram.token")
	text, err := os.ReadFile(filepath.Join(b.dropIns, "credential-telegram.token.conf"))
	if err != nil || string(text) != "[Service]\nLoadCredential=telegram.token:"+secret+"\n" {
		t.Errorf("%q, %v", text, err)
	}
	for path, mode := range map[string]os.FileMode{secret: 0o600, b.config: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	if !b.restart || !b.reexamine {
		t.Error("the service would not see it")
	}
}

// The machine's service is let into the directory of an output, with the group that
// shares it.
func TestConfinedOutput(t *testing.T) {
	for _, tt := range []struct {
		mode   os.FileMode
		shares bool
		want   string // of the file
	}{
		{0o755, false, ""},
		{0o770, true, ""},
		{0o770 | os.ModeSetgid, true, "0640"},
	} {
		b := newBench(t, options{}, "")
		b.parts.Service = func(*cli.Env, bool) (string, bool, error) { return cli.Systemd, true, nil }
		b.kind = kindSystem
		b.lookAtService()
		dir := filepath.Join(b.dir, "media")
		err := os.Mkdir(dir, 0o700)
		if os.Geteuid() == 0 {
			err = errors.Join(err, os.Chown(dir, -1, 64103)) // root's own group shares nothing
		}
		if err := errors.Join(err, os.Chmod(dir, tt.mode)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		group, want := groupThatWrites(info), "[Service]\nReadWritePaths="+dir+"\n"
		if (group != "") != tt.shares {
			t.Skipf("%s: the group is %q, and cannot be chosen here", tt.mode, group)
		}
		if tt.shares {
			want += "SupplementaryGroups=" + group + "\n"
		}
		at, mode, err := outputStep{b.setup}.place(filepath.Join(dir, "cookies.txt"))
		if err != nil || at != filepath.Join(dir, "cookies.txt") || mode != tt.want {
			t.Errorf("%s: %s, mode %q, %v", tt.mode, at, mode, err)
		}
		name := "output-" + plainName(strings.Trim(dir, "/")) + ".conf"
		if text, err := os.ReadFile(filepath.Join(b.dropIns, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", tt.mode, text, err)
		}
	}
}

// The service is installed and started only where that is wanted and can be.
func TestService(t *testing.T) {
	tests := []struct {
		name             string
		o                options
		manager          string
		runs, keeper     bool
		want             []string
		failure, message string
	}{
		{"none", options{yes: true}, "", false, false, nil, "", "No service manager"},
		{"refused", options{noService: true}, cli.Systemd, false, false, nil, "", ""},
		{"runs", options{yes: true}, cli.Systemd, true, true, nil, "", "The service runs"},
		{"another keeper", options{yes: true}, cli.Systemd, false, true, nil, "", ""},
		{"another keeper, asked for", options{yes: true, service: true}, cli.Systemd, false, true, nil, "not the service", ""},
		{"no manager, asked for", options{yes: true, service: true}, "", false, false, nil, "no service manager", ""},
		{"installed", options{yes: true}, cli.Systemd, false, false, []string{"install", "start"}, "", ""},
		{"fallback", options{yes: true}, fallbackManager, false, false, nil, "", "No service manager"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.o, "")
			stop := errors.New("started")
			b.parts.Service = func(*cli.Env, bool) (string, bool, error) { return tt.manager, tt.runs, nil }
			b.parts.Install = func(*cli.Env, bool) error { b.asked = append(b.asked, "install"); return nil }
			b.parts.Control = func(_ *cli.Env, action string, _ bool) error { b.asked = append(b.asked, action); return stop }
			b.kind, b.running = kindUser, tt.keeper
			b.env.Getenv = func(string) string { return "" }
			b.lookAtService()
			err := b.startService(t.Context())
			if errors.Is(err, stop) {
				err = nil
			}
			if !slices.Equal(b.asked, tt.want) || (err != nil) != (tt.failure != "") || err != nil && !strings.Contains(err.Error(), tt.failure) {
				t.Errorf("it did %q: %v", b.asked, err)
			}
			if !strings.Contains(b.said.String(), tt.message) {
				t.Errorf("it said %q", b.said.String())
			}
		})
	}
}

// Every type has keys that a person can be asked for, and its needs are among them.
func TestKeysOfEveryType(t *testing.T) {
	for _, kind := range channels.Kinds() {
		var names []string
		for _, k := range keysOf(kind) {
			names = append(names, k.name)
		}
		for _, need := range kind.Needs {
			if !slices.ContainsFunc(strings.Split(need, "|"), func(name string) bool { return slices.Contains(names, name) }) {
				t.Errorf("%s needs %s and asks for %q", kind.Name, need, names)
			}
		}
	}
}
