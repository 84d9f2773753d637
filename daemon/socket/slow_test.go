package socket

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are made by dial.
type pipes struct {
	coming chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.coming <- there
	return here
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.coming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// TestSlowConnections: who takes too long for a request's head is cut off, and who asks
// for nothing for long; a request that takes long is not.
func TestSlowConnections(t *testing.T) {
	const request, part = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /slow HT"
	for _, tc := range []struct {
		name  string
		sent  []string // each is written, and but for the last one answered
		takes time.Duration
		// open is how long the connection then stays as it is, at least.
		open time.Duration
	}{
		{"nothing is sent", []string{""}, 0, slowHead},
		{"a part of the first head", []string{part}, 0, slowHead},
		{"nothing after a request", []string{request, ""}, 0, idle},
		{"a part of the second head", []string{request, part}, 0, slowHead},
		{"nothing after a long request", []string{request, ""}, time.Hour, idle},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				server := &http.Server{ConnState: Moved, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(tc.takes)
					w.WriteHeader(http.StatusNoContent)
				})}
				ended := make(chan error, 1)
				go func() { ended <- server.Serve(CutSlow(l)) }()
				conn := l.dial()
				in := bufio.NewReader(conn)
				var err error
				for i, text := range tc.sent {
					if text != "" {
						_, err = io.WriteString(conn, text)
					}
					if err != nil || i == len(tc.sent)-1 {
						break
					}
					answer, wrong := http.ReadResponse(in, nil)
					if err = wrong; err == nil {
						_ = answer.Body.Close()
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("it ended with %v", err)
				}
				if took := time.Since(begun); took < tc.open || took > tc.open+2*look {
					t.Errorf("it was closed after %v, want %v", took, tc.open)
				}
				_ = server.Close()
				if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}
