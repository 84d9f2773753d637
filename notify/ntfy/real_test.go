//go:build ntfy

package ntfy

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// published is what a subscriber gets.
type published struct {
	ID         string
	Event      string
	Title      string
	Message    string
	Priority   int
	Click      string
	SequenceID string `json:"sequence_id"`
	Actions    []struct{ Action, Label, URL string }
	Attachment struct{ Name, Type, URL string }
}

// realServer runs an ntfy server and returns its address.
func realServer(t *testing.T, attachments bool) string {
	t.Helper()
	dir, address := t.TempDir(), porttest.Address(t)
	config := "listen-http: " + address + "\nbase-url: http://" + address + "\ncache-file: " + filepath.Join(dir, "cache.db") + "\n"
	if attachments {
		config += "attachment-cache-dir: " + filepath.Join(dir, "attachments") + "\n"
	}
	file := filepath.Join(dir, "server.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	notifytest.Serve(t, address, nil, "ntfy", "serve", "--config", file)
	return "http://" + address
}

func polled(t *testing.T, base string) (all []published) {
	t.Helper()
	resp, err := http.Get(base + "/" + topic + "/json?poll=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var p published
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestRealServer(t *testing.T) {
	base := realServer(t, true)
	c, err := New(Config{URL: base, Topic: secret.New(topic), OpenLabel: "打开"})
	if err != nil {
		t.Fatal(err)
	}
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	receipt, err := c.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	got := polled(t, base)
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	p, link := got[0], m.Login.URL.Reveal()
	if p.Title != m.Title || p.Message != m.Text+"\n"+link || p.Priority != 4 || p.Click != link ||
		len(p.Actions) != 1 || p.Actions[0].Label != "打开" || p.Actions[0].URL != link || p.Attachment.Name != "qr.png" {
		t.Errorf("it arrived as %+v", p)
	}
	resp, err := http.Get(p.Attachment.URL)
	if err != nil {
		t.Fatal(err)
	}
	picture, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(picture) != string(m.Login.PNG) {
		t.Errorf("the picture arrived as %q", picture)
	}
	if p.SequenceID == "" {
		t.Log("this server does not know sequences")
		if receipt.Handle != "" {
			t.Errorf("a handle that leads to nothing: %q", receipt.Handle)
		}
		return
	}
	if _, err := c.Replace(t.Context(), m, receipt.Handle); err != nil {
		t.Errorf("replace: %v", err)
	}
	if err := c.Retract(t.Context(), receipt.Handle); err != nil {
		t.Errorf("retract: %v", err)
	}
	for _, p := range polled(t, base) {
		if p.SequenceID != string(receipt.Handle) {
			t.Errorf("another sequence: %+v", p)
		}
	}
}

func TestRealServerWithoutAttachments(t *testing.T) {
	base := realServer(t, false)
	c, err := New(Config{URL: base, Topic: secret.New(topic)})
	if err != nil {
		t.Fatal(err)
	}
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text := notify.Message{ID: "msg_1", Type: "login.succeeded", Title: "main: logged in", Text: strings.Repeat("长", 3000)}
	if _, err := c.Send(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	got := polled(t, base)
	if len(got) != 2 || !strings.HasSuffix(got[0].Message, m.Login.URL.Reveal()) || !strings.HasSuffix(got[1].Message, "…") || got[1].Priority == 4 {
		t.Errorf("%+v", got)
	}
}
