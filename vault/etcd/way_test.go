//go:build etcd

package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/etcd"
)

// TestMembers: members of the cluster are killed and stopped one after the other while two
// hosts count. Every count that was told to be there is, once.
func TestMembers(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 3))
	a := open(t, w.options())
	b, _ := join(t, w)
	var kept, refused atomic.Int64
	over := make(chan struct{})
	var all sync.WaitGroup
	for _, v := range []*etcd.Vault{a, b} {
		for range 2 {
			all.Go(func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(5 * time.Millisecond):
					}
					switch err := count(v); {
					case err == nil:
						kept.Add(1)
					case errors.Is(err, vault.ErrUnavailable):
						refused.Add(1)
					default:
						t.Error(err)
						return
					}
				}
			})
		}
	}
	more := func(what string) {
		t.Helper()
		now := kept.Load()
		eventually(t, "counting on after "+what, func() bool { return kept.Load() > now+20 })
	}
	more("the start")
	for i := range 3 {
		w.cluster.Member(i).Stop(t)
		more("a member was killed")
		w.cluster.Member(i).Start(t)
		more("it was back")
	}
	w.cluster.Member(1).Pause(t)
	more("a member was stopped")
	w.cluster.Member(1).Resume(t)
	more("it went on")
	close(over)
	all.Wait()
	t.Logf("%d counts, %d refused", kept.Load(), refused.Load())
	for _, v := range []*etcd.Vault{a, b} {
		eventually(t, "the last count", func() bool { return v.Newest() == uint64(kept.Load()) })
		counted(t, v, int(kept.Load()))
		must(t, v.Verify())
	}
}

// TestBegunAtOnce: of several hosts that find nothing one makes the vault, and no other
// takes its own key for one of it.
func TestBegunAtOnce(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	var opened atomic.Int64
	var all sync.WaitGroup
	for range 5 {
		host := w.another(t)
		all.Go(func() {
			v, err := etcd.Open(host.options())
			if err == nil {
				opened.Add(1)
				if err := errors.Join(count(v), v.Verify(), v.Close()); err != nil {
					t.Error(err)
				}
				return
			}
			_, none := os.Stat(filepath.Join(host.dir, "vault.key"))
			if !errors.Is(err, vault.ErrKeyMissing) || none == nil {
				t.Errorf("%v, key file: %v", err, none)
			}
		})
	}
	all.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("%d hosts made a vault", n)
	}
}

// TestTLS: the way is encrypted where it is to be, and another's certificate is no way.
func TestTLS(t *testing.T) {
	w := newWay(t, etcdtest.Start(t, 1))
	certificate, pool := selfSigned(t)
	address := terminate(t, certificate, w.proxy.Endpoints()[0])
	o := w.options()
	o.Endpoints, o.TLS = []string{address}, &tls.Config{RootCAs: pool}
	v := open(t, o)
	must(t, count(v))
	must(t, v.Close())
	_, other := selfSigned(t)
	next := w.another(t)
	carry(t, w, next)
	o = next.options()
	o.Endpoints, o.TLS = []string{address}, &tls.Config{RootCAs: other}
	_, err := etcd.Open(o)
	want(t, err, vault.ErrUnavailable)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("it says %v", err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	must(t, err)
	parsed, err := x509.ParseCertificate(raw)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
}

// terminate listens with TLS before an address without.
func terminate(t *testing.T, certificate tls.Certificate, address string) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	return listener.Addr().String()
}
