//go:build gotify

package gotify

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// ask makes a request as the server's administrator.
func ask(t *testing.T, method, address, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", "invented-admin")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v", method, address, resp.Status, err)
	}
}

func TestRealServer(t *testing.T) {
	port := strconv.Itoa(porttest.Free(t))
	notifytest.Serve(t, "127.0.0.1:"+port, []string{
		"GOTIFY_SERVER_LISTENADDR=127.0.0.1", "GOTIFY_SERVER_PORT=" + port,
		"GOTIFY_DATABASE_DIALECT=sqlite3", "GOTIFY_DATABASE_CONNECTION=gotify.db",
		"GOTIFY_DEFAULTUSER_NAME=admin", "GOTIFY_DEFAULTUSER_PASS=invented-admin",
	}, "gotify")
	base := "http://127.0.0.1:" + port
	var app, client struct{ Token string }
	ask(t, http.MethodPost, base+"/application", `{"name":"keeper"}`, &app)
	ask(t, http.MethodPost, base+"/client", `{"name":"eraser"}`, &client)
	c, err := New(Config{URL: base, Token: secret.New(app.Token), ClientToken: secret.New(client.Token)})
	if err != nil {
		t.Fatal(err)
	}
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	receipt, err := c.Send(t.Context(), m)
	if err != nil || receipt.Handle == "" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	type list struct {
		Messages []struct {
			Title, Message string
			Priority       int
			Extras         map[string]map[string]map[string]string
		}
	}
	var before, after list
	ask(t, http.MethodGet, base+"/message", "", &before)
	link := m.Login.URL.Reveal()
	if len(before.Messages) != 1 || before.Messages[0].Title != m.Title || before.Messages[0].Message != m.Text+"\n"+link ||
		before.Messages[0].Priority != priorityVibrates || before.Messages[0].Extras["client::notification"]["click"]["url"] != link {
		t.Errorf("it arrived as %+v", before)
	}
	if err := c.Retract(t.Context(), receipt.Handle); err != nil {
		t.Errorf("retract: %v", err)
	}
	ask(t, http.MethodGet, base+"/message", "", &after)
	if len(after.Messages) != 0 {
		t.Errorf("it is still there: %+v", after)
	}
	if err := c.Retract(t.Context(), receipt.Handle); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("retracted twice: %v", err)
	}
	wrong, err := New(Config{URL: base, Token: secret.New("AinventedAppToken")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong token: %v", err)
	}
}
