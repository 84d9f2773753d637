package passport

import "errors"

// Class says what a reply, or its absence, means for a session.
type Class string

// The classes. Only Dead says anything against a session.
const (
	OK          Class = "ok"
	Dead        Class = "dead"        // the site says that nobody is logged in
	Blocked     Class = "blocked"     // the site wants to be left alone
	Unreachable Class = "unreachable" // no answer, or none that is whole
	Unknown     Class = "unknown"     // an answer that nobody here understands
)

// Scope says how far a trouble reaches.
type Scope string

// The scopes. The zero value is a trouble of this one request.
const (
	ScopeNone    Scope = ""
	ScopeSite    Scope = "site"    // every account behind this address
	ScopeHost    Scope = "host"    // one host of the site
	ScopeAccount Scope = "account" // this account, others may go on
)

// ClassOf returns the class of an error of this package: OK for nil, and
// Unreachable for an error of another kind, because a trouble that is not the
// site's word must never count against a session.
func ClassOf(err error) Class {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unreachable
}

// The site's codes that this package knows by number.
const (
	codeOK            = 0
	codeNotLoggedIn   = -101
	codeRiskControl   = -352
	codeBanned        = -412
	codeOverLimit     = -509
	codeTooFrequent   = -799
	codeServerError   = -500
	codeOverloaded    = -503
	codeServerTimeout = -504

	codeNotScanned = 86101
	codeScanned    = 86090
	codeGone       = 86038 // expired, unknown or already used

	codeWrongCSRF  = -111
	codeMalformed  = -400
	codeMismatch   = 86095
	codeLogoutCSRF = 2202

	codeIntlGone       = 10018100
	codeIntlNotScanned = 10018101
	codeIntlScanned    = 10018102
)
