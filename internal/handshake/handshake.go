// Package handshake finds out why no connection can be made to a server that speaks
// HTTP/2, with TLS or without: where a client only says that nobody answered in time.
//
// Guarantee: errors are in words of this program, and hold nothing that was shown.
package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
)

// Why there is none, as far as somebody can do something about it.
var (
	ErrAuthority   = errors.New("its certificate is signed by an authority that this host does not know")
	ErrName        = errors.New("its certificate is for other names")
	ErrEnded       = errors.New("its certificate has ended, or has not begun by this host's clock")
	ErrCertificate = errors.New("it wants a certificate, and does not take the one that is shown")
	ErrNoTLS       = errors.New("it breaks off where TLS begins, and seems not to speak it")
)

// answers is how long the other side has to say something once there is a connection.
const answers = 2 * time.Second

// preface is what every client of HTTP/2 begins with, and settings that change nothing.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// Try makes a connection to an address, and ends it. c is nil where the way is in the
// clear; its ServerName is not heeded. It returns when the certificate ends that was
// shown.
func Try(ctx context.Context, address string, c *tls.Config) (ends time.Time, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return ends, reason(ctx, address, err)
	}
	defer func() { _ = conn.Close() }()
	if c == nil {
		return ends, nil
	}
	c = c.Clone()
	c.NextProtos = []string{"h2"}
	c.ServerName, _, _ = net.SplitHostPort(address)
	over := tls.Client(conn, c)
	switch err := over.HandshakeContext(ctx); {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return ends, ErrNoTLS
	case err != nil:
		return ends, reason(ctx, address, err)
	}
	if shown := over.ConnectionState().PeerCertificates; len(shown) > 0 {
		ends = shown[0].NotAfter
	}
	return ends, reason(ctx, address, refused(over))
}

// refused waits for a word of the other side: with TLS 1.3 it looks at the client's
// certificate when the client takes the handshake for done. One that is silent or ends
// without a reason has not refused it.
func refused(over *tls.Conn) error {
	if err := over.SetDeadline(time.Now().Add(answers)); err != nil {
		return err
	}
	_, err := io.WriteString(over, preface)
	if err == nil {
		_, err = over.Read(make([]byte, 1))
	}
	if isAlert(err) {
		return err
	}
	return nil
}

// isAlert reports whether the other side ended the connection by a word of TLS, for which
// there is no type.
func isAlert(err error) bool {
	return err != nil && strings.Contains(err.Error(), "remote error: tls:")
}

func reason(ctx context.Context, address string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ErrAuthority
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ErrName
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return ErrEnded
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return ErrNoTLS
	}
	if isAlert(err) {
		return ErrCertificate
	}
	return errors.New(outbound.Explain(ctx, address, err).Reason)
}
