// Package desktop shows messages as notifications of the desktop session that
// the program runs in, over D-Bus, as freedesktop.org describes them.
//
// Reaching into another user's session does not come in: a session bus lets in
// its own user alone, not even root, so a keeper that is a system service leaves
// this to an agent in the session. Systems without D-Bus have no channel here.
//
// Guarantees: a later message of a thread takes the place of the one before it;
// a code's notification asks to vanish when the code expires; the bus is looked
// for at each message, so a session that begins later is found; no bus is ever
// launched; all that runs ends with Close.
package desktop

import (
	"cmp"
	"errors"
)

// The reasons of a message that is not shown.
var (
	ErrNoSessionBus = errors.New("there is no session bus to reach: run the keeper as the user of the desktop session," +
		" or run bilikeeper agent in that session")
	ErrNoService   = errors.New("no notification service runs in this desktop session")
	ErrUnsupported = errors.New("desktop notifications need D-Bus, which this system does not have: use another channel type")
)

// Config is how the program presents itself.
type Config struct {
	// AppName is shown beside the message; "" means bilikeeper.
	AppName string
	// OpenLabel names the button that opens the login page; "" means "Open".
	OpenLabel string
	// Address is the session bus; "" means that of the session.
	Address string
}

func (c Config) withDefaults() Config {
	c.AppName = cmp.Or(c.AppName, "bilikeeper")
	c.OpenLabel = cmp.Or(c.OpenLabel, "Open")
	return c
}
