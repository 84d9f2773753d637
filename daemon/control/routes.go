package control

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// subject says for what a route's verb has to be allowed.
type subject string

const (
	ofNothing subject = "nothing" // open to everyone who can connect
	ofKeeper  subject = "keeper"  // the keeper as a whole: a rule for "*"
	ofAny     subject = "any"     // at least one account; the answer is filtered
	ofAccount subject = "account" // the account {name} in the path
	ofOwner   subject = "owner"   // the keeper's owner and root, whatever the rules say
	ofLogin   subject = "login"   // the account of the login {id} in the path
	ofBody    subject = "body"    // the account in the body: serve asks itself
)

// route is one method of one path. What a peer has to be allowed stands here
// and not in the handlers, so that no handler can forget it.
type route struct {
	method, path string
	verb         string
	of           subject
	query        []string // the parameters that are understood
	// serve answers, or returns the error to answer with.
	serve func(w http.ResponseWriter, r *http.Request) error
}

// ofOneHost reports whether only the host that looks after the account may carry it out:
// it changes something of one account.
func (rt route) ofOneHost() bool {
	return rt.method != http.MethodGet && (rt.of == ofAccount || rt.of == ofLogin || rt.of == ofBody)
}

// verbOpen marks a route that everyone who can connect may use.
const verbOpen = "open"

func (s *Server) routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	const account, login = "/v1/accounts/{name}", "/v1/logins/{id}"
	return []route{
		{get, "/v1/healthz", verbOpen, ofNothing, nil, s.monitor.healthz},
		{get, "/v1/readyz", socket.VerbStatus, ofKeeper, nil, s.monitor.readyz},
		{get, "/v1/readyz/{part}", socket.VerbStatus, ofKeeper, nil, s.monitor.readyz},
		{get, "/v1/openapi.json", verbOpen, ofNothing, nil, s.monitor.openapi},
		{get, "/v1/status", socket.VerbStatus, ofAny, []string{"account"}, s.accounts.status},
		{get, "/v1/events", socket.VerbStatus, ofAny, []string{"after", "since", "account", "type", "limit"}, s.journal.events},
		{get, "/v1/messages", socket.VerbStatus, ofAny, []string{"after", "wait", "limit"}, s.journal.listMessages},

		{get, "/v1/accounts", socket.VerbStatus, ofAny, nil, s.accounts.list},
		{post, "/v1/accounts", socket.VerbManage, ofBody, nil, s.accounts.importLogin},
		{get, account, socket.VerbStatus, ofAccount, nil, s.accounts.get},
		{patch, account, socket.VerbManage, ofAccount, nil, s.accounts.patch},
		{del, account, socket.VerbManage, ofAccount, nil, s.accounts.forget},
		{get, account + "/history", socket.VerbStatus, ofAccount, []string{"days"}, s.accounts.history},
		{get, account + "/credential", socket.VerbGet, ofAccount,
			[]string{"format", "with_refresh_token", "stale", "after", "wait"}, s.credentials.one},
		{get, "/v1/credential", socket.VerbGet, ofAny,
			[]string{"tag", "strategy", "format", "with_refresh_token", "stale", "after", "wait"}, s.credentials.ofMany},
		{post, account + "/check", socket.VerbCheck, ofAccount, nil, s.accounts.check},
		{post, account + "/refresh", socket.VerbRefresh, ofAccount, nil, s.accounts.refresh},
		{post, account + "/logout", socket.VerbManage, ofAccount, nil, s.accounts.logout},

		{post, "/v1/logins", socket.VerbLogin, ofBody, nil, s.logins.start},
		{get, login, socket.VerbLogin, ofLogin, []string{"after", "wait"}, s.logins.get},
		{del, login, socket.VerbLogin, ofLogin, nil, s.logins.cancel},
		{get, login + "/qr.png", socket.VerbLogin, ofLogin, nil, s.logins.picture},
		{post, login + "/{step}", socket.VerbLogin, ofLogin, nil, s.logins.step},

		{get, "/v1/notify", socket.VerbStatus, ofKeeper, nil, s.delivery.listChannels},
		{post, "/v1/notify/{name}/test", socket.VerbManage, ofKeeper, nil, s.delivery.testChannel},
		{get, "/v1/outputs", socket.VerbStatus, ofKeeper, nil, s.delivery.listOutputs},
		{post, "/v1/outputs/{name}/run", socket.VerbManage, ofKeeper, nil, s.delivery.runOutput},
		{post, "/v1/reload", socket.VerbManage, ofKeeper, nil, s.reload},

		{post, "/v1/page/links", socket.VerbManage, ofKeeper, nil, s.browsers.link},
		{get, "/v1/page/sessions", socket.VerbManage, ofKeeper, nil, s.browsers.list},
		{del, "/v1/page/sessions/{id}", socket.VerbManage, ofKeeper, nil, s.browsers.revoke},

		{get, "/v1/vault", socket.VerbManage, ofKeeper, nil, s.vault.info},
		{get, "/v1/vault/verify", socket.VerbManage, ofKeeper, nil, s.vault.verify},
		{post, "/v1/vault/backup", socket.VerbManage, ofKeeper, nil, s.vault.backup},
		{post, "/v1/vault/slots", socket.VerbManage, ofOwner, nil, s.vault.addSlot},
		{del, "/v1/vault/slots/{id}", socket.VerbManage, ofOwner, []string{"rely_on"}, s.vault.removeSlot},
		{get, "/metrics", socket.VerbStatus, ofKeeper, nil, s.monitor.metrics},
	}
}

