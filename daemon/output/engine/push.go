package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/secretfile"
)

// Push sends the credential to a program's own interface.
type Push struct {
	// Preset is the name of a program that is known, one of Presets, or "". With
	// one, URL is where the program listens, Secret is its key, and the rest is
	// known.
	Preset string
	// URL may hold credentials of its own, in any part of it; it is never shown.
	URL string
	// Method is the request's, "" for POST.
	Method  string
	Headers []Header
	// ContentType takes the place of the format's own.
	ContentType string
	// Secret is what the push proves itself with: blrec's key for its interface,
	// "user:password" of BililiveRecorder, bili-sync's token; without a preset,
	// the whole of an Authorization header. nil for none.
	Secret Value
	// AllowHTTP lets plain http leave the machine.
	AllowHTTP bool
	// Proxy is the address of a proxy, which may hold a password; "" for none.
	Proxy secret.String
	// Version is the program's, for the User-Agent.
	Version string
	// Transport takes the place of the guarded one, for tests.
	Transport http.RoundTripper
}

// String names the push by its preset and host alone; see [Push.Format].
func (p Push) String() string {
	host := "?"
	if u, err := url.Parse(p.URL); err == nil {
		host = u.Host
	}
	return strings.TrimSpace(p.Preset + " push to " + host)
}

// Format implements fmt.Formatter, so that no verb prints the address.
func (p Push) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// Header is a field of the request.
type Header struct {
	Name  string
	Value Value
}

// Value is a text that is looked up each time it is needed, so that a key in a
// file can be replaced while the keeper runs. Its error is shown as it is.
type Value func() (secret.String, error)

// token reports whether a text can be the name of a header or a method.
func token(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// strange reports whether a text would break out of its header.
func strange(s secret.String) bool {
	return strings.ContainsFunc(s.Reveal(), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// Text is a value that does not change.
func Text(text string) Value {
	return func() (secret.String, error) { return secret.New(text), nil }
}

// File is a value that lies in a file, without the white space around it.
func File(path string) Value {
	return func() (secret.String, error) {
		text, err := secretfile.This().Text(path)
		if err != nil {
			return secret.String{}, err
		}
		if text = strings.TrimSpace(text); text == "" {
			return secret.String{}, fmt.Errorf("%s is empty", path)
		}
		return secret.New(text), nil
	}
}

// pusher is a target behind an address.
type pusher struct {
	push   Push
	preset preset
	client *outbound.Client
}

// maxAnswer is more than a program's whole configuration.
const maxAnswer = 4 << 20

func newPusher(p Push) (*pusher, error) {
	client, err := outbound.New("the address of the push", p.URL, outbound.Options{
		AllowHTTP: p.AllowHTTP, Proxy: p.Proxy, Strict: true, MaxReply: maxAnswer, Version: p.Version, Transport: p.Transport,
	})
	if err != nil {
		return nil, err
	}
	known, ok := presets()[p.Preset]
	if p.Preset != "" && !ok {
		return nil, fmt.Errorf("there is no preset %q, only %s", p.Preset, strings.Join(Presets(), ", "))
	}
	if p.Preset != "" && p.Method != "" {
		return nil, errors.New("a preset has its own method")
	}
	if p.Preset != "" && p.ContentType != "" {
		return nil, errors.New("a preset has its own content type")
	}
	if !token(cmp.Or(p.Method, http.MethodPost)) {
		return nil, errors.New("the method is not one of http")
	}
	for _, h := range p.Headers {
		if !token(h.Name) || h.Value == nil {
			return nil, errors.New("a header has no proper name, or no value")
		}
	}
	if p.Preset == "" {
		known = plainPreset(p.Method, p.ContentType)
	}
	return &pusher{push: p, preset: known, client: client}, nil
}

// place is the digest's part of an address and what people see of it.
func (p *pusher) place() string { return p.client.Host() }

// settled is true: only the record tells what the other side has.
func (p *pusher) settled() bool { return true }

func (p *pusher) deliver(ctx context.Context, r output.Rendered) (bool, error) {
	return p.preset.send(ctx, p, r)
}

// do sends a request and returns what was answered. Only a success has one.
func (p *pusher) do(ctx context.Context, r outbound.Request) ([]byte, error) {
	var err error
	if r.Header, err = p.headers(); err != nil {
		return nil, err
	}
	reply, err := p.client.Do(ctx, r)
	if err != nil {
		return nil, p.explain(err)
	}
	// To a change, the status is the answer; only what was asked for has to
	// arrive whole.
	if reply.Broken != nil && r.Method == http.MethodGet {
		return nil, p.explain(reply.Broken)
	}
	return reply.Body, nil
}

// explain turns an error of the client into the output's.
func (p *pusher) explain(err error) error {
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return err
	}
	own := &Error{Stage: StagePush, Reason: e.Error(), permanent: !e.Retry, after: e.After, err: e.Unwrap()}
	switch {
	case errors.Is(e, context.DeadlineExceeded):
		own.err = ErrTimeout
	case errors.Is(e, context.Canceled):
		own.err = errCut
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		own.Reason += "; look at its key"
	}
	return own
}

// headers are the push's own, with the preset's secret among them.
func (p *pusher) headers() (http.Header, error) {
	headers := http.Header{}
	for _, h := range p.push.Headers {
		value, err := h.Value()
		if err != nil {
			return nil, p.noSecret("the header "+h.Name, err)
		}
		if strange(value) {
			return nil, p.refused("the header " + h.Name + " holds a character that has no place in it")
		}
		headers.Set(h.Name, value.Reveal())
	}
	if p.push.Secret == nil {
		return headers, nil
	}
	value, err := p.push.Secret()
	if err != nil {
		return nil, p.noSecret("the secret", err)
	}
	if strange(value) {
		return nil, p.refused("the secret holds a character that has no place in a header")
	}
	return headers, p.preset.prove(p, headers, value)
}

// noSecret is no permanent failure: the file may be on its way.
func (p *pusher) noSecret(what string, err error) *Error {
	return p.failed(what + " cannot be read: " + err.Error())
}

func (p *pusher) failed(reason string) *Error {
	return &Error{Stage: StagePush, Reason: p.client.Host() + ": " + reason}
}

func (p *pusher) refused(reason string) *Error {
	e := p.failed(reason)
	e.permanent = true
	return e
}

// Presets returns the programs that are known by name.
func Presets() []string { return slices.Sorted(maps.Keys(presets())) }
