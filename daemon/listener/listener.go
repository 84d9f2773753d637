package listener

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

const (
	// callersAtOnce bounds the connections of a listener: they must not use up
	// what the keeper's own files and sockets need.
	callersAtOnce = 64
	// callerSlow bounds the reading of a request; an answer may take twice as long.
	callerSlow = 10 * time.Second
)

// Listener serves programs at an address. Its Handler is nil where it is off.
type Listener struct {
	Keeper *keeper.Keeper
	// Name is what it is called in the log and the status, Does what it does.
	Name, Does string
	Address    string
	Handler    http.Handler
}

// On reports whether it serves at all.
func (l *Listener) On() bool { return l.Handler != nil }

// Run serves until the context ends. A listener that fails is tried again: at boot its
// address may not be there yet. The keeper goes on without it meanwhile.
func (l *Listener) Run(ctx context.Context) error {
	problems := l.Keeper.Problems()
	defer problems.Clear(l.Name)
	if l.Handler == nil {
		<-ctx.Done()
		return nil
	}
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := l.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		problems.Set(l.Name, err)
		l.Keeper.Log().Error().Err(err).Dur("retry_in", pause).Msg("the " + l.Name + " does not serve")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// serve listens until the context ends or the listener fails.
func (l *Listener) serve(ctx context.Context) error {
	var config net.ListenConfig
	bound, err := config.Listen(ctx, "tcp", l.Address)
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err // the rest of it repeats the address
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", l.Address, err)
	}
	l.Keeper.Problems().Clear(l.Name)
	log := l.Keeper.Log().With().Str("part", l.Name).Logger()
	log.Info().Str("address", bound.Addr().String()).Msg(l.Does)
	server := &http.Server{
		Handler:           l.Handler,
		ReadHeaderTimeout: callerSlow / 2,
		ReadTimeout:       callerSlow,
		WriteTimeout:      2 * callerSlow,
		IdleTimeout:       callerSlow,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(log, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(bound, callersAtOnce)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", l.Address, err)
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
