package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// access says who asks and what they may, by the policy as it is at that moment.
type access struct {
	policy    atomic.Pointer[socket.Policy]
	directory *socket.Directory
}

func (a *access) rights(p socket.Peer) socket.Rights { return a.policy.Load().Rights(p, a.directory) }

// of are the rights of a request's peer.
func (a *access) of(r *http.Request) socket.Rights {
	if own, ok := handover.Rights(r.Context()); ok {
		return own
	}
	return a.rights(socket.PeerOf(r.Context()))
}

// refusal says why rights are not enough for a verb of an account, and what
// grants it.
func (a *access) refusal(own socket.Rights, verb, account string) *client.Problem {
	return own.Refusal(verb, account, a.directory)
}

// user is the name of a request's peer.
func (a *access) user(r *http.Request) string {
	if p := socket.PeerOf(r.Context()); p.Known {
		return a.directory.UserName(p.UID)
	}
	return ""
}

// serveByOwner serves a request here, or has the host carry it out that looks after the
// account. Who may ask is decided here.
func (s *Server) serveByOwner(w http.ResponseWriter, r *http.Request, rt route) error {
	body, err := wholeBody(w, r)
	if err != nil {
		return err
	}
	name, err := s.accountOf(r, rt, body)
	if err != nil {
		return err
	}
	own := s.access.of(r)
	if !own.May(rt.verb, name) {
		return s.access.refusal(own, rt.verb, name)
	}
	here := func() error {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return rt.serve(w, r)
	}
	if _, handed := handover.Rights(r.Context()); handed {
		if s.hosts.Host(name) != "" {
			return account.Elsewhere(name)
		}
		return here()
	}
	return handover.ByOwner(r.Context(), s.hosts, name, here, func(host string) error {
		return s.handOver(w, r, host, handover.Of(r, body, name, own))
	})
}

// wholeBody reads a request's body, which is needed again.
func wholeBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(slow))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, badRequest("the body could not be read")
	}
	return body, nil
}

// accountOf is the account that a request is about. A body that says nothing that is
// understood means the usual one; what is wrong with it is told when it is carried out.
func (s *Server) accountOf(r *http.Request, rt route, body []byte) (string, error) {
	switch rt.of {
	case ofAccount:
		return r.PathValue("name"), nil
	case ofLogin:
		l, err := s.logins.keeper.Get(r.PathValue("id"))
		return l.Account, err
	}
	named := struct {
		Account string `json:"account"`
	}{}
	if json.Unmarshal(body, &named) != nil || named.Account == "" {
		return defaultAccount, nil
	}
	return named.Account, nil
}

// handOver has another host carry out a request, and answers with its answer.
func (s *Server) handOver(w http.ResponseWriter, r *http.Request, host string, h handover.Request) error {
	answer, err := h.Ask(r.Context(), s.hosts, host)
	if errors.Is(err, &client.Problem{Type: client.ProblemHostAway}) {
		s.log.Warn().Err(err).Str("host", host).Str("account", h.Account).Msg("a request was not carried out by the host that looks after the account")
	}
	if err != nil {
		return err
	}
	if len(answer.Body) == 0 {
		w.WriteHeader(answer.Status)
		return nil
	}
	writeBody(w, answer.Status, answer.Kind, answer.Body)
	return nil
}

// Carry carries out what another host has handed over, and returns the answer to it.
func (s *Server) Carry(ctx context.Context, from string, request []byte) ([]byte, error) {
	if answer, ok, err := s.hosts.Offers().Take(ctx, request); ok {
		return answer, err
	}
	r, name, err := handover.Read(ctx, request)
	if err != nil {
		return nil, err
	}
	s.log.Debug().Str("host", from).Str("account", name).Str("method", r.Method).Msg("a request that was handed over")
	out := &handover.Recorder{}
	s.handler.ServeHTTP(out, r)
	revision := uint64(0)
	if known := s.credentials.keeper.Record(name); known != nil {
		revision = known.Revision
	}
	return out.Answer(revision)
}
