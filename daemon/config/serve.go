package config

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Serve is where programs fetch a credential that know how to ask for one.
type Serve struct {
	Listen string `toml:"listen"`
	// AllowRemote lets Listen be an address that other machines reach.
	AllowRemote bool         `toml:"allow_remote"`
	CookieCloud []CloudEntry `toml:"cookiecloud,omitempty"`
	RSSHub      RSSHubEntry  `toml:"rsshub,omitempty"`
}

// CloudEntry is an account that CookieCloud's clients fetch.
type CloudEntry struct {
	Account string `toml:"account"`
	// UUID is as good as half the password, and prints masked.
	UUID         string `toml:"uuid"`
	PasswordFile string `toml:"password_file"`
	Crypto       string `toml:"crypto,omitempty"` // legacy, aes-128-cbc-fixed
}

// String implements [fmt.Stringer].
func (c CloudEntry) String() string { return "cookiecloud for " + c.Account }

// GoString implements [fmt.GoStringer].
func (c CloudEntry) GoString() string { return c.String() }

// RSSHubEntry is what an RSSHub with REMOTE_CONFIG fetches.
type RSSHubEntry struct {
	Accounts []string `toml:"accounts"`
	// TokenFile holds REMOTE_CONFIG_AUTH.
	TokenFile string `toml:"token_file"`
}

// IsZero reports whether RSSHub gets nothing.
func (r RSSHubEntry) IsZero() bool { return len(r.Accounts) == 0 && r.TokenFile == "" }

// The ways in which CookieCloud encrypts.
const (
	CryptoLegacy = "legacy"
	CryptoFixed  = "aes-128-cbc-fixed"
)

// leastSecret is the length of a password that nobody guesses.
const leastSecret = 12

var uuidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{8,128}$`)

// Password reads the file that the entry names.
func (c CloudEntry) Password() (secret.String, error) {
	return longSecret("password_file", c.PasswordFile)
}

// Token reads the file that the entry names.
func (r RSSHubEntry) Token() (secret.String, error) { return longSecret("token_file", r.TokenFile) }

func longSecret(key, path string) (secret.String, error) {
	var s secret.String
	file := secretFile{key, path, takeLong(&s)}
	if err := file.load(); err != nil {
		return secret.String{}, fmt.Errorf("%s: %w", key, err)
	}
	return s, nil
}

// takeLong takes a password over the network, which anybody can try.
func takeLong(into *secret.String) func(string) error {
	return func(text string) error {
		if err := takePassword(into)(text); err != nil {
			return err
		}
		s := into.Reveal()
		switch {
		case len(s) < leastSecret:
			return &fileFault{fmt.Sprintf("holds a password of less than %d characters", leastSecret), "run: openssl rand -base64 24"}
		case strings.TrimSpace(s) != s:
			return &fileFault{"holds a password that begins or ends with white space", "remove it"}
		}
		return nil
	}
}

func (c Config) checkServe(f *faults) {
	s := c.Serve
	host, _, _ := net.SplitHostPort(s.Listen)
	switch {
	case s.Listen == "":
	case !listenAddress(s.Listen):
		f.add("serve.listen", fmt.Sprintf("%q is no address to listen on", clip(s.Listen)), `write "127.0.0.1:7332"`)
	case !loopback(host) && !s.AllowRemote:
		f.add("serve.listen", "can be reached from other machines, and what is served is a credential", `listen on "127.0.0.1:7332", or set allow_remote = true`)
	case s.Listen == c.Page.Listen:
		f.add("serve.listen", "is the login page's address", "give each its own port")
	case len(s.CookieCloud) == 0 && s.RSSHub.IsZero():
		f.add("serve.listen", "has nothing to serve", "add [[serve.cookiecloud]] or [serve.rsshub]")
	}
	seen := make(map[string]bool)
	for i, entry := range s.CookieCloud {
		entry.check(f, fmt.Sprintf("serve.cookiecloud[%d]", i), seen)
	}
	if !s.RSSHub.IsZero() {
		s.RSSHub.check(f)
	}
}

func (c CloudEntry) check(f *faults, key string, seen map[string]bool) {
	if c.Account == "" {
		f.add(key+".account", "is missing", `write account = "…"`)
	} else if !ValidName(c.Account) {
		f.add(key+".account", fmt.Sprintf("%q is not a name", clip(c.Account)), hintName)
	}
	switch {
	case c.UUID == "":
		f.add(key+".uuid", "is missing", `write uuid = "…", as random as a password`)
	case !uuidPattern.MatchString(c.UUID):
		f.add(key+".uuid", "is no uuid", "use eight or more letters, digits, dashes and underscores")
	case seen[c.UUID]:
		f.add(key+".uuid", "is another entry's, too", "give each its own")
	}
	seen[c.UUID] = true
	if c.PasswordFile == "" {
		f.add(key+".password_file", "is missing", `write password_file = "…"`)
	}
	f.path(key+".password_file", c.PasswordFile)
	if c.Crypto != "" {
		f.word(key+".crypto", c.Crypto, CryptoLegacy, CryptoFixed)
	}
}

func (r RSSHubEntry) check(f *faults) {
	const key = "serve.rsshub"
	if len(r.Accounts) == 0 {
		f.add(key+".accounts", "names no account", `write accounts = ["main"]`)
	}
	for i, name := range r.Accounts {
		if !ValidName(name) {
			f.add(fmt.Sprintf("%s.accounts[%d]", key, i), fmt.Sprintf("%q is not a name", clip(name)), "name each account; "+hintName)
		}
	}
	if r.TokenFile == "" {
		f.add(key+".token_file", "is missing", `write token_file = "…"`)
	}
	f.path(key+".token_file", r.TokenFile)
}

// checkFiles looks at the files that the entries name.
func (s Serve) checkFiles(f *faults) {
	look := func(entry, key, path string) {
		var ignored secret.String
		file := secretFile{key, path, takeLong(&ignored)}
		if path == "" {
			return // told of already
		}
		if err := file.load(); err != nil {
			f.file(entry+"."+key, path, err)
		}
	}
	for i, c := range s.CookieCloud {
		look(fmt.Sprintf("serve.cookiecloud[%d]", i), "password_file", c.PasswordFile)
	}
	look("serve.rsshub", "token_file", s.RSSHub.TokenFile)
}

func (s Serve) warnings() []string {
	host, _, _ := net.SplitHostPort(s.Listen)
	switch {
	case s.Listen == "" && (len(s.CookieCloud) > 0 || !s.RSSHub.IsZero()):
		return []string{"serve.listen is not set: nothing of [serve] is served"}
	case s.Listen != "" && !loopback(host):
		return []string{"serve.listen can be reached from other machines, in the clear: put a proxy with TLS in front of it"}
	}
	return nil
}
