package passport

import (
	"context"
	"errors"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Outcomes of the refresh.
var (
	ErrNoCSRF      = errors.New("the page holds no refresh_csrf")
	ErrPathRefused = errors.New("the page's path was refused")
	ErrMismatch    = errors.New("the refresh token does not belong to the cookie")
	ErrWrongCSRF   = errors.New("the csrf token does not belong to the session")
	ErrRefused     = errors.New("the confirmation was refused")
)

func (c *Client) RefreshCSRF(ctx context.Context, s Session, at time.Time) (secret.String, error) {
	return secret.String{}, unknown("correspond", "not built")
}
func (c *Client) Refresh(ctx context.Context, s Session, csrf, token secret.String) (Grant, error) {
	return Grant{}, unknown("cookie/refresh", "not built")
}
func (c *Client) Confirm(ctx context.Context, s Session, old secret.String) error {
	return unknown("confirm/refresh", "not built")
}

// ErrAlreadyOut says that the session had ended before.
var ErrAlreadyOut = errors.New("the session had ended already")

func (c *Client) Logout(ctx context.Context, s Session) error { return unknown("logout", "not built") }
