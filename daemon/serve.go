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

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/output/serve"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
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

// networkReaders is the keeper as the read listener calls it.
type networkReaders struct{ keeper *keeper.Keeper }

// Credential implements serve.Source.
func (n networkReaders) Credential(_ context.Context, name string) (output.Credential, bool, error) {
	held := n.keeper.Credentials().Held(name)
	return engine.FromKeeper(held), held.Alive, nil
}

// Read implements serve.Auditor. Unlike on the socket, where the system says who
// asks, nothing is given that cannot be noted.
func (n networkReaders) Read(_ context.Context, name, format, remote string) error {
	return n.keeper.Credentials().NoteRead(audit.Reading{
		Account: name, Format: format, Generation: n.keeper.Credentials().Held(name).Generation, Remote: remote,
	})
}

// readServer is the listener from which programs fetch credentials. Its
// handler is nil where it is off.
type readServer struct {
	keeper  *keeper.Keeper
	address string
	handler http.Handler
}

// newReadServer builds what [serve] says. It does not listen yet.
func newReadServer(k *keeper.Keeper, all config.Config) (*readServer, error) {
	c := all.Serve
	s := &readServer{keeper: k, address: c.Listen}
	if c.Listen == "" {
		return s, nil
	}
	proxies, err := clientaddr.New(all.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	parts := serve.Config{Proxies: proxies}
	for _, entry := range c.CookieCloud {
		password, err := entry.Password()
		if err != nil {
			return nil, fmt.Errorf("serve.cookiecloud for %s: %w", entry.Account, err)
		}
		parts.Clouds = append(parts.Clouds, serve.Cloud{Account: entry.Account, UUID: entry.UUID, Password: password, Crypto: entry.Crypto})
	}
	if !c.RSSHub.IsZero() {
		token, err := c.RSSHub.Token()
		if err != nil {
			return nil, fmt.Errorf("serve.rsshub: %w", err)
		}
		parts.RSSHub = &serve.RSSHub{Accounts: c.RSSHub.Accounts, Auth: token}
	}
	h, err := serve.New(networkReaders{k}, networkReaders{k}, *k.Log(), parts)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s.handler = h
	return s, nil
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
