package daemon

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

const canary = "canary-7f3a"

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	good := "whsec_" + base64.StdEncoding.EncodeToString([]byte(canary+" and so many bytes more"))
	tests := []struct {
		name, text string
		mode       os.FileMode
		count      int
		want       string
	}{
		{"one", good + "\n", 0o600, 1, ""},
		{"read only", good, 0o400, 1, ""},
		{"two while one is replaced", good + "\r\n" + good + "\r\n", 0o600, 2, ""},
		{"everybody's", good, 0o604, 0, "is a world-readable secret (mode 0604); run chmod 600 on it"},
		{"the group's", good, 0o640, 0, "is open to others than its owner (mode 0640); run chmod 600 on it"},
		{"writable by the group", good, 0o620, 0, "is open to others"},
		{"empty", " \n", 0o600, 0, "is empty"},
		{"no prefix", strings.TrimPrefix(good, "whsec_"), 0o600, 0, "is no secret"},
		{"no base64", "whsec_" + canary + "!", 0o600, 0, "is no secret"},
		{"nothing behind the prefix", "whsec_", 0o600, 0, "is no secret"},
		{"one good, one bad", good + "\n" + canary, 0o600, 0, "is no secret"},
		{"endless", strings.Repeat(good+"\n", 2000), 0o600, 0, "far too long"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.mode&0o077 != 0 {
				t.Skip("no mode bits")
			}
			path := filepath.Join(dir, fmt.Sprint(i))
			write(t, path, tt.mode, tt.text)
			n := channel(t, "webhook", "secret_file", path)
			got, err := secretsOf(n)
			secrets := strings.Fields(got["secret_file"].Reveal())
			if len(secrets) != tt.count {
				t.Errorf("%d secrets", len(secrets))
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if text := fmt.Sprint(err, got); strings.Contains(text, canary) || strings.Contains(text, good) {
				t.Errorf("a secret is in %q", text)
			}
		})
	}

	if secrets, err := secretsOf(channel(t, "webhook")); err != nil || len(secrets) != 0 {
		t.Errorf("without a file: %v, %v", secrets, err)
	}
	if _, err := secretsOf(channel(t, "webhook", "secret_file", dir)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// systemd opens a credential to the service by an access list; the mask of the
// list shows up in the group's bits.
func TestSecretFromTheServiceManager(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	n := channel(t, "webhook", "secret_file", filepath.Join(dir, "hook"))
	write(t, filepath.Join(dir, "hook"), 0o440, "whsec_YWJjZGVmZ2hpamtsbW5vcA==")
	if _, err := secretsOf(n); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "hook"), 0o644, "whsec_YWJjZGVmZ2hpamtsbW5vcA==")
	if _, err := secretsOf(n); err == nil {
		t.Error("everybody can read it")
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	c := config.Default()
	for i, url := range []string{
		"https://" + canary + ":" + canary + "@example.net:8443/" + canary + "?token=" + canary + "#" + canary,
		"https://example.net/?" + canary,
		"https://" + canary + "@example.net",
		"https://example.net/" + canary,
		canary + "://" + canary,
		"https://example.net/%zz" + canary,
		canary,
	} {
		n := channel(t, "webhook", "url", url)
		n.Name = fmt.Sprint(i)
		c.Notify = append(c.Notify, n)
	}
	c.Notify = append(c.Notify, channel(t, "webhook", "url", "https://example.net/"))
	c.Heartbeat.URL = "https://hc.example.net/" + canary
	c.Accounts = []config.Account{{Name: "main", Proxy: "socks5://" + canary + ":" + canary + "@127.0.0.1:1080"}}
	invalid := c
	invalid.Endpoints.API = "https://" + canary + "@127.0.0.1/?" + canary
	invalid.Page.PublicURL = canary + "::"

	var text, document strings.Builder
	for _, c := range []config.Config{c, invalid} {
		if err := c.Print(&text); err != nil {
			t.Fatal(err)
		}
		if err := c.PrintJSON(&document); err != nil {
			t.Fatal(err)
		}
	}
	all := text.String() + document.String() + fmt.Sprintf("%v %+v %#v", c.Notify, c.Notify, c.Notify) + fmt.Sprint(c.Warnings(Checks()))
	if strings.Contains(all, canary) {
		t.Errorf("a secret is in\n%s", all)
	}
	if key(c.Notify[3], "url") != "https://example.net/"+canary {
		t.Error("printing changed the configuration")
	}

	text.Reset()
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	again, err := parse([]byte(text.String()), "printed")
	if err != nil {
		t.Fatalf("what was printed does not load: %v", err)
	}
	if again.Heartbeat.URL != "https://hc.example.net/redacted" || again.Accounts[0].Proxy != "socks5://127.0.0.1:1080" {
		t.Errorf("printed as %s and %s", again.Heartbeat.URL, again.Accounts[0].Proxy)
	}
	for i, want := range []string{"https://example.net:8443/redacted", "https://example.net/redacted"} {
		if got := key(again.Notify[i], "url"); got != want {
			t.Errorf("printed as %s, want %s", got, want)
		}
	}
	if got := key(again.Notify[len(again.Notify)-1], "url"); got != "https://example.net/" {
		t.Errorf("printed as %s", got)
	}
}

func TestWarnings(t *testing.T) {
	c, err := parse([]byte(`
[check]
schedule = "@every 20m"
[login]
sms_api = "legacy"
[page]
listen = "127.0.0.1:7331"
[endpoints]
api = "http://mirror.example"
[[notify]]
name = "hook"
type = "webhook"
url = "http://example.net/`+canary+`"
allow_http = true
[[output]]
name = "o"
account = "main"
format = "header"
path = "/srv/c.txt"
`), "f")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.Warnings(Checks()), "\n")
	want := strings.Join([]string{
		"page.public_url is not set: messages carry no link to the login page",
		"check.jitter (30m) is longer than the time between two checks (about 20m)",
		"endpoints.api is reached in the clear: whoever is on the way can read the credentials",
		"notify hook goes out in the clear: whoever is on the way can read the login codes",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the configuration holds of secrets itself must not be for everybody to read.
func TestInlineSecretsOfTheKeeper(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	for text, want := range map[string]string{
		"[heartbeat]\nurl = \"https://hc.example.net/" + canary + "\"\n":                                     "heartbeat.url: is a secret",
		"[[account]]\nname = \"main\"\nproxy = \"http://" + canary + ":" + canary + "@proxy.example.net\"\n": "account[0].proxy: holds a secret",
	} {
		for _, mode := range []os.FileMode{0o644, 0o600} {
			_ = os.Remove(path)
			write(t, path, mode, text)
			_, err := config.Load(path, Checks())
			if mode == 0o600 && err != nil || mode == 0o644 && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary)) {
				t.Errorf("%o: %v", mode, err)
			}
		}
	}
}
