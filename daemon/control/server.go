package control

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/internal/dialguard"
)

// Config holds the keeper's parts and what the server needs beside them. All
// but QR, Log and Version have to be there.
type Config struct {
	Accounts    Accounts
	Checker     Checker
	Refresher   Refresher
	Mover       Mover
	Outputs     Outputs
	SMS         SMS
	Credentials Credentials
	Logins      Logins
	Journal     Journal
	Channels    Channels
	Messages    Messages
	Reloader    Reloader
	Vault       Vault
	Slots       Slots
	// Ready tells of the keeper's parts, or of those that a name stands for; false
	// where there is none.
	Ready func(ctx context.Context, part string) (client.Readiness, bool)
	// Metrics answers Prometheus.
	Metrics http.Handler
	// QR draws a code as PNG; without it qr.png is not offered.
	QR func(content string) ([]byte, error)

	Policy  socket.Policy
	Log     zerolog.Logger
	Version string
}

func (c Config) validate() error {
	for name, missing := range map[string]bool{
		"Accounts": c.Accounts == nil, "Checker": c.Checker == nil, "Refresher": c.Refresher == nil, "Mover": c.Mover == nil, "Outputs": c.Outputs == nil, "SMS": c.SMS == nil, "Credentials": c.Credentials == nil,
		"Logins": c.Logins == nil, "Journal": c.Journal == nil, "Channels": c.Channels == nil, "Messages": c.Messages == nil,
		"Reloader": c.Reloader == nil, "Ready": c.Ready == nil, "Metrics": c.Metrics == nil, "Vault": c.Vault == nil, "Slots": c.Slots == nil,
	} {
		if missing {
			return fmt.Errorf("control: %s is missing", name)
		}
	}
	return c.Policy.Validate()
}

// Server answers the control API.
type Server struct {
	parts     Config
	policy    atomic.Pointer[socket.Policy]
	directory *socket.Directory
	pools     pools
	handler   http.Handler
	http      *http.Server
	// closing ends waits and streams when Shutdown begins.
	closing  chan struct{}
	shutdown sync.Once
}

// New makes a server that does not listen yet.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{parts: c, directory: socket.NewDirectory(), closing: make(chan struct{})}
	s.policy.Store(&c.Policy)
	s.handler = s.guard(s.mux())
	s.http = &http.Server{
		Handler:     s.handler,
		ConnContext: socket.ConnContext,
		// There is no ReadTimeout and no WriteTimeout: both would end the
		// waits and the streams. The body's reading and each write have their
		// own deadlines instead.
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(c.Log.With().Str("part", "control").Logger(), "", 0),
	}
	return s, nil
}

// SetPolicy replaces the policy for every request, and for every entry of a
// stream, from now on. A policy with a fault is not taken.
func (s *Server) SetPolicy(p socket.Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}
	s.policy.Store(&p)
	return nil
}

// Serve answers on a listener until Shutdown, and then returns nil. It may be
// called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// Shutdown closes the listeners, ends waits and streams, and lets the requests
// under way finish until ctx ends; then their connections are closed.
func (s *Server) Shutdown(ctx context.Context) error {
	s.shutdown.Do(func() { close(s.closing) })
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
		return fmt.Errorf("control: requests were cut off: %w", err)
	}
	return nil
}

// Handler is the API without a socket, for tests. A request needs a peer in
// its context, see [socket.WithPeer]; the kernel names none here.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) rights(p socket.Peer) socket.Rights { return s.policy.Load().Rights(p, s.directory) }

// reply notes whether and how a request has been answered.
type reply struct {
	http.ResponseWriter
	status int
}

func (r *reply) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *reply) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// guard is around every request: headers, refusal of browsers, panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &reply{ResponseWriter: w}
		out.Header().Set("Cache-Control", "no-store")
		out.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			if v := recover(); v != nil {
				s.panicked(out, r, v)
			}
		}()
		if p := refuse(r); p != nil {
			writeProblem(out, asProblem(p))
			return
		}
		// ServeMux would answer such a path with a redirect.
		if r.URL.Path != path.Clean(r.URL.Path) {
			writeProblem(out, asProblem(notFound("no such path")))
			return
		}
		next.ServeHTTP(out, r)
	})
}

// panicked logs a panic and answers, if nothing has been answered yet. The
// value of a panic may hold anything, a secret too, so that only the
// runtime's own is logged as text.
func (s *Server) panicked(out *reply, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	text := fmt.Sprintf("a %T", v)
	if fault, ok := v.(runtime.Error); ok {
		text = fault.Error()
	}
	s.parts.Log.Error().Str("method", r.Method).Str("panic", text).
		Str("stack", string(debug.Stack())).Msg("a request panicked")
	if out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeProblem(out, asProblem(&client.Problem{Type: client.ProblemInternal,
		Detail: "the request made the keeper stumble; its log says more"}))
}

// refuse turns the pages of browsers away: one that got hold of a forwarder to the
// socket, or that rebound a name to one, cannot help sending one of these. Programs
// send none of them; some send the other headers of fetch, as Node does.
func refuse(r *http.Request) *client.Problem {
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site"} {
		if sent := r.Header.Values(name); len(sent) > 0 && (name != "Sec-Fetch-Site" || slices.ContainsFunc(sent, func(v string) bool { return v != "none" })) {
			return &client.Problem{Type: client.ProblemNotPermitted,
				Detail: "requests with the header " + name + " are refused: they come from a page in a browser"}
		}
	}
	if !ownHost(r.Host) {
		return &client.Problem{Type: client.ProblemNotPermitted,
			Detail: "the request is addressed to another host",
			Hint:   "send the host localhost, as in http://localhost/v1/status"}
	}
	return nil
}

// ownHost knows what programs write for the host of a socket, and this machine with
// the port of a forwarder.
func ownHost(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), ""
	}
	if dialguard.Local(name) {
		return true
	}
	return port == "" && slices.Contains([]string{"", "unix", "bilikeeper", "control"}, name)
}
