//go:build browser

package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// A link in a mail signs in although it is followed from another site; the document
// follows what happens; a revoked session ends.
func TestBrowserAccounts(t *testing.T) {
	// Nobody has to be told of anything here, and nothing fails.
	w := begun(t, usual(), worldConfig)
	k, in := w.keep, w.in
	mail := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(out, `<!doctype html><title>mail</title><a id="link" href="%s">sign in</a>`, in.Link().URL)
	}))
	defer mail.Close()
	b := newBrowser(t)
	// By another name the mail is of another site.
	b.open(strings.Replace(mail.URL, "127.0.0.1", "localhost", 1))
	b.click("#link")
	heading := func() string { return b.js("const h = document.querySelector('h1'); return h ? h.textContent : ''") }
	b.wait("the accounts", func() bool { return heading() == "Nothing needs you" || strings.Contains(heading(), "没有") })
	b.open(strings.TrimSuffix(b.js("return location.origin"), "/") + "/?lang=en")
	b.wait("the stream", func() bool { return b.js("return document.getElementById('live').checkVisibility()") == "true" })
	b.js("window.mark = 'same page'")
	if _, err := k.Logins().Start(context.Background(), client.LoginRequest{Account: "main", Attend: 120}); err != nil {
		t.Fatal(err)
	}
	b.wait("what needs a person", func() bool { return heading() == "One thing needs you" })
	if b.js("return window.mark") != "same page" || !strings.HasPrefix(b.js("return document.title"), "(1) ") {
		t.Error("the page was loaded anew")
	}
	for _, width := range []int{360, 820, 1280} {
		b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
		if wide := b.js("return document.documentElement.scrollWidth > innerWidth"); wide != "false" {
			t.Errorf("at %d px the page is wider than the screen", width)
		}
	}
	var lines []struct {
		Level, Message string
	}
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &lines)
	for _, line := range lines {
		if line.Level == "SEVERE" {
			t.Errorf("the browser complains: %s", line.Message)
		}
	}
	b.click(".needs .button")
	b.wait("the code", func() bool { return strings.HasPrefix(b.scan(".who ~ .login .frame"), "http") })
	b.js("history.back()")
	b.wait("the accounts again", func() bool { return heading() == "One thing needs you" })
	for _, session := range in.Sessions() {
		if err := in.Revoke(session.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.wait("the form to sign in", func() bool { return heading() == "Sign in" })
}
