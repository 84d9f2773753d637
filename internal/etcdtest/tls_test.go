//go:build etcd

package etcdtest

import (
	"context"
	"crypto/tls"
	"testing"
	"time"
)

// Members with TLS take the clients of their authority, and nobody else; a certificate
// that is issued anew is shown to who comes next.
func TestTLS(t *testing.T) {
	a := NewAuthority(t)
	c := Start(t, 3, TLS(t, a))
	put(t, c.Client(t), "a", "1")
	c.Users(t, User{Name: "keeper", Password: "secret", Prefix: "/keeper/"})
	put(t, Connect(t, c.ConfigOf(User{Name: "keeper", Password: "secret"}, c.Endpoints()...)), "/keeper/a", "1")

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	stranger := c.Config()
	stranger.TLS = NewAuthority(t).client(t)
	stranger.TLS.RootCAs = c.tls.RootCAs
	stranger.Username, stranger.Password = "", ""
	if _, err := Connect(t, stranger).Get(ctx, "a"); err == nil {
		t.Errorf("a client of another authority: %v", err)
	}

	a.Issue(t, Served, Certificate{Ends: time.Now().Add(-time.Hour)})
	if err := tlsDial(t, c); err == nil {
		t.Error("a certificate that has ended is shown, and taken")
	}
	a.Issue(t, Served, Certificate{})
	if err := tlsDial(t, c); err != nil {
		t.Error(err)
	}
	put(t, c.Client(t), "a", "2")
}

func tlsDial(t *testing.T, c *Cluster) error {
	t.Helper()
	conn, err := (&tls.Dialer{Config: c.tls}).DialContext(t.Context(), "tcp", c.Endpoints()[0])
	if err != nil {
		return err
	}
	return conn.Close()
}
