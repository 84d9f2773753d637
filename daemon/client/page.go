package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// The ways in which a browser was signed in to the account page.
const (
	SignedInByLink     = "link"
	SignedInByPassword = "password"
)

// PageLink is the answer to POST /v1/page/links: it signs one browser in to the
// account page, once.
type PageLink struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// String keeps the link out of every print.
func (l PageLink) String() string { return "[redacted]" }

// GoString is String.
func (l PageLink) GoString() string { return l.String() }

// PageSession is a browser that is signed in to the account page. Browser is what
// it calls itself.
type PageSession struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Method    string    `json:"method"`
	Address   string    `json:"address"`
	Browser   string    `json:"browser"`
}

// PageSessionList is the answer to GET /v1/page/sessions.
type PageSessionList struct {
	Sessions []PageSession `json:"sessions"`
}

// PageLink makes a link that signs a browser in to the account page. Problems:
// [ProblemNotFound] where the keeper serves no page.
func (c *Client) PageLink(ctx context.Context) (PageLink, error) {
	return call[PageLink](ctx, c, request{method: http.MethodPost, path: "/v1/page/links"})
}

// PageSessions lists the browsers that are signed in to the account page.
// Problems: [ProblemNotFound] where the keeper serves no page.
func (c *Client) PageSessions(ctx context.Context) ([]PageSession, error) {
	list, err := call[PageSessionList](ctx, c, request{method: http.MethodGet, path: "/v1/page/sessions"})
	return list.Sessions, err
}

// RevokePageSession signs a browser out of the account page. Problems:
// [ProblemNotFound] where there is no such session, or no page.
func (c *Client) RevokePageSession(ctx context.Context, id string) error {
	return c.order(ctx, request{method: http.MethodDelete, path: "/v1/page/sessions/" + url.PathEscape(id)})
}
