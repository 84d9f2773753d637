// Package desktop shows messages as notifications of the desktop session that
// the program runs in, over D-Bus, as freedesktop.org describes them.
//
// Reaching into another user's session does not come in: a session bus lets in
// its own user alone, not even root, so a keeper that is a system service leaves
// this to an agent in the session. Systems without D-Bus have no channel here.
//
// A code's notification has a button, because many desktops shrink its picture
// to the size of an icon. The button opens the login page, or where there is
// none the picture itself, as a file that its owner alone can read and that
// exists from the press of the button until the code is over.
//
// Guarantees:
//   - a later message of a thread takes the place of the one before it;
//   - a code that is over leaves the screen, and its file the disk: when it
//     expires, when the next one comes, when it is retracted; the file also when
//     the channel is closed;
//   - a message that was overtaken in place is not retracted with what came in
//     its place, and nothing is replaced or retracted in a later session or by a
//     handle of another notification service;
//   - the bus is looked for at each message, so a session that begins later is
//     found; no bus is ever launched; all that runs ends with Close.
package desktop

import (
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
	// OpenLabel names the button that shows the code; "" means "Show the code".
	OpenLabel string
	// Address is the session bus; "" means that of the session.
	Address string
	// PictureDir is where a code's picture is put for the viewer; "" means
	// bilikeeper-agent in the session's runtime directory. Without that one there
	// are no such files, and no button where there is no login page.
	PictureDir string
	// Trouble is told why a button opened nothing. It may be nil.
	Trouble func(error)
}
