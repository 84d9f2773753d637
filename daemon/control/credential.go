package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output"
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

// offer is a rendered credential, ready to be handed out. Several requests may have
// the same form.
type offer struct {
	*form
	// etag names account and generation among all that the same address may
	// answer.
	etag []string
}

// form is a credential in one format, with what a header says of it.
type form struct {
	body                     []byte
	generation               uint64
	account                  string
	name, etag, kind, length []string
}

// Format implements [fmt.Formatter], so that no verb prints the body.
func (o *form) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credential of generation "+strconv.FormatUint(o.generation, 10)+" [redacted]")
}

// news reports whether the caller does not have the offer yet.
func (a asked) news(o offer) bool {
	return (!a.given || o.generation > a.after) && !holds(a.have, o.etag[0])
}

// credentials serves credentials and notes who reads them.
type credentials struct {
	*access
	keeper *keeper.Keeper
	ending ending
	pools  pools
	log    zerolog.Logger
}

// one answers with the credential of the account in the path.
func (c *credentials) one(w http.ResponseWriter, r *http.Request) error {
	a, err := readAsked(r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	remember(w, r, name, a)
	return c.answer(w, r, name, a)
}

// answer hands an account's credential out.
func (c *credentials) answer(w http.ResponseWriter, r *http.Request, name string, a asked) error {
	var got offer
	var err error
	if a.wait == 0 {
		got, err = c.permitted(r, name, a)
	} else {
		changed := func() <-chan struct{} { return c.keeper.Credentials().Changed(name) }
		got, err = c.await(r.Context(), a, changed, a.news, func() (offer, error) { return c.permitted(r, name, a) })
	}
	if err != nil {
		return err
	}
	return c.handOut(w, r, a, got)
}

// permitted is an account's credential as it is now, for a peer who may have it. Both
// are looked at each time: they may change during a wait.
func (c *credentials) permitted(r *http.Request, name string, a asked) (offer, error) {
	own := c.of(r)
	for _, verb := range a.verbs() {
		if !own.May(verb, name) {
			return offer{}, c.refuseReading(r, c.refusal(own, verb, name), verb, name, a)
		}
	}
	got, err := c.render(name, a)
	if err != nil {
		return offer{}, err
	}
	return offer{got, got.etag}, nil
}

// render writes an account's credential in the format that is asked for.
func (c *credentials) render(name string, a asked) (*form, error) {
	key := keeper.FormKey{Format: a.format, WithRefreshToken: a.withRefreshToken}
	got, err := c.keeper.Credentials().Form(name, a.stale, key, func(held keeper.Credential) (any, error) {
		out, err := output.Render(a.format, held, output.Options{WithRefreshToken: a.withRefreshToken})
		if wrong, ok := errors.AsType[*output.Error](err); ok {
			return nil, account.BadRequest("%s", wrong)
		}
		if err != nil {
			return nil, err
		}
		return &form{
			body: out.Body, generation: held.Generation, account: name,
			name: []string{name}, etag: []string{`"` + strconv.FormatUint(held.Generation, 10) + `"`},
			kind: []string{cmp.Or(out.ContentType, "application/octet-stream")}, length: []string{strconv.Itoa(len(out.Body))},
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return got.(*form), nil
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
func (c *credentials) refuseReading(r *http.Request, p *client.Problem, verb, name string, a asked) *client.Problem {
	if verb == socket.VerbRefresh {
		p.Detail += ", which the refresh token takes: whoever has it can refresh"
	}
	c.keeper.Credentials().NoteRefused(audit.Reading{
		Account: name, Tag: a.tag, WithRefreshToken: a.withRefreshToken, By: socket.PeerOf(r.Context()), User: c.user(r), Verb: verb,
	})
	return p
}

// noteRefused notes that the policy kept a peer from a credential before the
// request was looked at any closer. A tag that nothing bears is anybody's
// invention and not noted.
func (c *credentials) noteRefused(r *http.Request, p *client.Problem) {
	a := asked{tag: r.URL.Query().Get("tag")}
	name := r.PathValue("name")
	if name != "" {
		a.tag = ""
	} else if len(c.tagged(a.tag)) == 0 {
		return
	}
	_ = c.refuseReading(r, p, socket.VerbGet, name, a)
}

// handOut answers with an offer, or with 304 where the caller has it already.
func (c *credentials) handOut(w http.ResponseWriter, r *http.Request, a asked, got offer) error {
	head := w.Header()
	head["Etag"], head[client.HeaderAccount] = got.etag, got.name
	switch {
	case !a.news(got):
		w.WriteHeader(http.StatusNotModified)
		return nil
	case r.Method == http.MethodHead: // no byte goes out, so nobody reads
		head["Content-Type"], head["Content-Length"] = got.kind, got.length
		w.WriteHeader(http.StatusOK)
		return nil
	}
	err := c.note(r, audit.Reading{
		Account: got.account, Tag: a.tag, Format: a.format, Generation: got.generation, WithRefreshToken: a.withRefreshToken,
		By: socket.PeerOf(r.Context()),
	})
	if err != nil {
		head.Del("ETag")
		head.Del(client.HeaderAccount)
		return err
	}
	head["Content-Type"], head["Content-Length"] = got.kind, got.length
	write(w, http.StatusOK, got.body)
	return nil
}

// note notes a reading, or counts it, as most are.
func (c *credentials) note(r *http.Request, reading audit.Reading) error {
	if c.keeper.Credentials().CountRead(reading) {
		return nil
	}
	reading.User = c.user(r)
	return c.keeper.Credentials().NoteRead(reading)
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
// wait is over. It looks anew when what changed returned is closed.
//
// A session that dies during the wait ends it, so that the caller hears of it
// at once. One that was dead from the start does not: whoever calls in a loop
// would spin on the refusals, and wants the credential of the next login. A login
// that is granted and not yet known whose is one to wait for too.
func (c *credentials) await(ctx context.Context, a asked, changed func() <-chan struct{}, wanted func(offer) bool, take func() (offer, error)) (offer, error) {
	if a.wait == 0 {
		return take()
	}
	var got offer
	var refused error
	wasDead := true
	err := c.ending.wait(ctx, a.wait, changed, func(bool) (bool, error) {
		got, refused = take()
		dead, granted := isProblem(refused, client.ProblemNeedsLogin), isProblem(refused, client.ProblemSiteAway)
		over := !granted && !(dead && wasDead)
		if refused == nil {
			over = wanted(got)
		}
		wasDead = dead || granted
		return over, nil
	})
	if err == nil {
		err = refused
	}
	return got, err
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
