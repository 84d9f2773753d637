package handshake

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
)

// issue makes a certificate that signs itself.
func issue(t *testing.T, host string, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

func TestTry(t *testing.T) {
	year := time.Now().AddDate(1, 0, 0).Truncate(time.Second)
	good, other, ended := issue(t, "127.0.0.1", year), issue(t, "example.net", year), issue(t, "127.0.0.1", time.Now().Add(-time.Hour))
	client := issue(t, "keeper", year)
	pool := x509.NewCertPool()
	for _, c := range []tls.Certificate{good, other, ended} {
		pool.AddCert(c.Leaf)
	}
	clients := x509.NewCertPool()
	clients.AddCert(client.Leaf)
	serve := func(c tls.Certificate, wants tls.ClientAuthType, most uint16) string {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.EnableHTTP2 = true
		s.Config.ErrorLog = nil
		s.TLS = &tls.Config{Certificates: []tls.Certificate{c}, ClientAuth: wants, ClientCAs: clients, MaxVersion: most}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := porttest.Address(t)
	wanting, wanting12 := serve(good, tls.RequireAndVerifyClientCert, tls.VersionTLS13), serve(good, tls.RequireAndVerifyClientCert, tls.VersionTLS12)
	for _, one := range []struct {
		what, address string
		config        *tls.Config
		want          error
	}{
		{"all is well", serve(good, tls.NoClientCert, 0), &tls.Config{RootCAs: pool}, nil},
		{"in the clear", plain.Listener.Addr().String(), nil, nil},
		{"a certificate is shown", wanting, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{client}}, nil},
		{"none is shown", wanting, &tls.Config{RootCAs: pool}, ErrCertificate},
		{"none is shown, TLS 1.2", wanting12, &tls.Config{RootCAs: pool}, ErrCertificate},
		{"a stranger's is shown", wanting, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{good}}, ErrCertificate},
		{"another authority", serve(good, tls.NoClientCert, 0), &tls.Config{RootCAs: clients}, ErrAuthority},
		{"another name", serve(other, tls.NoClientCert, 0), &tls.Config{RootCAs: pool}, ErrName},
		{"ended", serve(ended, tls.NoClientCert, 0), &tls.Config{RootCAs: pool}, ErrEnded},
		{"no TLS there", plain.Listener.Addr().String(), &tls.Config{RootCAs: pool}, ErrNoTLS},
	} {
		ends, err := Try(context.Background(), one.address, one.config)
		if !errors.Is(err, one.want) || one.want == nil && err != nil {
			t.Errorf("%s: %v", one.what, err)
		}
		if one.want == nil && one.config != nil && !ends.Equal(year) {
			t.Errorf("%s: the certificate ends %v", one.what, ends)
		}
	}
	if _, err := Try(context.Background(), gone, nil); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("nobody listens: %v", err)
	}
}
