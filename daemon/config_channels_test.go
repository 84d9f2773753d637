package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func TestSecretsOfChannels(t *testing.T) {
	tests := []struct {
		name, kind, key, text string
		want                  string // of the error, "" for none
	}{
		{"a token", "telegram", "token_file", " " + canary + "\r\n", ""},
		{"two tokens", "telegram", "token_file", canary + "\n" + canary, "holds more than one word"},
		{"no token", "telegram", "token_file", "\n", "is empty"},
		{"a signature's key", "dingtalk", "secret_file", canary + "\n", ""},
		{"a client's token", "gotify", "client_token_file", canary, ""},
		{"a password", "email", "password_file", canary + "\n", ""},
		{"a password of two lines", "email", "password_file", canary + "\n" + canary + "\n", "more than one line"},
		{"no password", "email", "password_file", "\n", "is empty"},
		{"a URL", "discord", "url_file", "https://example.net/" + canary + "\n", ""},
		{"a URL in the clear", "discord", "url_file", "http://example.net/" + canary + "\n", "in the clear"},
		{"no URL", "wecom", "url_file", canary, "no http or https URL"},
		{"a URL of shoutrrr's", "shoutrrr", "url_file", "pushover://shoutrrr:" + canary + "@user", ""},
		{"none of shoutrrr's", "shoutrrr", "url_file", canary, "no shoutrrr URL"},
	}
	dir := t.TempDir()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, fmt.Sprint(i))
			write(t, path, 0o600, tt.text)
			n := channel(t, tt.kind, tt.key, path)
			s, err := secretsOf(n)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, s, s); strings.Contains(text, canary) {
				t.Errorf("a secret is in %q", text)
			}
			found := s[tt.key].Reveal()
			if tt.want == "" && found != strings.TrimSpace(tt.text) {
				t.Errorf("read %q", found)
			}
		})
	}
}

// A file that cannot be used is told with the line of the key that names it.
func TestLoadLooksAtChannelFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	write(t, path, 0o600, `[[notify]]
name = "a"
type = "telegram"
token_file = "token"
chat = "1"
[[notify]]
name = "b"
type = "discord"
url_file = "url"
`)
	write(t, filepath.Join(dir, "token"), 0o600, "")
	write(t, filepath.Join(dir, "url"), 0o600, canary)
	_, err := load(path)
	want := path + ":4:1: notify[0].token_file: " + filepath.Join(dir, "token") + " is empty; put the secret into it\n" +
		path + ":9:1: notify[1].url_file: " + filepath.Join(dir, "url") + ` holds what is no http or https URL; write "https://host/path"`
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
}

func TestInlineSecrets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	discord := "type = \"discord\"\nurl = \"https://example.net/" + canary + "\"\n"
	gotify := "type = \"gotify\"\ntoken_file = \"token\"\n"
	tests := []struct {
		name, entry string
		mode        os.FileMode
		want        string
	}{
		{"everybody reads the URL", discord, 0o644, ":4:1: notify[0].url: is a secret, and everybody can read this file; put it into url_file"},
		{"the group reads it", discord, 0o640, ""},
		{"nobody else reads it", discord, 0o600, ""},
		{"a shoutrrr URL", "type = \"shoutrrr\"\nurl = \"pushover://x:" + canary + "@u\"\n", 0o644, ":4:1: notify[0].url"},
		{"a server's URL", gotify + "url = \"https://example.net\"\n", 0o644, ""},
		{"a server's URL with a password", gotify + "url = \"https://u:" + canary + "@example.net\"\n", 0o644, ":5:1: notify[0].url"},
		{"a webhook", "type = \"webhook\"\nurl = \"https://example.net/hook\"\n", 0o644, ""},
		{"a proxy", gotify + "url = \"https://example.net\"\nproxy = \"socks5://127.0.0.1:1080\"\n", 0o644, ""},
		{"a proxy with a password", gotify + "url = \"https://example.net\"\nproxy = \"socks5://u:" + canary + "@127.0.0.1:1080\"\n", 0o644,
			":6:1: notify[0].proxy: holds a secret, and everybody can read this file; run chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "token"), 0o600, "token")
			path := filepath.Join(dir, "config.toml")
			write(t, path, tt.mode, "[[notify]]\nname = \"a\"\n"+tt.entry)
			_, err := load(path)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

func TestPrintHidesWhatChannelsHold(t *testing.T) {
	c := config.Default()
	for i, n := range []config.Notify{
		channel(t, "shoutrrr", "url", "generic+https://"+canary+"@example.net/"+canary),
		channel(t, "ntfy", "topic", canary, "url", "https://"+canary+"@ntfy.example.net"),
		channel(t, "discord", "url", "https://example.net/"+canary, "proxy", "socks5://"+canary+":"+canary+"@127.0.0.1:1080"),
		channel(t, "discord", "url", "https://example.net/"+canary, "proxy", "http://proxy.example.net:3128"),
	} {
		n.Name = fmt.Sprint(i)
		c.Notify = append(c.Notify, n)
	}
	var text strings.Builder
	if err := c.Print(&text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), canary) {
		t.Errorf("a secret is in\n%s", text.String())
	}
	again, err := parse([]byte(text.String()), "printed")
	if err != nil {
		t.Fatalf("what was printed does not load: %v", err)
	}
	got := []string{key(again.Notify[0], "url"), key(again.Notify[1], "url"), key(again.Notify[1], "topic"), key(again.Notify[2], "proxy"), key(again.Notify[3], "proxy")}
	want := []string{"generic+https://redacted", "https://ntfy.example.net/redacted", "redacted", "socks5://127.0.0.1:1080", "http://proxy.example.net:3128"}
	if !slices.Equal(got, want) {
		t.Errorf("printed as %q, want %q", got, want)
	}
}

func TestWarnsOfEventsThatNeverCome(t *testing.T) {
	c := config.Default()
	n := channel(t, "desktop")
	n.Name, n.Events = "a", []string{"login.code", "notify.failed"}
	c.Notify = []config.Notify{n}
	w := c.Warnings(Checks())
	if len(w) != 1 || !strings.HasPrefix(w[0], "notify a is never told notify.failed") {
		t.Errorf("warnings are %q", w)
	}
}
