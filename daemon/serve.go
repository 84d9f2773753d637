package daemon

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
)

const (
	// readListener is what the listener is called in the log and the status.
	readListener = "read listener"
	// readersAtOnce bounds the connections: they must not use up what the
	// keeper's own files and sockets need.
	readersAtOnce = 64
	// readerSlow bounds the reading of a request and the writing of its answer.
	readerSlow = 10 * time.Second
)

// readServer is the listener from which programs fetch credentials. Its
// handler is nil where it is off.
type readServer struct {
	keeper  *keeper.Keeper
	address string
	handler http.Handler
}

// newReadServer builds what [serve] says. It does not listen yet. The error says
// what is left out; the server is there all the same, with the rest.
func newReadServer(k *keeper.Keeper, c config.Serve) (*readServer, error) {
	s := &readServer{keeper: k, address: c.Listen}
	h, err := parts.Reader(k, *k.Log(), c)
	if h != nil {
		s.handler = h
	}
	return s, err
}

// Run implements part. A listener that fails is tried again: at boot its
// address may not be there yet. The keeper goes on without it meanwhile.
func (s *readServer) Run(ctx context.Context) error {
	problems := s.keeper.Problems()
	defer problems.Clear(readListener)
	if s.handler == nil {
		<-ctx.Done()
		return nil
	}
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := s.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		problems.Set(readListener, err)
		s.keeper.Log().Error().Err(err).Dur("retry_in", pause).Msg("the " + readListener + " does not serve")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// serve listens until the context ends or the listener fails.
func (s *readServer) serve(ctx context.Context) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", s.address)
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err // the rest of it repeats the address
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.address, err)
	}
	s.keeper.Problems().Clear(readListener)
	log := s.keeper.Log().With().Str("part", readListener).Logger()
	log.Info().Str("address", l.Addr().String()).Msg("serving credentials to programs that prove themselves")
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readerSlow / 2,
		ReadTimeout:       readerSlow,
		WriteTimeout:      readerSlow,
		IdleTimeout:       readerSlow,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(log, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(l, readersAtOnce)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", s.address, err)
	case <-ctx.Done():
	}
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	<-served
	return nil
}
