// Package handover has what only an account's owner may carry out done by it, whichever
// host is asked: a request to the control API on its way from the host that was asked to
// the one that looks after the account, and the answer on its way back; and the same
// operations for who has no request, the pages and the chats ([Anywhere]).
//
// Who may ask for what was decided by the host that was asked, and goes along as the
// verbs that the caller may use; nothing else of the caller does. Which routes there are
// and what they do is package control's. What is carried holds secrets, and is sealed by
// whoever carries it.
//
// Guarantees: a request is carried out at most once; where it was not begun, the owner
// is looked for anew for a while; who asked finds in its own host's copy what came of it.
// A keeper that is alone asks itself, and nothing of this costs it anything.
package handover

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// Request is a request that another host carries out.
type Request struct {
	Method string `json:"method"`
	// Target is the path with the query.
	Target string `json:"target"`
	Kind   string `json:"kind,omitempty"` // Content-Type
	Body   []byte `json:"body,omitempty"`
	// Account is what it is about, and May what its caller may do with that one.
	Account string   `json:"account"`
	May     []string `json:"may"`
	// Single says of a login that each of its codes is asked for anew.
	Single bool `json:"single,omitempty"`
}

// Of is a request with the body that was read from it.
func Of(r *http.Request, body []byte, account string, own socket.Rights) Request {
	h := Request{Method: r.Method, Target: r.URL.RequestURI(), Kind: r.Header.Get("Content-Type"), Body: body, Account: account, May: []string{}}
	for _, verb := range socket.Verbs() {
		if own.May(verb, account) {
			h.May = append(h.May, verb)
		}
	}
	return h
}

// Encode writes it for the way.
func (h Request) Encode() ([]byte, error) { return json.Marshal(h) }

type (
	key       struct{}
	singleKey struct{}
)

// Read makes a request of what Encode wrote. Its context has what the caller may do.
func Read(ctx context.Context, data []byte) (*http.Request, string, error) {
	var h Request
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, "", fmt.Errorf("a request of another host: %w", err)
	}
	ctx = context.WithValue(ctx, key{}, socket.RightsFor(h.Account, h.May))
	if h.Single {
		ctx = context.WithValue(ctx, singleKey{}, true)
	}
	r, err := http.NewRequestWithContext(ctx, h.Method, "http://localhost"+h.Target, bytes.NewReader(h.Body))
	if err != nil {
		return nil, "", fmt.Errorf("a request of another host: %w", err)
	}
	if h.Kind != "" {
		r.Header.Set("Content-Type", h.Kind)
	}
	return r, h.Account, nil
}

// Rights are what the caller of a request may do that another host has handed over;
// false for any other request.
func Rights(ctx context.Context) (socket.Rights, bool) {
	own, ok := ctx.Value(key{}).(socket.Rights)
	return own, ok
}

// Single reports whether a request that another host has handed over is of a login whose
// codes are each asked for anew.
func Single(ctx context.Context) bool { return ctx.Value(singleKey{}) != nil }

// Answer is what came of it.
type Answer struct {
	Status int    `json:"status"`
	Kind   string `json:"kind,omitempty"` // Content-Type
	Body   []byte `json:"body,omitempty"`
	// Revision is that of the account's record then, 0 where there is none any more.
	Revision uint64 `json:"revision"`
}

// ReadAnswer reads what Recorder.Answer was encoded to.
func ReadAnswer(data []byte) (a Answer, err error) {
	if err = json.Unmarshal(data, &a); err == nil && (a.Status < 200 || a.Status > 599) {
		err = fmt.Errorf("status %d", a.Status)
	}
	return a, err
}

// Problem is the problem that it is, nil where it is none.
func (a Answer) Problem() *client.Problem {
	if a.Status < 400 {
		return nil
	}
	p := &client.Problem{}
	if json.Unmarshal(a.Body, p) != nil || p.Type == "" {
		p = &client.Problem{Type: client.ProblemInternal, Detail: "the host that looks after the account failed"}
	}
	return p
}

// Recorder takes an answer down. Its zero value is ready.
type Recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *Recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

// WriteHeader implements [http.ResponseWriter].
func (r *Recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *Recorder) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(data)
}

// Answer encodes what was taken down.
func (r *Recorder) Answer(revision uint64) ([]byte, error) {
	r.WriteHeader(http.StatusOK)
	return json.Marshal(Answer{Status: r.status, Kind: r.Header().Get("Content-Type"), Body: r.body.Bytes(), Revision: revision})
}
