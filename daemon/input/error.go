package input

import (
	"errors"
	"strconv"
)

// The outcomes of a text that could not be taken over.
var (
	// ErrUnknownFormat says that the format does not exist, or could not be
	// told with certainty.
	ErrUnknownFormat = errors.New("unknown format")
	// ErrNoSession says that the text was understood and holds no SESSDATA of
	// the site.
	ErrNoSession = errors.New("no SESSDATA")
	// ErrUnreadable says that the text is not what its format says.
	ErrUnreadable = errors.New("unreadable")
	// ErrDamaged says that SESSDATA was changed or cut off on its way here. The
	// site was not asked: it would take it for a session that has died.
	ErrDamaged = errors.New("damaged")
	// ErrSeveral says that the text holds the logins of several accounts.
	ErrSeveral = errors.New("several logins")
)

// Error says why a text could not be taken over, in words that hold nothing of
// the text itself.
type Error struct {
	// Format is the format in which the text was read, "" before that is known.
	Format string
	// Line counts from 1, 0 where there is no one place.
	Line int
	// What is wrong.
	What string
	// Err is one of the sentinels.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	text := e.What
	if e.Line > 0 {
		text = "line " + strconv.Itoa(e.Line) + ": " + text
	}
	if e.Format != "" {
		text = e.Format + ": " + text
	}
	return text
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }
