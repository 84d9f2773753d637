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

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/signin"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/response"
)

// Config holds the keeper and what the server needs beside it. All but SignIn, QR,
// Log and Version have to be there.
type Config struct {
	Keeper *keeper.Keeper
	// Channels and Outputs are those that run now.
	Channels func() *alert.Channels
	Outputs  func() *engine.Outputs
	// Reload reads the configuration again.
	Reload func(ctx context.Context) (client.Reloaded, error)
	// NeedsRestart are the configuration's keys that were changed and take effect
	// at the next start.
	NeedsRestart func() []string
	// File is the one that the configuration is in.
	File string
	// Ready tells of the keeper's parts, or of those that a name stands for; false
	// where there is none.
	Ready func(ctx context.Context, part string) (client.Readiness, bool)
	// Metrics answers Prometheus.
	Metrics http.Handler
	// SignIn keeps who is signed in to the account page; nil where none is served.
	SignIn *signin.SignIn
	// QR draws a code as PNG; without it qr.png is not offered.
	QR func(content string) ([]byte, error)

	Policy  socket.Policy
	Log     zerolog.Logger
	Version string
}

// Server answers the control API: each group of routes has what it needs of the
// keeper, and the way to them (policy, parameters, panics, log) is the server's.
type Server struct {
	access      *access
	accounts    accounts
	credentials credentials
	logins      logins
	journal     journal
	delivery    delivery
	vault       vaultRoutes
	browsers    browsers
	monitor     monitor
	hosts       keeper.Shared
	reloading   func(ctx context.Context) (client.Reloaded, error)

	handler  http.Handler
	http     *http.Server
	log      zerolog.Logger
	ending   ending
	shutdown sync.Once
}

// New makes a server that does not listen yet.
func New(c Config) (*Server, error) {
	if err := c.Policy.Validate(); err != nil {
		return nil, err
	}
	k, who, end := c.Keeper, &access{directory: socket.NewDirectory()}, make(ending)
	who.policy.Store(&c.Policy)
	s := &Server{
		access:      who,
		accounts:    accounts{access: who, keeper: k.Accounts(), needsRestart: c.NeedsRestart, file: c.File},
		credentials: credentials{access: who, keeper: k, ending: end, log: c.Log},
		logins:      logins{access: who, keeper: k.Logins(), ending: end, draw: c.QR},
		delivery:    delivery{channels: c.Channels, outputs: c.Outputs},
		vault:       vaultRoutes{k.Vault()},
		browsers:    browsers{c.SignIn},
		monitor:     monitor{version: c.Version, ready: c.Ready, scraped: c.Metrics},
		hosts:       k.Shared(),
		reloading:   c.Reload, log: c.Log, ending: end,
	}
	s.journal = journal{access: who, store: k.Store(), tail: tail{store: k.Store()}, messages: alert.NewReader(k), ending: end, status: s.accounts.statusFor}
	s.handler = s.guard(s.mux())
	s.http = &http.Server{
		Handler:     s.handler,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return ofConnection(socket.ConnContext(ctx, c)) },
		// There is no ReadTimeout and no WriteTimeout: both would end the
		// waits and the streams. The body's reading and each write have their
		// own deadlines instead, and connections their own limits.
		ConnState:      socket.Moved,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       stdlog.New(c.Log.With().Str("part", "control").Logger(), "", 0),
	}
	return s, nil
}

// SetPolicy replaces the policy for every request, and for every entry of a
// stream, from now on. A policy with a fault is not taken.
func (s *Server) SetPolicy(p socket.Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}
	s.access.policy.Store(&p)
	return nil
}

// Serve answers on a listener until Shutdown, and then returns nil. It may be
// called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(socket.CutSlow(l)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// Shutdown closes the listeners, ends waits and streams, and lets the requests
// under way finish until ctx ends; then their connections are closed.
func (s *Server) Shutdown(ctx context.Context) error {
	s.shutdown.Do(func() { close(s.ending) })
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

func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := s.reloading(r.Context())
	if err != nil {
		return err
	}
	result.Changed = append([]string{}, result.Changed...)
	result.NeedsRestart = append([]string{}, result.NeedsRestart...)
	return writeJSON(w, result)
}

// reply is the answer to a request.
type reply struct {
	response.Recorder
	// conn is the connection, nil where there is none to know of.
	conn *connection
}

// always are the headers of every answer. Nobody changes them.
var always = struct{ cache, kind []string }{[]string{"no-store"}, []string{"nosniff"}}

// guard is around every request: headers, refusal of browsers, panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &reply{Recorder: response.Recorder{ResponseWriter: w}}
		out.conn, _ = r.Context().Value(connectionKey{}).(*connection)
		head := out.Header()
		head["Cache-Control"], head["X-Content-Type-Options"] = always.cache, always.kind
		defer func() {
			if v := recover(); v != nil {
				s.panicked(out, r, v)
			}
		}()
		if p := refuse(r); p != nil {
			writeProblem(out, asProblem(p))
			return
		}
		if s.again(out, r) {
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
	s.log.Error().Str("method", r.Method).Str("panic", text).
		Str("stack", string(debug.Stack())).Msg("a request panicked")
	if out.Status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeProblem(out, asProblem(&client.Problem{Type: client.ProblemInternal,
		Detail: "the keeper failed at this request; its log says more"}))
}

// refuse turns the pages of browsers away: one that got hold of a forwarder to the
// socket, or that rebound a name to one, cannot help sending one of these. Programs
// send none of them; some send the other headers of fetch, as Node does.
func refuse(r *http.Request) *client.Problem {
	for _, name := range [...]string{"Origin", "Referer", "Sec-Fetch-Site"} {
		if sent := r.Header[name]; len(sent) > 0 && (name != "Sec-Fetch-Site" || slices.ContainsFunc(sent, func(v string) bool { return v != "none" })) {
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
	if ownName(host) {
		return true
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), ""
	}
	return outbound.Local(name) || port == "" && ownName(name)
}

func ownName(host string) bool {
	switch host {
	case "", "unix", "bilikeeper", "control", "localhost":
		return true
	}
	return false
}
