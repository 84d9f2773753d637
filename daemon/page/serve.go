package page

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"
)

// ListenError says where the page could not listen, and why.
type ListenError struct {
	Address string
	Err     error
}

func (e *ListenError) Error() string {
	err := e.Err
	// The operating system's errors repeat the address.
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err
	}
	return fmt.Sprintf("login page on %s: %v", e.Address, err)
}

func (e *ListenError) Unwrap() error { return e.Err }

// Listen opens the address of [page], host:port.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &ListenError{Address: address, Err: err}
	}
	return l, nil
}

// slow bounds the reading of a request and each write; an answer that waits for
// the site may take patience.
const (
	slow     = 15 * time.Second
	patience = 40 * time.Second
)

func (p *Page) prepareServer() {
	p.shutdown = sync.OnceFunc(func() { close(p.closing) })
	p.http = &http.Server{
		Handler:           p.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       slow,
		WriteTimeout:      slow,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(p.parts.Log.With().Str("part", "page").Logger(), "", 0),
	}
}

// Serve answers on a listener until Shutdown, and then returns nil.
func (p *Page) Serve(l net.Listener) error {
	if err := p.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// Shutdown closes the listeners, ends streams, and lets the requests under way
// finish until ctx ends; then their connections are closed.
func (p *Page) Shutdown(ctx context.Context) error {
	p.shutdown()
	if err := p.http.Shutdown(ctx); err != nil {
		_ = p.http.Close()
		return fmt.Errorf("page: requests were cut off: %w", err)
	}
	return nil
}
