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
	// Wait is how long the keeper may wait for a generation newer than After,
	// or where After is 0, for a session that lives.
	Wait time.Duration
	// Strategy is how one of several accounts is chosen: one of the Strategy…
	// words, "" for the first of them.
	Strategy string
}

// The ways to choose one of the accounts that bear a tag.
const (
	// StrategyRoundRobin takes the one that this user was not given for the
	// longest.
	StrategyRoundRobin = "round-robin"
	StrategyRandom     = "random"
)

// HeaderAccount names the account in an answer that is a credential.
const HeaderAccount = "Bilikeeper-Account"

// Credential is an account's credential in the format that was asked for.
type Credential struct {
	// Body is the secret itself. It is nil where NotModified is true.
	Body        []byte `json:"-"`
	Account     string `json:"account"`
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
	got, err := c.credential(ctx, accountPath(name, "/credential"), o.query())
	if err == nil {
		got.Account = name
	}
	return got, err
}

// AnyCredential fetches the credential of one of the accounts that bear a tag:
// of those that the caller may have, one whose session lives. The answer says
// which. After and Stale are for one account and refused here; with Wait, the
// keeper waits until one of them lives.
//
// Problems: [ProblemNoAccount] where nothing bears the tag, [ProblemNeedsLogin]
// where none of them lives, and those of Credential.
func (c *Client) AnyCredential(ctx context.Context, tag string, o CredentialOptions) (Credential, error) {
	query := o.query()
	if o.After == 0 {
		query.Del("after")
	}
	query.Set("tag", tag)
	if o.Strategy != "" {
		query.Set("strategy", o.Strategy)
	}
	got, err := c.credential(ctx, "/v1/credential", query)
	if err == nil && got.Account == "" {
		return Credential{}, fmt.Errorf("%w: a credential of nobody", ErrForeign)
	}
	return got, err
}

func (c *Client) credential(ctx context.Context, path string, query url.Values) (Credential, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return Credential{}, err
	}
	defer resp.Body.Close()
	// Among several accounts, a tag is the account and the generation.
	tag := strings.Trim(resp.Header.Get("ETag"), `"`)
	generation, err := strconv.ParseUint(tag[strings.LastIndexByte(tag, ':')+1:], 10, 64)
	if err != nil {
		return Credential{}, fmt.Errorf("%w: a credential without a generation", ErrForeign)
	}
	got := Credential{Account: resp.Header.Get(HeaderAccount), Generation: generation}
	if resp.StatusCode == http.StatusNotModified {
		got.NotModified = true
		return got, nil
	}
	got.ContentType = resp.Header.Get("Content-Type")
	got.Body, err = read(ctx, resp)
	if err != nil {
		return Credential{}, err
	}
	return got, nil
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
