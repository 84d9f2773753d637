package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// asked is what a request wants of a credential.
type asked struct {
	format                  string
	withRefreshToken, stale bool
	// after is the generation that the caller has, where given is true; have are
	// the tags that it has, from If-None-Match.
	after uint64
	given bool
	have  []string
	wait  time.Duration
	// tag and strategy are those of a request for any of several accounts.
	tag, strategy string
}

// offer is a rendered credential, ready to be handed out.
type offer struct {
	output.Rendered
	generation uint64
	account    string
	// etag names account and generation among all that the same address may
	// answer.
	etag string
}

// Format implements [fmt.Formatter], so that no verb prints the body.
func (o offer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credential of generation "+strconv.FormatUint(o.generation, 10)+" [redacted]")
}

// news reports whether the caller does not have the offer yet.
func (a asked) news(o offer) bool {
	return (!a.given || o.generation > a.after) && !holds(a.have, o.etag)
}

func (s *Server) credential(w http.ResponseWriter, r *http.Request) error {
	a, err := readAsked(r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	got, err := s.await(r.Context(), a, a.news, func() (offer, error) {
		// Looked at each time: the policy may change during a wait.
		own := s.rights(socket.PeerOf(r.Context()))
		for _, verb := range a.verbs() {
			if !own.May(verb, name) {
				return offer{}, s.refuseReading(r, own.Refusal(verb, name, s.directory), verb, name, a)
			}
		}
		got, err := s.render(name, a)
		got.etag = `"` + strconv.FormatUint(got.generation, 10) + `"`
		return got, err
	})
	if err != nil {
		return err
	}
	return s.handOut(w, r, a, got)
}

// render writes an account's credential in the format that is asked for.
func (s *Server) render(name string, a asked) (offer, error) {
	c, err := s.parts.Credentials.Get(name, a.stale)
	if err != nil {
		return offer{}, err
	}
	out, err := output.Render(a.format, engine.FromKeeper(c), output.Options{WithRefreshToken: a.withRefreshToken})
	if wrong, ok := errors.AsType[*output.Error](err); ok {
		return offer{}, account.BadRequest("%s", wrong)
	}
	return offer{Rendered: out, generation: c.Generation, account: name}, err
}

// verbs are what a reading has to be allowed. Whoever holds the refresh token
// can refresh, so it takes that verb too.
func (a asked) verbs() []string {
	if a.withRefreshToken {
		return []string{socket.VerbGet, socket.VerbRefresh}
	}
	return []string{socket.VerbGet}
}

// refuseReading notes a refusal and returns it.
func (s *Server) refuseReading(r *http.Request, p *client.Problem, verb, name string, a asked) *client.Problem {
	if verb == socket.VerbRefresh {
		p.Detail += ", which the refresh token takes: whoever has it can refresh"
	}
	s.parts.Credentials.NoteRefused(audit.Reading{
		Account: name, Tag: a.tag, WithRefreshToken: a.withRefreshToken, By: socket.PeerOf(r.Context()), User: s.user(r), Verb: verb,
	})
	return p
}

// noteRefused notes that the policy kept a peer from a credential before the
// request was looked at any closer. A tag that nothing bears is anybody's
// invention and not noted.
func (s *Server) noteRefused(r *http.Request, p *client.Problem) {
	a := asked{tag: r.URL.Query().Get("tag")}
	name := r.PathValue("name")
	if name != "" {
		a.tag = ""
	} else if len(s.tagged(a.tag)) == 0 {
		return
	}
	_ = s.refuseReading(r, p, socket.VerbGet, name, a)
}

// user is the name of a request's peer.
func (s *Server) user(r *http.Request) string {
	if p := socket.PeerOf(r.Context()); p.Known {
		return s.directory.UserName(p.UID)
	}
	return ""
}

// handOut answers with an offer, or with 304 where the caller has it already.
func (s *Server) handOut(w http.ResponseWriter, r *http.Request, a asked, got offer) error {
	head := w.Header()
	head.Set("ETag", got.etag)
	head.Set(client.HeaderAccount, got.account)
	kind := cmp.Or(got.ContentType, "application/octet-stream")
	switch {
	case !a.news(got):
		w.WriteHeader(http.StatusNotModified)
		return nil
	case r.Method == http.MethodHead: // no byte goes out, so nobody reads
		head.Set("Content-Type", kind)
		head.Set("Content-Length", strconv.Itoa(len(got.Body)))
		w.WriteHeader(http.StatusOK)
		return nil
	}
	err := s.parts.Credentials.NoteRead(audit.Reading{
		Account: got.account, Tag: a.tag, Format: a.format, Generation: got.generation, WithRefreshToken: a.withRefreshToken,
		By: socket.PeerOf(r.Context()), User: s.user(r),
	})
	if err != nil {
		head.Del("ETag")
		head.Del(client.HeaderAccount)
		if r.Context().Err() == nil && !isProblem(err, client.ProblemStorage) {
			s.parts.Log.Error().Err(err).Msg("a reading could not be recorded")
			err = &client.Problem{Type: client.ProblemStorage,
				Detail: "the reading could not be recorded, so the credential stays here"}
		}
		return err
	}
	writeBody(w, http.StatusOK, kind, got.Body)
	return nil
}

func readAsked(r *http.Request) (asked, error) {
	query := r.URL.Query()
	a := asked{have: r.Header.Values("If-None-Match"), tag: query.Get("tag"), strategy: query.Get("strategy")}
	a.format = cmp.Or(query.Get("format"), "header")
	var err error
	if a.withRefreshToken, err = boolean(query, "with_refresh_token"); err != nil {
		return a, err
	}
	if a.stale, err = boolean(query, "stale"); err != nil {
		return a, err
	}
	if a.after, a.given, err = counter(query, "after"); err != nil {
		return a, err
	}
	a.wait, err = waitOf(query)
	return a, err
}

// await returns what take offers once it is wanted, and what there is when the
// wait is over.
//
// A session that dies during the wait ends it, so that the caller hears of it
// at once. One that was dead from the start does not: whoever calls in a loop
// would spin on the refusals, and wants the credential of the next login. A login
// that is granted and not yet known whose is one to wait for too.
func (s *Server) await(ctx context.Context, a asked, wanted func(offer) bool, take func() (offer, error)) (offer, error) {
	over := time.NewTimer(a.wait)
	defer over.Stop()
	for wasDead := true; ; {
		changed := s.parts.Journal.Changed()
		got, err := take()
		dead, granted := isProblem(err, client.ProblemNeedsLogin), isProblem(err, client.ProblemSiteAway)
		if err == nil && wanted(got) || err != nil && !granted && !(dead && wasDead) || a.wait == 0 {
			return got, err
		}
		wasDead = dead || granted
		select {
		case <-changed:
		case <-over.C:
			return got, err
		case <-s.closing:
			return got, err
		case <-ctx.Done():
			return offer{}, ctx.Err()
		}
	}
}

// holds reports whether an If-None-Match names a tag. The comparison is the
// weak one, as that header wants it.
func holds(headers []string, tag string) bool {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// waitOf reads ?wait=30s.
func waitOf(query url.Values) (time.Duration, error) {
	if !query.Has("wait") {
		return 0, nil
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil || wait < 0 || wait > longestWait {
		return 0, badRequest("the parameter \"wait\" is a duration from 0s to %s, as in 30s", longestWait)
	}
	return wait, nil
}
