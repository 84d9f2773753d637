package config

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
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
			n := Notify{Name: "phone", Type: NotifyWebhook, SecretFile: path}
			got, err := n.Secrets()
			secrets := got.Signing
			if len(secrets) != tt.count {
				t.Errorf("%d secrets", len(secrets))
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if text := fmt.Sprint(err, secrets); strings.Contains(text, canary) || strings.Contains(text, good) {
				t.Errorf("a secret is in %q", text)
			}
		})
	}

	if secrets, err := (Notify{}).Secrets(); err != nil || !reflect.DeepEqual(secrets, Secrets{}) {
		t.Errorf("without a file: %v, %v", secrets, err)
	}
	if _, err := (Notify{SecretFile: dir}).Secrets(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
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
	n := Notify{Type: NotifyWebhook, SecretFile: filepath.Join(dir, "hook")}
	write(t, n.SecretFile, 0o440, "whsec_YWJjZGVmZ2hpamtsbW5vcA==")
	if _, err := n.Secrets(); err != nil {
		t.Error(err)
	}
	write(t, n.SecretFile, 0o644, "whsec_YWJjZGVmZ2hpamtsbW5vcA==")
	if _, err := n.Secrets(); err == nil {
		t.Error("everybody can read it")
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	c := Default()
	for i, url := range []string{
		"https://" + canary + ":" + canary + "@example.net:8443/" + canary + "?token=" + canary + "#" + canary,
		"https://example.net/?" + canary,
		"https://" + canary + "@example.net",
		"https://example.net/" + canary,
		canary + "://" + canary,
		"https://example.net/%zz" + canary,
		canary,
	} {
		c.Notify = append(c.Notify, Notify{Name: fmt.Sprint(i), Type: NotifyWebhook, URL: url, Events: []string{"*"}, Accounts: []string{"*"}})
	}
	c.Notify = append(c.Notify, Notify{Name: "plain", Type: NotifyWebhook, URL: "https://example.net/", Events: []string{"*"}, Accounts: []string{"*"}})
	invalid := c
	invalid.Endpoints.API = "https://" + canary + "@127.0.0.1/?" + canary
	invalid.Page.PublicURL = canary + "::"

	var text, document strings.Builder
	for _, c := range []Config{c, invalid} {
		if err := c.Print(&text); err != nil {
			t.Fatal(err)
		}
		if err := c.PrintJSON(&document); err != nil {
			t.Fatal(err)
		}
	}
	all := text.String() + document.String() + fmt.Sprintf("%v %+v %#v", c.Notify, c.Notify, c.Notify) + fmt.Sprint(c.Warnings())
	if strings.Contains(all, canary) {
		t.Errorf("a secret is in\n%s", all)
	}
	if c.Notify[3].URL != "https://example.net/"+canary {
		t.Error("printing changed the configuration")
	}

	text.Reset()
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	again, err := Parse([]byte(text.String()), "printed")
	if err != nil {
		t.Fatalf("what was printed does not load: %v", err)
	}
	for i, want := range []string{"https://example.net:8443/redacted", "https://example.net/redacted"} {
		if got := again.Notify[i].URL; got != want {
			t.Errorf("printed as %s, want %s", got, want)
		}
	}
	if got := again.Notify[len(again.Notify)-1].URL; got != "https://example.net/" {
		t.Errorf("printed as %s", got)
	}
}

func TestWarnings(t *testing.T) {
	c, err := Parse([]byte(`
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
	got := strings.Join(c.Warnings(), "\n")
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
