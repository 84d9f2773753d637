package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/post"
)

// How a connection is protected.
const (
	TLSStart    = "starttls" // port 587
	TLSImplicit = "tls"      // port 465
	TLSNone     = "none"     // port 25, loopback only
)

// ErrPlainMail is the reason of a server that is refused.
var ErrPlainMail = errors.New("mail without TLS is for loopback only")

// Config is a server, a sender and recipients.
type Config struct {
	Host string
	// Port is 0 for the usual one.
	Port int
	// TLS is one of the constants above; "" means TLSStart.
	TLS string
	// User is "" where the server wants nobody to log in.
	User     string
	Password secret.String
	// From and To are addresses, with or without a name: "Keeper <k@example.net>".
	From string
	To   []string
	// OpenLabel is the link's text; "" means "Open".
	OpenLabel string
	// RootCAs takes the place of the system's, for tests and own authorities.
	RootCAs *x509.CertPool
}

// Channel mails to the same people. It is safe for concurrent use.
type Channel struct {
	post.Label
	host     string
	port     int
	mode     string
	login    *login
	from     *netmail.Address
	to       []*netmail.Address
	open     string
	tls      *tls.Config
	loopback bool
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Channel, error) {
	c := &Channel{
		host: strings.TrimSpace(cfg.Host), port: cfg.Port, mode: cmp.Or(cfg.TLS, TLSStart), open: cmp.Or(cfg.OpenLabel, "Open"),
	}
	standard, ok := map[string]int{TLSStart: 587, TLSImplicit: 465, TLSNone: 25}[c.mode]
	switch {
	case c.host == "" || strings.ContainsAny(c.host, " /@"):
		return nil, errors.New("the server must be the name or address of a host")
	case !ok:
		return nil, fmt.Errorf("the protection must be %s, %s or %s", TLSStart, TLSImplicit, TLSNone)
	case c.port < 0 || c.port > 65535:
		return nil, errors.New("the port must be 1 to 65535")
	case c.mode == TLSNone && !outbound.Local(c.host):
		return nil, fmt.Errorf("%w: a login code would cross the network in the clear", ErrPlainMail)
	case len(cfg.To) == 0:
		return nil, errors.New("a recipient is missing")
	case cfg.User == "" && !cfg.Password.IsZero():
		return nil, errors.New("there is a password, and no user that it belongs to")
	}
	c.port = cmp.Or(c.port, standard)
	c.loopback = c.mode == TLSNone
	var err error
	if c.from, err = netmail.ParseAddress(cfg.From); err != nil {
		return nil, errors.New("the sender is no mail address")
	}
	for i, text := range cfg.To {
		address, err := netmail.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("recipient %d is no mail address", i+1)
		}
		c.to = append(c.to, address)
	}
	if cfg.User != "" {
		c.login = &login{user: cfg.User, password: secret.New(strings.TrimRight(cfg.Password.Reveal(), "\r\n")), host: c.host}
	}
	c.tls = &tls.Config{ServerName: c.host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
	c.Label = post.NewLabel("email", c.host)
	return c, nil
}

// Send mails the message once.
func (c *Channel) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if err := post.Alive(m); err != nil {
		return notify.Receipt{}, err
	}
	list, err := c.mail(ctx, m, c.to)
	refused, _ := errors.AsType[*mail.SendError](err)
	if refused != nil && refused.Reason == mail.ErrSMTPRcptTo && len(c.to) > 1 {
		// One refused recipient ends a mail for all of them, so each gets one alone.
		each := make([][]*netmail.Address, len(c.to))
		for i := range c.to {
			each[i] = c.to[i : i+1]
		}
		list, err = c.mail(ctx, m, each...)
	}
	var missing []string
	for i, msg := range list {
		// What comes after the server has taken the mail changes nothing.
		if !msg.IsDelivered() {
			missing = append(missing, refusal(i, msg.SendError()))
		}
	}
	switch {
	case err != nil && len(missing) == len(list):
		return notify.Receipt{}, c.explain(ctx, err)
	case len(missing) > 0:
		// The others have it: another try would send it to them again.
		return notify.Receipt{Answer: fmt.Sprintf("accepted for %d of %d; %s", len(list)-len(missing), len(c.to), strings.Join(missing, ", "))}, nil
	}
	return notify.Receipt{Answer: "accepted for " + strconv.Itoa(len(c.to))}, nil
}

// refusal says which recipient was refused, without the address.
func refusal(i int, err error) string {
	text := "recipient " + strconv.Itoa(i+1) + " was not"
	if code := number(err); code != 0 {
		text += " (" + strconv.Itoa(code) + ")"
	}
	return text
}

// mail sends a mail to each group of recipients over one connection, and returns
// the mails, which know whether they were delivered. It is an empty list where
// the connection could not be made.
func (c *Channel) mail(ctx context.Context, m notify.Message, groups ...[]*netmail.Address) ([]*mail.Msg, error) {
	list := make([]*mail.Msg, 0, len(groups))
	for _, to := range groups {
		msg, err := c.compose(m, to, time.Now())
		if err != nil {
			return nil, c.failed("the mail cannot be written")
		}
		list = append(list, msg)
	}
	client, err := c.client(ctx)
	if err != nil {
		return nil, c.failed("the mail client cannot be set up")
	}
	return list, client.DialAndSendWithContext(ctx, list...)
}

var hostName = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// greeting is the name that this machine gives in EHLO. One that is no name of the
// mail's world, with an underscore or in another script, has servers refuse all of
// the mail; an address in its place is as good (RFC 5321, 4.1.3).
func greeting(name string, err error) string {
	if err != nil || len(name) > 255 || !hostName().MatchString(name) {
		return "[127.0.0.1]"
	}
	return name
}

// client makes a client for one mail. The connection is closed when ctx ends,
// because the library looks at its context only while it connects.
func (c *Channel) client(ctx context.Context) (*mail.Client, error) {
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := outbound.Dialer(c.loopback).DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if c.mode != TLSImplicit {
			return conn, nil
		}
		secured := tls.Client(conn, c.tls)
		if err := secured.HandshakeContext(dialCtx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secured, nil
	}
	options := []mail.Option{
		mail.WithPort(c.port), mail.WithTLSConfig(c.tls), mail.WithDialContextFunc(dial), mail.WithTimeout(notify.DefaultTimeout),
		mail.WithHELO(greeting(os.Hostname())),
	}
	switch c.mode {
	case TLSStart:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case TLSImplicit:
		options = append(options, mail.WithSSL())
	case TLSNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if c.login != nil {
		once := *c.login
		options = append(options, mail.WithSMTPAuthCustom(&once))
	}
	return mail.NewClient(c.host, options...)
}
