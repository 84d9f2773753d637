package output

import "errors"

// Why a credential is not rendered.
var (
	ErrUnknownFormat  = errors.New("unknown format")
	ErrNoRefreshToken = errors.New("this format has no place for the refresh token")
	// ErrUnsuitable: the format has no place for something that the credential
	// has, or needs something that it lacks.
	ErrUnsuitable = errors.New("the credential does not fit this format")
	// ErrTemplate: the template's text is wrong, or does too much.
	ErrTemplate = errors.New("the template cannot be used")
)

// Error is why a credential was not rendered. It holds no secret.
type Error struct {
	What string
	// Err is one of the sentinels.
	Err error
}

func (e *Error) Error() string { return e.What }
func (e *Error) Unwrap() error { return e.Err }
