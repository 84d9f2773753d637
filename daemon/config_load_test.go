package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/notify/desktop"
	"github.com/bilikeeper/bilikeeper/notify/post"
	"github.com/bilikeeper/bilikeeper/notify/webhook"
)

// Only hosts that are not the site's relax the limits that protect it.
func TestRelaxedLimits(t *testing.T) {
	const dense = `
[check]
schedule = "@every 1s"
confirm_after = "0s"
[login]
poll = "10ms"
remind = ["1s"]
[limits]
min_check_interval = "1s"
refreshes_per_hour = 1000
[endpoints]
`
	const local = "http://127.0.0.1:8080"
	tests := []struct {
		name      string
		endpoints []string
		relaxed   bool
	}{
		{"none", nil, false},
		{"passport alone", []string{"passport", local}, false},
		{"api alone", []string{"api", local}, false},
		{"both", []string{"passport", local, "api", local}, true},
		{"both with a slash", []string{"passport", local + "/", "api", local + "/"}, true},
		{"both and the rest", []string{"passport", local, "api", local, "www", local, "passport_intl", local}, true},
		{"a default spelt out", []string{"passport", local, "api", local, "www", "https://www.bilibili.com"}, true},
		{"another host of the site", []string{"passport", local, "api", local, "www", "https://m.bilibili.com"}, false},
		{"the bare domain", []string{"passport", local, "api", "https://bilibili.com"}, false},
		{"in capitals", []string{"passport", local, "api", "https://API.BILIBILI.COM"}, false},
		{"with the root's dot", []string{"passport", local, "api", "https://api.bilibili.com."}, false},
		{"with a port", []string{"passport", local, "api", "https://api.bilibili.com:443"}, false},
		{"international", []string{"passport", "https://passport.biliintl.com", "api", local}, false},
		{"of the apps", []string{"passport", local, "api", "https://app.biliapi.net"}, false},
		{"of the games", []string{"passport", local, "api", "https://api.biligame.net"}, false},
		{"alike", []string{"passport", "https://notbilibili.com", "api", "https://bilibili.com.example"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := dense
			for i := 0; i < len(tt.endpoints); i += 2 {
				file += tt.endpoints[i] + " = \"" + tt.endpoints[i+1] + "\"\n"
			}
			c, err := parse([]byte(file), "f")
			if (err == nil) != tt.relaxed {
				t.Fatalf("error is %v", err)
			}
			if err != nil {
				return
			}
			if !c.Endpoints.Relaxed() || strings.HasSuffix(c.Endpoints.API, "/") {
				t.Errorf("endpoints are %+v", c.Endpoints)
			}
			var printed strings.Builder
			if err := c.Print(&printed); err != nil {
				t.Fatal(err)
			}
			if _, err := parse([]byte(printed.String()), "printed"); err != nil {
				t.Errorf("what was printed does not load: %v", err)
			}
		})
	}
}

func TestParseFillsDefaults(t *testing.T) {
	c, err := parse([]byte("\xef\xbb\xbf"+`
login.remind = ["2d"]
check = { jitter = "0s" }
[[notify]]
name = "phone"
type = "desktop"
[[notify]]
name = "hook"
type = "webhook"
url = "http://[::1]:9/x"
events = ["*"]
accounts = ["main"]
[[output]]
name = "o"
account = "main"
format = "header"
path = "c.txt"
[[account]]
name = "main"
schedule = "@daily"
tags = ["media"]
`), "f")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Login.Remind = config.Remind{config.Duration(48 * time.Hour)}
	want.Check.Jitter = 0
	want.Notify = []config.Notify{
		{Name: "phone", Type: "desktop", Keys: new(desktop.Keys), Events: config.DefaultEvents(), Accounts: []string{"*"}},
		{Name: "hook", Type: "webhook", Keys: &webhook.Keys{Keys: post.Keys{URL: "http://[::1]:9/x"}}, Events: []string{"*"}, Accounts: []string{"main"}},
	}
	want.Output = []config.Output{{Name: "o", Account: "main", Format: "header", Path: "c.txt", Mode: "0600", Timeout: config.Duration(30 * time.Second)}}
	want.Accounts = []config.Account{{Name: "main", Schedule: "@daily", Tags: []string{"media"}}}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(config.Quiet{}), cmpopts.IgnoreUnexported(config.Notify{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	s, err := keeper.NewSettings(c)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Account("main"); a.Schedule != "@daily" || len(a.Tags) != 1 {
		t.Errorf("main is %+v", a)
	}
	if a := s.Account("other"); a.Name != "other" || a.Schedule != "" {
		t.Errorf("other is %+v", a)
	}
}

func TestDefaultIsValid(t *testing.T) {
	if problems := config.Default().Validate(Checks()); len(problems) > 0 {
		t.Error(problems)
	}
	if warnings := config.Default().Warnings(Checks()); len(warnings) > 0 {
		t.Error(warnings)
	}
	problems := config.Config{}.Validate(Checks())
	if len(problems) == 0 || problems[0].Line != 0 {
		t.Errorf("problems of nothing: %v", problems)
	}
	if text := (&config.Error{File: "f", Problems: problems[:1]}).Error(); !strings.HasPrefix(text, "f: ") {
		t.Errorf("without a line: %s", text)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if _, err := load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a named file that is missing: %v", err)
	}
	write(t, path, 0o600, "state_dir = \"state\"\n[[notify]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://example.net\"\nsecret_file = \"key\"\n")
	if _, err := load(path); err == nil || !strings.Contains(err.Error(), path+":6:1: notify[0].secret_file: "+filepath.Join(dir, "key")+" does not exist") {
		t.Errorf("a secret that is missing: %v", err)
	}
	write(t, filepath.Join(dir, "key"), 0o600, "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=\n")
	c, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.StateDir != filepath.Join(dir, "state") || key(c.Notify[0], "secret_file") != filepath.Join(dir, "key") {
		t.Errorf("paths are %q and %q", c.StateDir, key(c.Notify[0], "secret_file"))
	}
	if _, err := load(dir); err == nil {
		t.Error("a directory was read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(config.Example(Checks().Channels))
	for _, seed := range []string{
		"", "[check]\nschedule = \"TZ=\"\n", "notify = [{a = 1}]", "[[control.allow]]\nuser.x = 1", "[notify.x]",
		"[[notify]]\n[[notify.events]]", "login.remind = [[], \"1h\"]", "[\"\"]\n\"\" = 1", "[check.jitter]\n",
		"[endpoints]\napi = \"://%\"", "[login]\nquiet_hours = \"24:00-1:00\"", "check.jitter = \"36500d1h\"",
		"account = [{name = \"a\"}]\n[[account]]\nname = \"b\"", "[check]\nSchedule = \"@daily\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(data, "f")
		if err != nil {
			var bad *config.Error
			if !errors.As(err, &bad) || len(bad.Problems) == 0 {
				t.Fatalf("error is %v", err)
			}
			for _, p := range bad.Problems {
				if p.What == "" || p.Hint == "remove it" && p.Key == "" {
					t.Errorf("problem %+v", p)
				}
			}
			return
		}
		var printed strings.Builder
		if err := c.Print(&printed); err != nil {
			t.Fatal(err)
		}
		again, err := parse([]byte(printed.String()), "printed")
		if err != nil {
			t.Fatalf("what was printed does not load: %v\n%s", err, printed.String())
		}
		if keys := c.Masked().Changes(again); len(keys) > 0 {
			t.Errorf("changed by printing: %v\n%s", keys, printed.String())
		}
	})
}

func write(t *testing.T, path string, mode os.FileMode, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
