package passporttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ServeHTTP implements http.Handler for all roles and for the admin surface.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, adminPrefix) {
		admin{s}.ServeHTTP(w, r)
		return
	}
	a := s.answer(r)
	switch a.ending {
	case hang:
		<-r.Context().Done()
		return
	case reset:
		breakConnection(w)
		return
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.ending == whole {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.status == http.StatusNoContent {
		w.Header().Del("Content-Length")
	}
	if a.ending == cut {
		// More is promised than comes, so that the end is seen as one too early.
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		a.body = a.body[:len(a.body)/2]
	}
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	for a.ending == endless && err == nil && r.Context().Err() == nil {
		_, err = w.Write(bytes.Repeat([]byte("x"), 32<<10))
	}
	if a.ending == cut {
		_ = http.NewResponseController(w).Flush()
		breakConnection(w)
	}
}

// breakConnection ends the connection with a reset where the server allows it.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server's own way of breaking off
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Server is a site on a loopback port.
type Server struct {
	// URL is the base URL, for Site.Endpoints.
	URL string

	server *http.Server
	done   sync.WaitGroup
}

// Start serves the site on a free port of 127.0.0.1 until Close.
func (s *Site) Start() (*Server, error) { return s.StartOn("127.0.0.1:0") }

// StartOn serves the site on the given address until Close.
func (s *Site) StartOn(address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve the simulator: %w", err)
	}
	server := &Server{
		URL:    "http://" + l.Addr().String(),
		server: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second},
	}
	server.done.Go(func() { _ = server.server.Serve(l) })
	return server, nil
}

// Close stops serving; requests that hang are broken off.
func (s *Server) Close() {
	_ = s.server.Close()
	s.done.Wait()
}

// Transport answers requests in memory, on the goroutine that asks: it needs no
// network, starts nothing, and therefore works on the fake clock of
// testing/synctest. Troubles and the end of a request's context come out as
// they would from a connection.
func (s *Site) Transport() http.RoundTripper { return transport{s} }

type transport struct{ site *Site }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	seen := r.Clone(ctx) // as a server has it
	if seen.Host == "" {
		seen.Host = r.URL.Host
	}
	a := t.site.answer(seen)
	switch a.ending {
	case hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case reset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	header := a.header.Clone()
	if header.Get("Date") == "" {
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	resp := &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(a.body)), Request: r,
	}
	switch a.ending {
	case endless:
		resp.ContentLength = -1
		resp.Body = &body{Reader: io.MultiReader(bytes.NewReader(a.body), forever{}), ctx: ctx}
	case cut:
		resp.Body = &body{Reader: io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{}), ctx: ctx}
	default:
		resp.Body = &body{Reader: bytes.NewReader(a.body), ctx: ctx}
	}
	return resp, nil
}

// body ends with its request's context, as a connection's does.
type body struct {
	io.Reader
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error { return nil }

type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