// mux serves the table. Paths are registered without methods, so that a wrong
// method is answered by us, as a problem.
func (s *Server) mux() http.Handler {
	byPath := map[string]map[string]route{}
	for _, rt := range s.routes() {
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]route{}
		}
		byPath[rt.path][rt.method] = rt
	}
	mux := http.NewServeMux()
	for path, methods := range byPath {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, methods) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, asProblem(notFound("no such path")))
	})
	return mux
}

// dispatch answers one request to a known path.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	var started time.Time
	if r.Method != http.MethodGet {
		started = time.Now()
	}
	rt, ok := methods[r.Method]
	if r.Method == http.MethodHead { // net/http keeps the body back
		rt, ok = methods[http.MethodGet]
	}
	var err error
	switch {
	case !ok:
		err = wrongMethod(w, methods)
	default:
		err = s.serve(w, r, rt)
	}
	if err != nil {
		s.fail(w, r, err)
	}
	if ok && rt.method != http.MethodGet {
		s.record(w, r, rt, started)
	}
}

// wrongMethod tells which methods there are.
func wrongMethod(w http.ResponseWriter, methods map[string]route) *client.Problem {
	var allowed []string
	for method := range methods {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &client.Problem{Type: client.ProblemMethod, Detail: "this path knows " + strings.Join(allowed, ", ")}
}

// serve is a request's way: the policy, the parameters, the work.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, rt route) error {
	if err := s.permit(r, rt); err != nil {
		if p, ok := errors.AsType[*client.Problem](err); ok && rt.verb == socket.VerbGet {
			s.credentials.noteRefused(r, p)
		}
		return err
	}
	if err := knownParameters(r, rt.query); err != nil {
		return err
	}
	if rt.ofOneHost() && !s.hosts.Alone() {
		return s.serveByOwner(w, r, rt)
	}
	return rt.serve(w, r)
}

// permit asks the policy about a route, as far as path and peer tell.
func (s *Server) permit(r *http.Request, rt route) error {
	own := s.access.of(r)
	account := socket.Every
	switch rt.of {
	case ofNothing, ofBody:
		return nil
	case ofOwner:
		// Whoever makes a slot of their own and takes a backup reads everything,
		// which no rule lets anybody do.
		if own.All() {
			return nil
		}
		return &client.Problem{Type: client.ProblemNotPermitted,
			Detail: "what opens the vault is changed by the keeper's own user and by root alone"}
	case ofAny:
		if own.MayAny(rt.verb) {
			return nil
		}
		return s.access.refusal(own, rt.verb, "")
	case ofAccount:
		account = r.PathValue("name")
	case ofLogin:
		l, err := s.logins.keeper.Get(r.PathValue("id"))
		if err != nil {
			// Whether there is such a login is told only to those who may
			// log in at all.
			if own.MayAny(rt.verb) {
				return err
			}
			return s.access.refusal(own, rt.verb, "")
		}
		account = l.Account
	}
	if !own.May(rt.verb, account) {
		return s.access.refusal(own, rt.verb, account)
	}
	return nil
}

// fail answers with an error, unless an answer has begun or nobody is there to
// read it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	p := asProblem(err)
	if p.Status == http.StatusInternalServerError {
		s.log.Error().Str("route", r.Pattern).Str("method", r.Method).Str("type", p.Type).
			Err(err).Msg("a request failed")
	}
	if out, ok := w.(*reply); ok && out.Status != 0 {
		return
	}
	writeProblem(w, p)
}

// record logs what may have changed something. The path's pattern and the
// account are logged, the query never.
func (s *Server) record(w http.ResponseWriter, r *http.Request, rt route, started time.Time) {
	status := 0
	if out, ok := w.(*reply); ok {
		status = out.Status
	}
	peer := socket.PeerOf(r.Context())
	line := s.log.Debug().Str("method", r.Method).Str("route", rt.path).Int("status", status).
		Dur("took", time.Since(started)).Uint32("uid", peer.UID).Int32("pid", peer.PID).Str("program", peer.Program)
	if name := r.PathValue("name"); name != "" {
		line = line.Str("name", name)
	}
	line.Msg("control request")
}
