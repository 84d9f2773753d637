package alert

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/channels"
	"github.com/bilikeeper/bilikeeper/notify/telegram"
)

const allChannels = `
[[notify]]
name = "webhook"
type = "webhook"
url = "https://user:canary@example.net/canary"
secret_file = "signing"
proxy = "http://127.0.0.1:3128"
[[notify]]
name = "desktop"
type = "desktop"
[[notify]]
name = "email"
type = "email"
host = "smtp.example.net"
user = "keeper@example.net"
password_file = "word"
from = "keeper@example.net"
to = ["you@example.net"]
[[notify]]
name = "telegram"
type = "telegram"
token_file = "telegram"
chat = "-100200300"
topic = "7"
proxy = "socks5://user:canary@127.0.0.1:1080"
[[notify]]
name = "wecom"
type = "wecom"
url_file = "url"
mention = ["@all"]
[[notify]]
name = "discord"
type = "discord"
url = "https://example.net/canary"
[[notify]]
name = "ntfy"
type = "ntfy"
topic = "canary"
token_file = "word"
[[notify]]
name = "onebot"
type = "onebot"
url = "http://127.0.0.1:3000"
token_file = "word"
group_id = 10020030040
[[notify]]
name = "bark"
type = "bark"
token_file = "word"
[[notify]]
name = "serverchan"
type = "serverchan"
token_file = "serverchan"
[[notify]]
name = "pushplus"
type = "pushplus"
token_file = "word"
topic = "family"
[[notify]]
name = "gotify"
type = "gotify"
url = "https://gotify.example.net"
token_file = "word"
client_token_file = "word"
[[notify]]
name = "dingtalk"
type = "dingtalk"
url_file = "url"
secret_file = "word"
[[notify]]
name = "feishu"
type = "feishu"
url_file = "url"
secret_file = "word"
[[notify]]
name = "shoutrrr"
type = "shoutrrr"
url_file = "bridge"
[[notify]]
name = "command"
type = "command"
command = ["/bin/true"]
`

func secretsOfAllChannels() map[string]string {
	return map[string]string{
		"signing":    "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5\n",
		"word":       "canary0123456789abcdef\n",
		"telegram":   "123456:canary0123456789\n",
		"url":        "https://example.net/robot?key=canary\n",
		"serverchan": "SCTcanary0123456789\n",
		"bridge":     "gotify://example.net/canary012345678\n",
	}
}

// loadChannels reads a configuration and the files beside it.
func loadChannels(t *testing.T, text string, files map[string]string) (config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, config.Checks{Channels: channels.Kinds()})
}

func TestChannelOfEachType(t *testing.T) {
	c, err := loadChannels(t, allChannels, secretsOfAllChannels())
	if err != nil {
		t.Fatal(err)
	}
	built := make(map[string]bool)
	for _, n := range c.Notify {
		channel, err := newChannel(n, config.ReadSecret, notify.Setup{Version: "1.2.3", OpenLabel: "Show the code"})
		if err != nil {
			t.Error(err)
			continue
		}
		if text := fmt.Sprintf("%v %+v", channel, channel); n.Type != "desktop" && strings.Contains(text, "canary") {
			t.Errorf("%s prints as %s", n.Type, text)
		}
		if closer, ok := channel.(io.Closer); ok {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
		built[n.Type] = true
	}
	for _, kind := range channels.Kinds() {
		if name := kind.Name; !built[name] {
			t.Errorf("no %s channel was made", name)
		}
	}
}

// What only the channel itself can judge is told without the secret, and is one
// error.
func TestChannelThatCannotBeMade(t *testing.T) {
	c, err := loadChannels(t, allChannels, secretsOfAllChannels())
	if err != nil {
		t.Fatal(err)
	}
	spoilt := map[string]string{
		"telegram": "canary", "word": "canary!", "serverchan": "canary", "bridge": "canary://canary",
	}
	for name, text := range spoilt {
		if err := os.WriteFile(filepath.Join(filepath.Dir(c.Notify[3].Keys.(*telegram.Keys).TokenFile), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.Notify {
		channel, err := newChannel(n, config.ReadSecret, notify.Setup{})
		switch n.Type {
		case "telegram", "bark", "serverchan", "pushplus", "shoutrrr":
			if err == nil || channel != nil {
				t.Errorf("a %s channel was made", n.Type)
				continue
			}
			if strings.Contains(err.Error(), "canary") || Check(n, config.ReadSecret) == nil {
				t.Errorf("error is %v", err)
			}
		default:
			if err != nil {
				t.Error(err)
			}
		}
	}

	if err := os.Remove(c.Notify[3].Keys.(*telegram.Keys).TokenFile); err != nil {
		t.Fatal(err)
	}
	_, err = newChannel(c.Notify[3], config.ReadSecret, notify.Setup{})
	want := "token_file: " + c.Notify[3].Keys.(*telegram.Keys).TokenFile + " does not exist; make it, or remove the key"
	if err == nil || errors.Unwrap(err) == nil || err.Error() != want {
		t.Errorf("error is %v", err)
	}
}
