//go:build proxies

package e2e_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// certificate writes one for the page's host.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{frontHost}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	for name, data := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM, "both.pem": slices.Concat(certPEM, keyPEM)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}

// phone is a browser that comes from an address of its own.
type phone struct {
	t    *testing.T
	base string // the public address
	http.Client
	forge string // what it says in X-Forwarded-For
}

func newPhone(t *testing.T, base, listen, from string, roots *x509.CertPool) *phone {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, listen)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &phone{t: t, base: base, Client: http.Client{Jar: jar, Transport: transport}}
}

// do sends what a browser sends: a form where there are values.
func (p *phone) do(at string, values url.Values) answer {
	p.t.Helper()
	method, body := http.MethodGet, ""
	if values != nil {
		method, body = http.MethodPost, values.Encode()
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if values != nil {
		origin, _ := url.Parse(p.base)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin.Scheme+"://"+origin.Host)
	}
	if p.forge != "" {
		r.Header.Set("X-Forwarded-For", p.forge)
	}
	resp, err := p.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// stream follows a stream and says what came on it; it closes what it returns when
// the stream ends.
func (p *phone) stream(at string) <-chan string {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, at, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := p.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("the stream %s: %v %v", at, resp, err)
	}
	lines := make(chan string, 1024)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// wantLine waits for a line that begins so.
func wantLine(t *testing.T, lines <-chan string, begin string) {
	t.Helper()
	over := time.After(patience)
	for {
		select {
		case line, more := <-lines:
			if !more {
				t.Fatalf("the stream has ended before %q", begin)
			}
			if strings.HasPrefix(line, begin) {
				return
			}
		case <-over:
			t.Fatalf("%q does not come", begin)
		}
	}
}
