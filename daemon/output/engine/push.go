package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/dialguard"
	"github.com/bilikeeper/bilikeeper/internal/secret"
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

// maxSecretFile is far more than a key needs.
const maxSecretFile = 64 << 10

// File is a value that lies in a file, without the white space around it.
func File(path string) Value {
	return func() (secret.String, error) {
		in, err := openExisting(path, os.O_RDONLY)
		if err != nil {
			return secret.String{}, err
		}
		defer in.Close()
		info, err := in.Stat()
		switch {
		case err != nil:
			return secret.String{}, err
		case !info.Mode().IsRegular():
			return secret.String{}, fmt.Errorf("%s is not a regular file", path)
		case modes && info.Mode().Perm()&0o007 != 0:
			return secret.String{}, fmt.Errorf("%s is open to everybody; run chmod 600 on it", path)
		}
		text, err := io.ReadAll(io.LimitReader(in, maxSecretFile))
		if err != nil {
			return secret.String{}, err
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return secret.String{}, fmt.Errorf("%s is empty", path)
		}
		return secret.New(string(text)), nil
	}
}

// pusher is a target behind an address.
type pusher struct {
	push   Push
	base   *url.URL
	preset preset
	client *http.Client
}

func newPusher(p Push) (*pusher, error) {
	u, err := checkURL(p.URL, p.AllowHTTP)
	if err != nil {
		return nil, err
	}
	proxy, err := dialguard.ParseProxy(p.Proxy.Reveal())
	if err != nil {
		return nil, err
	}
	if proxy != nil && u.Scheme == "http" && !p.AllowHTTP {
		return nil, errPlain // even to this machine it would go by way of the proxy
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
		known = plainPreset(cmp.Or(p.Method, http.MethodPost), p.ContentType)
	}
	transport := p.Transport
	if transport == nil {
		transport = newTransport(u.Scheme == "http" && !p.AllowHTTP, proxy)
	}
	return &pusher{push: p, base: u, preset: known, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// checkURL says what is wrong with an address without repeating it.
func checkURL(raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, errors.New("the address of the push cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address of the push must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the address of the push names no host")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && dialguard.Forbidden(addr) {
		return nil, fmt.Errorf("%w: %s", errForbidden, addr)
	}
	if u.Scheme == "http" && !dialguard.Local(u.Hostname()) && !allowHTTP {
		return nil, errPlain
	}
	return u, nil
}

// place is the digest's part of an address and what people see of it.
func (p *pusher) place() string { return p.base.Host }

// settled is true: only the record tells what the other side has.
func (p *pusher) settled() bool { return true }

func (p *pusher) deliver(ctx context.Context, r output.Rendered) (bool, error) {
	return p.preset.send(ctx, p, r)
}

// request is one request to the other side.
type request struct {
	method, path string
	contentType  string
	body         []byte
}

// maxAnswer is more than a program's whole configuration.
const maxAnswer = 4 << 20

// do sends a request and returns what was answered. Only a success has one.
func (p *pusher) do(ctx context.Context, r request) ([]byte, error) {
	u := p.base
	if r.path != "" {
		u = p.base.JoinPath(r.path)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, p.refused("the request cannot be built")
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("User-Agent", strings.TrimSuffix("bilikeeper/"+p.push.Version, "/"))
	if err := p.authorize(req); err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, p.transportError(ctx, err)
	}
	defer resp.Body.Close()
	if err := p.judge(resp); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil && r.method == http.MethodGet {
		return nil, p.transportError(ctx, err)
	}
	// To a change, the status is the answer; what breaks off after it does not
	// unsay it.
	return body, nil
}

// authorize puts the headers and the preset's secret into a request.
func (p *pusher) authorize(req *http.Request) error {
	for _, h := range p.push.Headers {
		value, err := h.Value()
		if err != nil {
			return p.noSecret("the header "+h.Name, err)
		}
		if strange(value) {
			return p.refused("the header " + h.Name + " holds a character that has no place in it")
		}
		if strings.EqualFold(h.Name, "Host") {
			req.Host = value.Reveal()
			continue
		}
		req.Header.Set(h.Name, value.Reveal())
	}
	if p.push.Secret == nil {
		return nil
	}
	value, err := p.push.Secret()
	if err != nil {
		return p.noSecret("the secret", err)
	}
	if strange(value) {
		return p.refused("the secret holds a character that has no place in a header")
	}
	return p.preset.prove(p, req, value)
}

// noSecret is no permanent failure: the file may be on its way.
func (p *pusher) noSecret(what string, err error) *Error {
	return p.failed(what + " cannot be read: " + err.Error())
}

// judge reads the status: what the other side may take later, and what it never
// will.
func (p *pusher) judge(resp *http.Response) error {
	code := resp.StatusCode
	answer := strings.TrimSpace("answered " + strconv.Itoa(code) + " " + http.StatusText(code))
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return p.refused(answer + "; redirects are not followed")
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		e := p.failed(answer)
		e.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return e
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return p.refused(answer + "; look at its key")
	default:
		return p.refused(answer)
	}
}

func (p *pusher) failed(reason string) *Error {
	return &Error{Stage: StagePush, Reason: p.base.Host + ": " + reason}
}

func (p *pusher) refused(reason string) *Error {
	e := p.failed(reason)
	e.permanent = true
	return e
}

// Presets returns the programs that are known by name.
func Presets() []string { return slices.Sorted(maps.Keys(presets())) }
