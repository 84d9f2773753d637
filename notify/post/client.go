package post

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/notify"
)

// What a channel needs of package outbound stands here under the same names, so
// that it does not have to know two packages.
type (
	Options = outbound.Options
	Request = outbound.Request
	Reply   = outbound.Reply
	Label   = outbound.Label
	// Error is why a message did not arrive.
	Error = outbound.Error
)

// NewLabel makes the label of a channel of a kind that sends to host.
func NewLabel(kind, host string) Label { return outbound.NewLabel(kind, host) }

// Client sends to one service. It is safe for concurrent use.
type Client struct{ *outbound.Client }

// New checks the address of a service, which what names in errors. It connects
// to nothing.
func New(what, base string, o Options) (*Client, error) {
	c, err := outbound.New(what, base, o)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// JSON makes the request that has v as its body.
func JSON(v any, path ...string) Request {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	// A URL with \u0026 in it is correct, and hard to read in a receiver's log.
	enc.SetEscapeHTML(false)
	// What channels encode are structs of texts and numbers: it cannot fail.
	_ = enc.Encode(v)
	return Request{Path: path, Type: "application/json", Body: bytes.TrimRight(buf.Bytes(), "\n")}
}

// Do sends a request once. Its error is a *notify.SendError with an *Error in
// it, by the status alone; the reply is valid beside one whenever its Status is
// not 0.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	reply, err := c.Client.Do(ctx, r)
	if e, ok := errors.AsType[*Error](err); ok {
		err = Failed(e)
	}
	return reply, err
}

// Failed tells the pipeline of an error.
func Failed(e *Error) error {
	return &notify.SendError{Retry: e.Retry, After: e.After, Err: e}
}

// Ask is Do for a service that answers in JSON, which goes into said. An answer
// that is something else is an error as well.
func (c *Client) Ask(ctx context.Context, r Request, said any) (Reply, error) {
	reply, err := c.Do(ctx, r)
	if err == nil && !reply.Decode(said) {
		err = c.Nonsense(reply)
	}
	return reply, err
}
