package email

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/golden"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

const password = "invented-mail-password"

func newChannel(t *testing.T, s *server, edit func(*Config)) *Channel {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	cfg := Config{Host: "127.0.0.1", From: "Keeper <keeper@example.net>", To: []string{"a@example.net", "B <b@example.net>"}, RootCAs: roots}
	if s != nil {
		cfg.Port = s.port()
	}
	if edit != nil {
		edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{
		Away: func(t *testing.T) notify.Channel {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			port := listener.Addr().(*net.TCPAddr).Port
			_ = listener.Close()
			return newChannel(t, nil, func(c *Config) { c.Port, c.User, c.Password = port, "user", secret.New(password) })
		},
		Secrets: []string{password},
	})
}

func TestProtection(t *testing.T) {
	for _, mode := range []string{TLSStart, TLSNone} {
		s := startServer(t, &server{})
		if _, err := newChannel(t, s, func(c *Config) { c.TLS = mode }).Send(t.Context(), notifytest.CodeMessage()); err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if len(s.mails) != 1 || s.secure[0] != (mode == TLSStart) {
			t.Errorf("%s: %d mails, secure %v", mode, len(s.mails), s.secure)
		}
	}
	// Nothing goes out in the clear because a server offers no better.
	s := startServer(t, &server{offers: []string{"NOTLS"}})
	_, err := newChannel(t, s, nil).Send(t.Context(), notifytest.CodeMessage())
	if err == nil || err.Error() != "127.0.0.1: the server offers no STARTTLS" || len(s.mails) != 0 {
		t.Errorf("without STARTTLS: %v, %d mails", err, len(s.mails))
	}
	s = startServer(t, &server{})
	_, err = newChannel(t, s, func(c *Config) { c.RootCAs = x509.NewCertPool() }).Send(t.Context(), notifytest.CodeMessage())
	if err == nil || !strings.Contains(err.Error(), "unknown authority") || len(s.mails) != 0 {
		t.Errorf("an unknown certificate: %v", err)
	}
}

func TestImplicitTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	certificates := web.TLS.Certificates
	web.Close()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{offers: []string{"AUTH PLAIN"}, listener: tls.NewListener(raw, &tls.Config{Certificates: certificates})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := s.listener.Accept(); err == nil {
			s.talk(conn, false)
		}
	}()
	c := newChannel(t, s, func(c *Config) { c.TLS, c.User, c.Password = TLSImplicit, "user", secret.New(password) })
	_, err = c.Send(t.Context(), notifytest.CodeMessage())
	_ = s.listener.Close()
	<-done
	if err != nil || len(s.mails) != 1 || s.logins[0] != "PLAIN |user|"+password {
		t.Errorf("%v, %d mails, %v", err, len(s.mails), s.logins)
	}
}

