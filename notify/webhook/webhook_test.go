package webhook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
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
		Login: &notify.Login{ID: "l1", URL: secret.New("https://example.com/?a=1&b=2"), PNG: []byte("png"), ExpiresAt: at.Add(3 * time.Minute)},
	}
	const head = `{"type":"login.code","timestamp":"2026-11-20T01:02:03Z","data":{"account":"main","site":"web",`
	tests := []struct {
		name string
		edit func(*notify.Message)
		want string
	}{
		{"with a code", func(*notify.Message) {}, head + `"mid":100200300,"uname":"example","title":"T","text":"a < b & c",` +
			`"login":{"id":"l1","url":"https://example.com/?a=1&b=2","qr_png_base64":"cG5n","page_url":"","expires_at":"2026-11-20T01:05:03Z"}}}`},
		{"without a picture", func(m *notify.Message) { m.Login.PNG = nil }, head + `"mid":100200300,"uname":"example","title":"T","text":"a < b & c",` +
			`"login":{"id":"l1","url":"https://example.com/?a=1&b=2","qr_png_base64":"","page_url":"","expires_at":"2026-11-20T01:05:03Z"}}}`},
		{"of nobody yet", func(m *notify.Message) { m.Login, m.Mid, m.Uname = nil, 0, "" }, head + `"mid":null,"uname":"","title":"T","text":"a < b & c"}}`},
	}
	for _, tt := range tests {
		copied := m
		if m.Login != nil {
			login := *m.Login
			copied.Login = &login
		}
		tt.edit(&copied)
		got, err := encode(copied)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want {
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
		{"plain http", Config{URL: "http://example.net/canary"}, ErrPlainHTTP},
		{"plain http by address", Config{URL: "http://192.0.2.1/canary"}, ErrPlainHTTP},
		{"metadata", Config{URL: "https://169.254.169.254/canary"}, ErrForbiddenAddress},
		{"metadata in IPv6", Config{URL: "https://[fd00:ec2::254]/canary"}, ErrForbiddenAddress},
		{"metadata as mapped", Config{URL: "https://[::ffff:169.254.169.254]/canary", AllowHTTP: true}, ErrForbiddenAddress},
		{"link-local", Config{URL: "http://[fe80::1%25eth0]/canary", AllowHTTP: true}, ErrForbiddenAddress},
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

func TestAddressesAtConnectTime(t *testing.T) {
	tests := []struct {
		address  string
		loopback bool
		want     error
	}{
		{"169.254.169.254:80", false, ErrForbiddenAddress},
		{"169.254.0.1:443", true, ErrForbiddenAddress},
		{"[::ffff:169.254.169.254]:443", false, ErrForbiddenAddress},
		{"[fe80::1%eth0]:443", false, ErrForbiddenAddress},
		{"[febf::1]:443", false, ErrForbiddenAddress},
		{"[fd00:ec2::254]:443", false, ErrForbiddenAddress},
		{"100.100.100.200:443", false, ErrForbiddenAddress},
		{"224.0.0.1:443", false, ErrForbiddenAddress},
		{"nonsense", false, ErrForbiddenAddress},
		{"192.168.1.2:443", false, nil},
		{"[fd00::1]:443", false, nil},
		{"127.0.0.1:80", true, nil},
		{"[::1]:80", true, nil},
		{"192.168.1.2:80", true, ErrPlainHTTP},
	}
	for _, tt := range tests {
		if err := checkAddress(tt.address, tt.loopback); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.address, err, tt.want)
		}
	}
	if forbidden(netip.MustParseAddr("169.253.255.255")) || forbidden(netip.MustParseAddr("fec0::1")) {
		t.Error("an address beside the range is refused")
	}
}

// A name that passes the check of the URL and resolves to another address than
// it should is refused when the connection is made.
func TestTheDialerIsGuarded(t *testing.T) {
	c := newChannel(t, Config{URL: "http://localhost:1"})
	c.url = secret.New("http://169.254.169.254/canary")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := c.Send(ctx, notifytest.CodeMessage())
	var sendErr *notify.SendError
	if !errors.As(err, &sendErr) || sendErr.Retry || !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("%v", err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	receiver := &notifytest.Receiver{}
	server := httptest.NewUnstartedServer(receiver)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := newChannel(t, Config{URL: server.URL}).Send(t.Context(), notifytest.CodeMessage())
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("an unknown certificate: %v", err)
	}
	if _, err := newChannel(t, Config{URL: server.URL, Transport: server.Client().Transport}).Send(t.Context(), notifytest.CodeMessage()); err != nil {
		t.Errorf("a known certificate: %v", err)
	}
}

func TestNothingIsShown(t *testing.T) {
	c := newChannel(t, Config{URL: "https://canary:canary@example.net/canary?canary=1#canary", Secrets: []secret.String{secret.New(secretA)}})
	asJSON, _ := json.Marshal(c)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v %x", *c, c), string(asJSON)} {
		if strings.Contains(text, "canary") || strings.Contains(text, "invented") {
			t.Errorf("shown: %s", text)
		}
	}
	if c.String() != "webhook example.net" {
		t.Errorf("String: %s", c)
	}
}

// A service that hangs does not keep a Send past its context, on a clock.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChannel(t, Config{URL: "https://example.net", Transport: hanging{}})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Send(ctx, notifytest.CodeMessage())
		var sendErr *notify.SendError
		if !errors.As(err, &sendErr) || !sendErr.Retry || err.Error() != "example.net: no answer in time" {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "1", "-1", "99999999999999999999", "Fri, 20 Nov 2026 01:02:03 GMT", "1e9"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", value, d)
		}
	})
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
