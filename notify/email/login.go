package email

import (
	"errors"
	"slices"

	"github.com/wneessen/go-mail/smtp"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
)

var errNoLogin = errors.New("the server offers no way to log in that is known here")

// login picks a way to log in from those that the server offers. The library
// does the same, but not over a connection that the caller has made.
type login struct {
	user     string
	password secret.String
	host     string
	chosen   smtp.Auth
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	offered := func(way string) bool { return slices.Contains(server.Auth, way) }
	// The password goes out in the clear where the server is on this machine.
	open := outbound.Local(l.host)
	switch {
	case offered("PLAIN"):
		l.chosen = smtp.PlainAuth("", l.user, l.password.Reveal(), l.host, open)
	case offered("LOGIN"):
		l.chosen = smtp.LoginAuth(l.user, l.password.Reveal(), l.host, open)
	case offered("CRAM-MD5"):
		l.chosen = smtp.CRAMMD5Auth(l.user, l.password.Reveal())
	default:
		return "", nil, errNoLogin
	}
	return l.chosen.Start(server)
}

// Next implements smtp.Auth.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.chosen.Next(fromServer, more)
}
