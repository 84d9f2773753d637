//go:build mail

package email

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// A server that others wrote takes the mail, over STARTTLS, and keeps it in a
// Maildir.
func TestRealServer(t *testing.T) {
	dir, number := t.TempDir(), porttest.Free(t)
	port := strconv.Itoa(number)
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	key, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	maildir := filepath.Join(dir, "mail")
	notifytest.Serve(t, "127.0.0.1:"+port, nil, "aiosmtpd", "-n", "-l", "127.0.0.1:"+port,
		"--tlscert", write("cert.pem", "CERTIFICATE", web.Certificate().Raw), "--tlskey", write("key.pem", "PRIVATE KEY", key),
		"-c", "aiosmtpd.handlers.Mailbox", maildir)
	m := notifytest.WireCode()
	m.Login.ExpiresAt = time.Now().Add(time.Minute)
	if _, err := newChannel(t, nil, func(c *Config) { c.Port = number }).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d mails, %v", len(files), err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	found := parts(t, msg.Header.Get("Content-Type"), msg.Body)
	if len(found) != 4 || !strings.Contains(found["text/plain"], m.Login.URL.Reveal()) {
		t.Errorf("it arrived as %q", found)
	}
	// The same server without the authority that signed it.
	c := newChannel(t, nil, func(c *Config) { c.Port, c.RootCAs = number, x509.NewCertPool() })
	if _, err := c.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("%v", err)
	}
}