func TestNothingIsShown(t *testing.T) {
	c := newChannel(t, nil, func(c *Config) { c.User, c.Password = "canary-user", secret.New(password) })
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %x", c, *c, c)} {
		if strings.Contains(text, password) || strings.Contains(text, "canary") {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestLogin(t *testing.T) {
	user := func(c *Config) { c.User, c.Password = "user", secret.New(password+"\n") }
	for offer, want := range map[string]string{
		"AUTH PLAIN LOGIN": "PLAIN |user|" + password,
		"AUTH LOGIN":       "LOGIN user|" + password,
	} {
		s := startServer(t, &server{offers: []string{offer}})
		_, err := newChannel(t, s, user).Send(t.Context(), notifytest.CodeMessage())
		if err != nil || len(s.logins) != 1 || s.logins[0] != want {
			t.Errorf("%s: %v, %q", offer, err, s.logins)
		}
	}
	tests := []struct {
		name   string
		server *server
		retry  bool
		text   string
	}{
		{"a wrong password", &server{offers: []string{"AUTH PLAIN"}, answers: map[string]string{"AUTH": "535 5.7.8 canary"}}, false, "does not accept the user and the password"},
		{"for now", &server{offers: []string{"AUTH PLAIN"}, answers: map[string]string{"AUTH": "454 4.7.0 canary"}}, true, "answered 454"},
		{"an unknown way", &server{offers: []string{"AUTH GSSAPI"}}, false, "no way to log in"},
		{"none", &server{}, false, "no way to log in"},
	}
	for _, tt := range tests {
		s := startServer(t, tt.server)
		_, err := newChannel(t, s, user).Send(t.Context(), notifytest.CodeMessage())
		refused(t, tt.name, err, tt.retry, tt.text)
		if len(s.mails) != 0 {
			t.Errorf("%s: a mail was sent", tt.name)
		}
	}
}

func refused(t *testing.T, name string, err error, retry bool, text string) {
	t.Helper()
	var sendErr *notify.SendError
	if !errors.As(err, &sendErr) || sendErr.Retry != retry || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, canary := range []string{"canary", password, "example.net", "@"} {
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error tells %q: %v", name, canary, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		verb, answer string
		retry        bool
		text         string
	}{
		{"", "554 canary no", false, "answered 554"},
		{"", "421 canary later", true, "answered 421"},
		{"MAIL", "550 5.1.0 canary", false, "answered 550 to the sender"},
		{"MAIL", "451 4.3.0 canary", true, "answered 451 to the sender"},
		{"RCPT", "550 5.1.1 <a@example.net> canary", false, "answered 550 to a recipient"},
		{"RCPT", "450 4.2.0 canary", true, "answered 450 to a recipient"},
		{"DATA", "554 canary", false, "answered 554 to the mail"},
		{".", "552 canary too big", false, "answered 552 to the mail"},
		{".", "452 canary", true, "answered 452 to the mail"},
		{"MAIL", "canary is not SMTP", true, "the connection broke off"},
	}
	for _, tt := range tests {
		s := startServer(t, &server{answers: map[string]string{tt.verb: tt.answer}})
		_, err := newChannel(t, s, nil).Send(t.Context(), notifytest.CodeMessage())
		refused(t, tt.verb+" "+tt.answer, err, tt.retry, tt.text)
	}
	// A mail that was taken stays taken.
	s := startServer(t, &server{answers: map[string]string{"RSET": "500 canary"}})
	receipt, err := newChannel(t, s, nil).Send(t.Context(), notifytest.CodeMessage())
	if err != nil || receipt.Answer != "accepted for 2" {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// A recipient that is refused does not keep the mail from the others.
func TestRefusedRecipient(t *testing.T) {
	const first, second = "a@example.net", "b@example.net" // newChannel's
	s := startServer(t, &server{answers: map[string]string{"RCPT TO:<" + first + ">": "550 5.1.1 canary"}})
	c := newChannel(t, s, nil)
	receipt, err := c.Send(t.Context(), notifytest.CodeMessage())
	if err != nil || receipt.Answer != "accepted for 1 of 2; recipient 1 was not (550)" {
		t.Errorf("%+v, %v", receipt, err)
	}
	if len(s.mails) != 1 || !strings.Contains(s.mails[0], second) || strings.Contains(s.mails[0], first) {
		t.Errorf("%d mails arrived", len(s.mails))
	}
}

func TestGreeting(t *testing.T) {
	for name, want := range map[string]string{
		"nas": "nas", "nas.example.net": "nas.example.net", "my_nas": "[127.0.0.1]", "我的电脑": "[127.0.0.1]", "": "[127.0.0.1]", "-nas": "[127.0.0.1]", "a b": "[127.0.0.1]",
	} {
		if got := greeting(name, nil); got != want {
			t.Errorf("%q greets as %s, want %s", name, got, want)
		}
	}
}

func TestCancel(t *testing.T) {
	for _, verb := range []string{"EHLO", "MAIL", "DATA"} {
		s := startServer(t, &server{hang: verb})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := newChannel(t, s, nil).Send(ctx, notifytest.CodeMessage())
			failed <- err
		}()
		<-s.reached
		cancel()
		select {
		case err := <-failed:
			refused(t, "cancelled at "+verb, err, true, "cancelled")
		case <-time.After(time.Minute):
			t.Fatalf("Send did not end with its context at %s", verb)
		}
	}
}

// What a mail reader sees: both texts, the picture in the second and as a file.
func TestParts(t *testing.T) {
	s := startServer(t, &server{})
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	if _, err := newChannel(t, s, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(s.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if subject != m.Title || msg.Header.Get("Message-ID") != "<msg_0a1b2c_17@example.net>" {
		t.Errorf("%q, %v", subject, msg.Header)
	}
	found := parts(t, msg.Header.Get("Content-Type"), msg.Body)
	if !strings.Contains(found["text/plain"], m.Login.URL.Reveal()) || !strings.Contains(found["text/html"], `src="cid:qr@bilikeeper"`) ||
		found["image/png <qr@bilikeeper>"] == "" || found["image/png "] == "" {
		t.Errorf("%q", found)
	}
}

// A list keeps its lines apart, and its addresses can be clicked.
func TestLists(t *testing.T) {
	s := startServer(t, &server{})
	m := notifytest.WireCode()
	m.Login, m.Text = nil, "two:\n- a_b: https://keeper.example.net/l/a?x=1&y\n- c"
	if _, err := newChannel(t, s, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(s.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	found := parts(t, msg.Header.Get("Content-Type"), msg.Body)
	const page = `<p>two:</p>
<p>- a_b: <a href="https://keeper.example.net/l/a?x=1&amp;y">https://keeper.example.net/l/a?x=1&amp;y</a></p>
<p>- c</p>
`
	plain, html := strings.ReplaceAll(found["text/plain"], "\r", ""), strings.ReplaceAll(found["text/html"], "\r", "")
	if plain != m.Text+"\n" || !strings.Contains(html, page) {
		t.Errorf("%q\n%q", plain, html)
	}
}

func parts(t *testing.T, contentType string, body io.Reader) map[string]string {
	t.Helper()
	found := map[string]string{}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	for form := multipart.NewReader(body, params["boundary"]); ; {
		part, err := form.NextRawPart()
		if err != nil {
			return found
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		switch {
		case strings.HasPrefix(kind, "multipart/"):
			for k, v := range parts(t, part.Header.Get("Content-Type"), part) {
				found[k] = v
			}
		case strings.HasPrefix(kind, "text/"):
			text, _ := io.ReadAll(quotedprintable.NewReader(part))
			found[kind] = string(text)
		default:
			data, _ := io.ReadAll(part)
			found[kind+" "+part.Header.Get("Content-Id")] = string(data)
		}
	}
}

func TestWire(t *testing.T) {
	code := notifytest.WireCode()
	page, text := code, code
	withPage := *code.Login
	withPage.PageURL = "https://keeper.example.net/l/b64token"
	page.Login, text.Login, text.ID, text.Thread = &withPage, nil, "msg 16/ü", ""
	for name, m := range map[string]notify.Message{"code": code, "page": page, "text": text} {
		var out bytes.Buffer
		c, err := New(Config{
			Host: "mail.example.net", From: "Keeper 守 <keeper@example.net>", To: []string{"a@example.net", "李 <b@example.net>"}, OpenLabel: "打开",
		})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := c.compose(m, c.to, m.Time)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := msg.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile(`[0-9a-f]{60}`).ReplaceAllString(strings.ReplaceAll(out.String(), "\r\n", "\n"), "BOUNDARY")
		golden.Equal(t, name+".golden", got)
	}
}

func TestNewRefuses(t *testing.T) {
	ok := Config{Host: "mail.example.net", From: "k@example.net", To: []string{"a@example.net"}}
	for name, edit := range map[string]func(*Config){
		"no host":                    func(c *Config) { c.Host = "" },
		"a url":                      func(c *Config) { c.Host = "smtp://canary" },
		"another protection":         func(c *Config) { c.TLS = "canary" },
		"no protection to elsewhere": func(c *Config) { c.TLS = TLSNone },
		"a port":                     func(c *Config) { c.Port = 70000 },
		"no sender":                  func(c *Config) { c.From = "" },
		"a broken sender":            func(c *Config) { c.From = "canary" },
		"no recipient":               func(c *Config) { c.To = nil },
		"a broken recipient":         func(c *Config) { c.To = []string{"a@example.net", "canary\r\nBcc: x"} },
		"a password without a user":  func(c *Config) { c.Password = secret.New("canary") },
	} {
		cfg := ok
		edit(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(ok); err != nil {
		t.Error(err)
	}
}
