package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// CredentialOptions says in which shape a credential is wanted, and when.
type CredentialOptions struct {
	// Format is a format's name; "" means "header".
	Format string
	// WithRefreshToken adds the refresh token where the format can hold it.
	WithRefreshToken bool
	// Stale asks for the credential also where it is known to be dead.
	Stale bool
	// After is the generation that the caller has. Where the keeper has no
	// newer one, the answer is NotModified. 0 means that the caller has none.
	After uint64
	// Wait is how long the keeper may wait for a generation newer than After.
	Wait time.Duration
}

// Credential is an account's credential in the format that was asked for.
type Credential struct {
	// Body is the secret itself. It is nil where NotModified is true.
	Body        []byte `json:"-"`
	ContentType string `json:"content_type"`
	Generation  uint64 `json:"generation"`
	NotModified bool   `json:"not_modified"`
}

// Format implements [fmt.Formatter], so that no verb prints Body.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credential of generation "+strconv.FormatUint(c.Generation, 10)+" [redacted]")
}

// Credential fetches an account's credential. The keeper has noted the caller
// in its journal before the bytes arrive.
//
// With After and Wait it waits for a newer one. A session that dies meanwhile
// ends the wait at once with [ProblemNeedsLogin]; for one that was dead before,
// the wait goes on until somebody has logged in, so that a loop over this call
// neither spins nor misses the new credential.
//
// Problems: [ProblemNoAccount], [ProblemNeedsLogin], [ProblemBadRequest] for an
// unknown format, [ProblemStorage] where the reading could not be noted.
func (c *Client) Credential(ctx context.Context, name string, o CredentialOptions) (Credential, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: accountPath(name, "/credential"), query: o.query()})
	if err != nil {
		return Credential{}, err
	}
	defer resp.Body.Close()
	generation, err := strconv.ParseUint(strings.Trim(resp.Header.Get("ETag"), `"`), 10, 64)
	if err != nil {
		return Credential{}, fmt.Errorf("%w: a credential without a generation", ErrForeign)
	}
	if resp.StatusCode == http.StatusNotModified {
		return Credential{Generation: generation, NotModified: true}, nil
	}
	body, err := read(ctx, resp)
	if err != nil {
		return Credential{}, err
	}
	return Credential{Body: body, ContentType: resp.Header.Get("Content-Type"), Generation: generation}, nil
}

func (o CredentialOptions) query() url.Values {
	query := url.Values{}
	if o.Format != "" {
		query.Set("format", o.Format)
	}
	if o.WithRefreshToken {
		query.Set("with_refresh_token", "true")
	}
	if o.Stale {
		query.Set("stale", "true")
	}
	if o.After > 0 || o.Wait > 0 {
		query.Set("after", strconv.FormatUint(o.After, 10))
	}
	if o.Wait > 0 {
		query.Set("wait", o.Wait.String())
	}
	return query
}
