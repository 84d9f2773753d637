package passport

import (
	"context"
	"errors"
	"net/url"
)

// ErrAlreadyOut: the session had ended before, so there was nothing left to do.
var ErrAlreadyOut = errors.New("the session had ended already")

const pathLogout = "/login/exit/v2"

// Logout ends a session at the site. Only a person's explicit wish is a reason
// for it; a rotation is none.
//
// A session that had ended before is ErrAlreadyOut: instead of JSON the site
// sends its login page. The page alone is no proof, so whoever must be sure
// asks Nav.
func (c *Client) Logout(ctx context.Context, s Session) error {
	const op = "login/exit"
	csrf := cookieValue(s.Cookies, cookieCSRF)
	if csrf.IsZero() {
		return notPossible(op, ErrWrongCSRF, "the session has no csrf token")
	}
	r, err := c.ask(ctx, call{
		op: op, device: s.Device, session: &s, base: c.bases.passport, path: pathLogout,
		form: form(url.Values{"biliCSRF": {csrf.Reveal()}}),
	})
	if errors.Is(err, errPage) {
		e := unknown(op, "the session had ended already")
		e.Scope, e.Err = ScopeAccount, ErrAlreadyOut
		return e
	}
	if err != nil {
		return outcome(err, map[int]error{codeLogoutCSRF: ErrWrongCSRF, codeWrongCSRF: ErrWrongCSRF})
	}
	if done, said := r.flag("status"); said && !done {
		return unknown(op, "code 0, yet the site says that nothing ended")
	}
	return nil
}
