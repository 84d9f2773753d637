package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// The outcomes that are not the keeper's own answer.
var (
	// ErrNoKeeper: nobody answers on the socket. Nothing was sent.
	ErrNoKeeper = errors.New("no keeper answers on the socket")
	// ErrNoPermission: the operating system keeps the caller from the socket.
	// Nothing was sent.
	ErrNoPermission = errors.New("not permitted to use the keeper's socket")
	// ErrBroken: the connection ended before the answer did. Whether the
	// keeper acted on the request is unknown.
	ErrBroken = errors.New("the keeper went away before it had answered")
	// ErrForeign: the answer does not look like a keeper's.
	ErrForeign = errors.New("the answer on the socket is not a keeper's")
)

// maxAnswer bounds what is read into memory: ten thousand accounts fit ten
// times over.
const maxAnswer = 64 << 20

// Client speaks to one keeper. The zero value speaks to the one on
// [DefaultSocket]. Fields are set before the first call and not changed after.
type Client struct {
	// Socket is the path of the keeper's socket; "" means DefaultSocket.
	Socket string
	// Dial opens the connection where the socket is not dialled directly: an
	// SSH tunnel, a test. Nil dials Socket.
	Dial func(ctx context.Context) (net.Conn, error)

	once sync.Once
	http *http.Client
}

// Path is the socket that the client dials.
func (c *Client) Path() string {
	if c.Socket != "" {
		return c.Socket
	}
	return DefaultSocket()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	open := c.Dial
	if open == nil {
		open = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.Path())
		}
	}
	conn, err := open(ctx)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", ErrNoPermission, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoKeeper, err)
}

func (c *Client) transport() *http.Client {
	c.once.Do(func() {
		c.http = &http.Client{
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
				// A connection per request costs some fifty microseconds on a
				// Unix socket. It buys that a restarted keeper never meets a
				// request on a dead connection, where a POST could not be
				// sent again blindly, and that nothing is left to close.
				DisableKeepAlives:      true,
				DisableCompression:     true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
	return c.http
}

// request is one call; body is sent as JSON unless it is nil.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any
	// also is one more status that an answer may have which is no refusal.
	also int
}

// send returns an answer below 400, whose body the caller closes.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	address := "http://bilikeeper" + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", withoutURL(err))
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.transport().Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNoContent ||
		resp.StatusCode == http.StatusNotModified || resp.StatusCode == r.also && !isProblem(resp) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(ctx, resp)
}

// failed sorts the errors of a request that got no answer.
func (c *Client) failed(ctx context.Context, err error) error {
	err = withoutURL(err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNoKeeper), errors.Is(err, ErrNoPermission):
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// withoutURL drops the address that net/http puts into its errors: queries
// stay out of texts that people paste.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func isProblem(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "application/problem+json"
}

// problem reads a refusal.
func problem(ctx context.Context, resp *http.Response) error {
	if !isProblem(resp) {
		return fmt.Errorf("%w: status %d", ErrForeign, resp.StatusCode)
	}
	data, err := read(ctx, resp)
	if err != nil {
		return err
	}
	var p Problem
	if err := json.Unmarshal(data, &p); err != nil || p.Type == "" {
		return fmt.Errorf("%w: status %d, unreadable problem", ErrForeign, resp.StatusCode)
	}
	p.Status = resp.StatusCode
	return &p
}

// read takes a whole body. An oversized one is an error, never a cut text.
func read(ctx context.Context, resp *http.Response) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("%w: over %d bytes", ErrForeign, maxAnswer)
	}
	return data, nil
}

// call sends a request and decodes the JSON answer. Fields that this version
// does not know are passed over, so that a newer keeper can be asked.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var answer T
	resp, err := c.send(ctx, r)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	data, err := read(ctx, resp)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return answer, nil
}

// order sends a request whose answer has no content.
func (c *Client) order(ctx context.Context, r request) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
