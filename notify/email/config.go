package email

import (
	"fmt"
	"net/mail"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// Kind is how the configuration knows this channel.
func Kind() setting.Kind {
	return setting.Kind{
		Name: "email", Also: []string{"mail", "smtp"}, Needs: []string{"host", "from", "to"},
		New: func() setting.Keys { return new(Keys) }, Example: example,
	}
}

// Keys are those of a server, a sender and recipients.
type Keys struct {
	Host         string   `toml:"host"`
	Port         int      `toml:"port"`
	TLS          string   `toml:"tls"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password_file"`
	From         string   `toml:"from"`
	To           []string `toml:"to"`
}

// Check implements [setting.Keys].
func (k *Keys) Check(f *setting.Faults) {
	if strings.ContainsAny(k.Host, " /@:") && !strings.HasPrefix(k.Host, "[") && strings.Count(k.Host, ":") < 2 {
		f.Add("host", "is no host", `write "smtp.example.net"; the port has a key of its own`)
	}
	if k.Port != 0 {
		f.Within("port", k.Port, 1, 65535)
	}
	if k.TLS != "" {
		f.Word("tls", k.TLS, TLSStart, TLSImplicit, TLSNone)
	}
	if k.TLS == TLSNone && k.Host != "" && !outbound.Local(k.Host) {
		f.Add("tls", `"none" is for a server on this machine only`, `write "starttls" or "tls"`)
	}
	if (k.User == "") != (k.PasswordFile == "") {
		f.Add("user", "and password_file belong together", "give both or neither")
	}
	if _, err := mail.ParseAddress(k.From); k.From != "" && err != nil {
		f.Add("from", "is no mail address", `write "keeper@example.net"`)
	}
	for i, to := range k.To {
		if _, err := mail.ParseAddress(to); err != nil {
			f.Add(fmt.Sprintf("to[%d]", i), "is no mail address", `write "you@example.net"`)
		}
	}
}

// Channel implements [notify.Keys].
func (k *Keys) Channel(s notify.Setup) (notify.Channel, error) {
	return New(Config{
		Host: k.Host, Port: k.Port, TLS: k.TLS, User: k.User, Password: s.Secrets["password_file"], From: k.From, To: k.To, OpenLabel: s.OpenLabel,
	})
}

const example = `#[[notify]]
#name = "mail"
#type = "email"
#host = "smtp.example.net"
# 0 is the usual one: 587 for starttls, 465 for tls, 25 for none.
#port = 0
# starttls, tls, or none for a server on this machine. "" is starttls.
#tls = "starttls"
#user = "keeper@example.net"
#password_file = "mail.password"
#from = "bilikeeper <keeper@example.net>"
#to = ["you@example.net"]
`
