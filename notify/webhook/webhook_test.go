package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

var (
	secretA = "whsec_" + base64.StdEncoding.EncodeToString([]byte("an invented signing secret, A"))
	secretB = "whsec_" + base64.StdEncoding.EncodeToString([]byte("an invented signing secret, B"))
)

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{
		New: func(t *testing.T, base string) notify.Channel {
			return newChannel(t, Config{URL: base, Secrets: []secret.String{secret.New(secretA)}})
		},
		Away: func(t *testing.T) notify.Channel {
			server := httptest.NewServer(nil)
			server.Close()
			return newChannel(t, Config{URL: server.URL})
		},
		Secrets: []string{secretA, strings.TrimPrefix(secretA, "whsec_")},
	})
}

func newChannel(t *testing.T, cfg Config) *Channel {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBodyIsFrozen(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 2, 3, 999, time.FixedZone("", 8*3600))
	m := notify.Message{
		ID: "m1", Type: "login.code", Time: at, Account: "main", Site: "web", Mid: 100200300, Uname: "example",
		Title: "T", Text: "a < b & c",
		Login: &notify.Login{ID: "l1", URL: secret.New("https://example.com/?a=1&b=2"), AppURL: secret.New("bilibili://browser?url=x"), PNG: []byte("png"), ExpiresAt: at.Add(3 * time.Minute)},
	}
	const head = `{"type":"login.code","timestamp":"2026-11-20T01:02:03Z","data":{"account":"main","site":"web",`
	tests := []struct {
		name string
		edit func(*notify.Message)
		want string
	}{
		{"with a code", func(*notify.Message) {}, head + `"mid":100200300,"uname":"example","title":"T","text":"a < b & c",` +
			`"login":{"id":"l1","url":"https://example.com/?a=1&b=2","app_url":"bilibili://browser?url=x","qr_png_base64":"cG5n","page_url":"","expires_at":"2026-11-20T01:05:03Z"}}}`},
		{"without a picture", func(m *notify.Message) { m.Login.PNG = nil }, head + `"mid":100200300,"uname":"example","title":"T","text":"a < b & c",` +
			`"login":{"id":"l1","url":"https://example.com/?a=1&b=2","app_url":"bilibili://browser?url=x","qr_png_base64":"","page_url":"","expires_at":"2026-11-20T01:05:03Z"}}}`},
		{"of nobody yet", func(m *notify.Message) { m.Login, m.Mid, m.Uname = nil, 0, "" }, head + `"mid":null,"uname":"","title":"T","text":"a < b & c"}}`},
		{"of several", func(m *notify.Message) {
			m.Login, m.Type, m.Account, m.Site, m.Mid, m.Uname = nil, "login.required", "", "", 0, ""
			m.Members = []notify.Member{
				{Account: "main", Site: "web", Mid: 100200300, Uname: "example", PageURL: "https://keeper.example.net/l/1?a=b&c=d"},
				{Account: "side", Site: "intl"},
			}
		}, `{"type":"login.required","timestamp":"2026-11-20T01:02:03Z","data":{"account":"","site":"","mid":null,"uname":"","title":"T","text":"a < b & c",` +
			`"accounts":[{"account":"main","site":"web","mid":100200300,"uname":"example","page_url":"https://keeper.example.net/l/1?a=b&c=d"},` +
			`{"account":"side","site":"intl","mid":null,"uname":"","page_url":""}]}}`},
	}
	for _, tt := range tests {
		copied := m
		if m.Login != nil {
			login := *m.Login
			copied.Login = &login
		}
		tt.edit(&copied)
		if got := encode(copied).Body; string(got) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// The example of the Standard Webhooks specification.
func TestSignatureOfTheSpecification(t *testing.T) {
	keys, err := parseSecrets([]secret.String{secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")})
	if err != nil {
		t.Fatal(err)
	}
	got := sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDelivery(t *testing.T) {
	tests := []struct {
		name    string
		keys    []string // the receiver's
		secrets []string // the channel's
		taken   bool
	}{
		{"unsigned", nil, nil, true},
		{"signed", []string{secretA}, []string{secretA}, true},
		{"rotating, receiver knows the old", []string{secretA}, []string{secretB, secretA}, true},
		{"rotating, receiver knows the new", []string{secretB}, []string{secretB, secretA}, true},
		{"wrong secret", []string{secretA}, []string{secretB}, false},
		{"no secret where one is wanted", []string{secretA}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			receiver, err := notifytest.NewReceiver(tt.keys...)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(receiver)
			defer server.Close()
			cfg := Config{URL: server.URL + "/hook", Version: "1.2.3"}
			for _, s := range tt.secrets {
				cfg.Secrets = append(cfg.Secrets, secret.New(s))
			}
			m := notifytest.CodeMessage()
			_, err = newChannel(t, cfg).Send(t.Context(), m)
			if (err == nil) != tt.taken || (len(receiver.Taken()) == 1) != tt.taken {
				t.Fatalf("err %v, taken %d, problems %v", err, len(receiver.Taken()), receiver.Problems())
			}
			if !tt.taken {
				return
			}
			d := receiver.Taken()[0]
			if d.ID != m.ID || d.Type != m.Type || d.Login == nil || d.Login.URL != m.Login.URL.Reveal() || string(d.Login.PNG) != string(m.Login.PNG) {
				t.Errorf("it arrived as %s", d.Raw)
			}
			if agent := d.Header.Get("User-Agent"); agent != "bilikeeper/1.2.3" {
				t.Errorf("user agent %q", agent)
			}
		})
	}
}

func TestAMessageOfSeveralArrives(t *testing.T) {
	receiver := &notifytest.Receiver{}
	server := httptest.NewServer(receiver)
	defer server.Close()
	m := notify.Message{ID: "m1", Type: "login.required", Time: time.Now(), Members: []notify.Member{
		{Account: "main", Site: "web", Mid: 100200300, Uname: "example"}, {Account: "side", Site: "intl"},
	}}
	if _, err := newChannel(t, Config{URL: server.URL}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := receiver.Taken()[0].Accounts
	if len(got) != 2 || got[0].Account != "main" || *got[0].Mid != 100200300 || got[1].Account != "side" || got[1].Mid != nil {
		t.Errorf("it arrived as %s", receiver.Taken()[0].Raw)
	}
}

func TestRetriesKeepTheIDAndTheBody(t *testing.T) {
	receiver, err := notifytest.NewReceiver(secretA)
	if err != nil {
		t.Fatal(err)
	}
	receiver.Next(notifytest.Answer{Status: 503}, notifytest.Answer{Reset: true})
	server := httptest.NewServer(receiver)
	defer server.Close()
	c := newChannel(t, Config{URL: server.URL, Secrets: []secret.String{secret.New(secretA)}})
	m := notifytest.CodeMessage()
	for i := range 3 {
		if _, err := c.Send(t.Context(), m); (err == nil) != (i == 2) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	all := receiver.All()
	if len(all) != 3 {
		t.Fatalf("%d requests, problems %v", len(all), receiver.Problems())
	}
	for _, d := range all[1:] {
		if d.ID != all[0].ID || string(d.Raw) != string(all[0].Raw) {
			t.Errorf("a later try differs: %s %s", d.ID, d.Raw)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want error // nil: any
	}{
		{"nothing", Config{}, nil},
		{"another scheme", Config{URL: "ftp://example.net/canary"}, nil},
		{"no host", Config{URL: "https:///canary"}, nil},
		{"unreadable", Config{URL: "https://canary:%zz@example.net/"}, nil},
		{"plain http", Config{URL: "http://example.net/canary"}, post.ErrPlainHTTP},
		{"plain http by address", Config{URL: "http://192.0.2.1/canary"}, post.ErrPlainHTTP},
		{"metadata", Config{URL: "https://169.254.169.254/canary"}, post.ErrForbiddenAddress},
		{"metadata in IPv6", Config{URL: "https://[fd00:ec2::254]/canary"}, post.ErrForbiddenAddress},
		{"metadata as mapped", Config{URL: "https://[::ffff:169.254.169.254]/canary", AllowHTTP: true}, post.ErrForbiddenAddress},
		{"link-local", Config{URL: "http://[fe80::1%25eth0]/canary", AllowHTTP: true}, post.ErrForbiddenAddress},
		{"secret without its prefix", Config{URL: "https://example.net", Secrets: []secret.String{secret.New("canary")}}, nil},
		{"secret that is not base64", Config{URL: "https://example.net", Secrets: []secret.String{secret.New("whsec_canary!")}}, nil},
		{"empty secret", Config{URL: "https://example.net", Secrets: []secret.String{secret.New("whsec_")}}, nil},
	}
	for _, tt := range tests {
		_, err := New(tt.cfg)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error tells what it was given: %v", tt.name, err)
		}
	}
	for _, url := range []string{"https://example.net/x", "http://localhost:8080/x", "http://127.0.0.5/x", "http://[::1]/x"} {
		if _, err := New(Config{URL: url}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := New(Config{URL: "http://example.net", AllowHTTP: true}); err != nil {
		t.Errorf("plain http, allowed: %v", err)
	}
}

func TestNothingIsShown(t *testing.T) {
	c := newChannel(t, Config{URL: "https://canary:canary@example.net/canary?canary=1#canary", Secrets: []secret.String{secret.New(secretA)}})
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v %x", *c, c)} {
		if strings.Contains(text, "canary") || strings.Contains(text, "invented") {
			t.Errorf("shown: %s", text)
		}
	}
	if c.String() != "webhook example.net" {
		t.Errorf("String: %s", c)
	}
}

func FuzzSecret(f *testing.F) {
	f.Add(secretA)
	f.Add("whsec_")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseSecrets([]secret.String{secret.New(text)})
		if (err == nil) != (len(keys) == 1) {
			t.Errorf("%d keys and %v", len(keys), err)
		}
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Error("the error tells the secret")
		}
	})
}
