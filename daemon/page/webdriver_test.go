//go:build browser

package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/notify/qr/qrtest"
)

// browserPatience bounds every wait for the browser. The machine may be busy.
const browserPatience = 20 * time.Second

// chromium is a real browser, driven by the WebDriver protocol.
type chromium struct {
	t       *testing.T
	session string
}

// newBrowser starts a browser with a profile of its own.
func newBrowser(t *testing.T) *chromium {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("chromedriver is not installed")
	}
	port := porttest.Free(t)
	cmd := exec.Command(driver, fmt.Sprintf("--port=%d", port))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &chromium{t: t, session: fmt.Sprintf("http://127.0.0.1:%d", port)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b.wait("the driver", func() bool {
		answer, err := http.Get(b.session + "/status")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == 200
	})
	var made struct {
		SessionID string `json:"sessionId"`
	}
	b.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome", "goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{"args": []string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1280,1000",
			"--user-data-dir=" + t.TempDir()}}}}}, &made)
	b.session += "/session/" + made.SessionID
	t.Cleanup(func() { b.call("DELETE", "", nil, nil) })
	return b
}

// call sends a command; its value goes to out.
func (b *chromium) call(method, path string, body, out any) {
	b.t.Helper()
	if err := b.try(method, path, body, out); err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (b *chromium) try(method, path string, body, out any) error {
	var data []byte
	if method == "POST" {
		if body == nil {
			body = struct{}{}
		}
		data, _ = json.Marshal(body)
	}
	r, err := http.NewRequest(method, b.session+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var got struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return err
	}
	if answer.StatusCode != 200 {
		return fmt.Errorf("%s: %.300s", answer.Status, got.Value)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(got.Value, out)
}

func (b *chromium) open(address string) {
	b.t.Helper()
	b.call("POST", "/url", map[string]string{"url": address}, nil)
}

// js evaluates the body of a function.
func (b *chromium) js(script string) string {
	b.t.Helper()
	var out any
	b.call("POST", "/execute/sync", map[string]any{"script": script, "args": []any{}}, &out)
	return fmt.Sprint(out)
}

// cdp is a command of Chromium's own protocol.
func (b *chromium) cdp(command string, parameters map[string]any, out any) {
	b.t.Helper()
	b.call("POST", "/goog/cdp/execute", map[string]any{"cmd": command, "params": parameters}, out)
}

func (b *chromium) click(selector string) { b.t.Helper(); b.act(selector, "/click", nil) }

func (b *chromium) enter(selector, text string) {
	b.t.Helper()
	b.act(selector, "/value", map[string]string{"text": text})
}

// act does something to an element. The page puts a new one in its place whenever
// something changes, so that one that was found may be gone: it is looked for anew then.
func (b *chromium) act(selector, what string, body any) {
	b.t.Helper()
	for end := time.Now().Add(browserPatience); ; time.Sleep(50 * time.Millisecond) {
		var found map[string]string
		err := b.try("POST", "/element", map[string]string{"using": "css selector", "value": selector}, &found)
		for _, id := range found {
			if err = b.try("POST", "/element/"+id+what, body, nil); err == nil {
				return
			}
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s of %s: %v", what, selector, err)
		}
	}
}

// text is what a person can read.
func (b *chromium) text() string {
	b.t.Helper()
	return b.js("return document.body.innerText")
}

func (b *chromium) wait(what string, done func() bool) {
	b.t.Helper()
	for end := time.Now().Add(browserPatience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited for %s in vain", what)
		}
	}
}

// view waits until the page shows a view. A document that is not there yet shows none.
func (b *chromium) view(name string) {
	b.t.Helper()
	shown := ""
	defer func() {
		if shown != name {
			b.t.Errorf("the view is %q", shown)
		}
	}()
	b.wait("the view "+name, func() bool {
		shown = b.js("const app = document.getElementById('app'); return app && app.dataset.view || ''")
		return shown == name
	})
}

// scan takes a photograph of the code and reads it. What is not there, or not yet,
// reads as the reason.
func (b *chromium) scan(selector string) string {
	b.t.Helper()
	var found map[string]string
	if err := b.try("POST", "/element", map[string]string{"using": "css selector", "value": selector}, &found); err != nil {
		return err.Error()
	}
	var encoded string
	for _, id := range found {
		if err := b.try("GET", "/element/"+id+"/screenshot", nil, &encoded); err != nil {
			return err.Error()
		}
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := qrtest.ReadPNG(data)
	if err != nil {
		return err.Error()
	}
	return text
}

// complaints are what the browser has to say of the page: breaches of the
// policy, failed requests, errors of the script.
func (b *chromium) complaints() []string {
	b.t.Helper()
	var entries []struct{ Level, Message string }
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &entries)
	var out []string
	for _, e := range entries {
		if e.Level == "SEVERE" || e.Level == "WARNING" || strings.Contains(e.Message, "Content Security Policy") {
			out = append(out, e.Level+" "+e.Message)
		}
	}
	return out
}
