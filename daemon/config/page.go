package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// leastPassword is shorter than what programs send: a person types it, and guesses
// are slow.
const leastPassword = 8

// Password reads the file that signs in to the account page; there may be none.
func (p Page) Password() (secret.String, error) {
	if p.PasswordFile == "" {
		return secret.String{}, nil
	}
	s, err := p.passwordFile().Read(ReadSecret)
	if err != nil {
		return secret.String{}, fmt.Errorf("page.password_file: %w", err)
	}
	return s, nil
}

func (p Page) passwordFile() setting.File {
	return setting.File{Key: "page.password_file", Path: p.PasswordFile, Form: typedLine}
}

// typedLine takes a password that people type.
func typedLine(text string) (string, error) {
	s, err := setting.Line(text)
	switch {
	case err != nil:
		return "", err
	case len(s) < leastPassword:
		return "", &setting.Fault{What: fmt.Sprintf("holds a password of less than %d characters", leastPassword), Hint: "run: openssl rand -base64 12"}
	case strings.TrimSpace(s) != s:
		return "", &setting.Fault{What: "holds a password that begins or ends with white space", Hint: "remove it"}
	}
	return s, nil
}

func (p Page) check(f *faults) {
	if p.Listen != "" && !listenAddress(p.Listen) {
		f.Add("page.listen", fmt.Sprintf("%q is no address to listen on", setting.Clip(p.Listen)), `write "127.0.0.1:7331"`)
	}
	if p.PublicURL != "" {
		if u, ok := setting.WebURL(p.PublicURL); !ok || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			f.Add("page.public_url", "is no http or https address", `write "https://keeper.example.net"`)
		}
	}
	f.Path("page.password_file", p.PasswordFile)
	for i, word := range p.May {
		key := fmt.Sprintf("page.may[%d]", i)
		if word == "get" {
			f.Add(key, `"get" is never allowed: no credential leaves by the page`, "remove it; programs read a file, the socket or [serve]")
			continue
		}
		f.Word(key, word, "status", "login", "check", "refresh", "manage")
	}
	if len(p.May) > 0 && !slices.Contains(p.May, "status") {
		f.Add("page.may", `lacks "status", without which there is nothing to see`, `add "status", or write [] for no account page`)
	}
}

func (p Page) warnings() (w []string) {
	if p.Listen != "" && p.PublicURL == "" {
		w = append(w, "page.public_url is not set: messages carry no link to the login page")
	}
	if p.Listen == "" && p.PasswordFile != "" {
		w = append(w, "page.listen is not set: there is no account page that page.password_file would sign in to")
	}
	if host, _, err := net.SplitHostPort(p.Listen); err == nil && !outbound.Local(host) {
		// Behind a proxy with TLS the public address says so.
		if u, ok := setting.WebURL(p.PublicURL); !ok || u.Scheme == "http" {
			w = append(w, "page.listen can be reached from other machines, in the clear: whoever is on the way can read codes and sign in; "+
				"put a proxy with TLS in front of it, listen on 127.0.0.1, and set page.public_url to the proxy's https address")
		}
	}
	return w
}
