package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
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

var uuidPattern = lazyregexp.New(`^[A-Za-z0-9_-]{8,128}$`)

// Password reads the file that the entry names.
func (c CloudEntry) Password(read setting.Reader) (secret.String, error) {
	return longSecret("password_file", c.PasswordFile, longLine, read)
}

// Token reads the file that the entry names.
func (r RSSHubEntry) Token(read setting.Reader) (secret.String, error) {
	return longSecret("token_file", r.TokenFile, longWord, read)
}

func longSecret(key, path string, form func(string) (string, error), read setting.Reader) (secret.String, error) {
	s, err := setting.File{Key: key, Path: path, Form: form}.Read(read)
	if err != nil {
		return secret.String{}, fmt.Errorf("%s: %s %w", key, path, err)
	}
	return s, nil
}

// longWord is longLine for a token, which has neither blanks nor quotes.
func longWord(text string) (string, error) {
	word, err := setting.Word(text)
	if err != nil {
		return "", err
	}
	return longLine(word)
}

// longLine takes a password over the network, which anybody can try.
func longLine(text string) (string, error) {
	s, err := setting.Line(text)
	switch {
	case err != nil:
		return "", err
	case len(s) < leastSecret:
		return "", &setting.Fault{What: fmt.Sprintf("holds a password of less than %d characters", leastSecret), Hint: "run: openssl rand -base64 24"}
	case strings.TrimSpace(s) != s:
		return "", &setting.Fault{What: "holds a password that begins or ends with white space", Hint: "remove it"}
	}
	return s, nil
}

func (c Config) checkServe(f *faults) {
	s := c.Serve
	host, _, _ := net.SplitHostPort(s.Listen)
	switch {
	case s.Listen == "":
	case !listenAddress(s.Listen):
		f.Add("serve.listen", fmt.Sprintf("%q is no address to listen on", setting.Clip(s.Listen)), `write "127.0.0.1:7332"`)
	case !outbound.Local(host) && !s.AllowRemote:
		f.Add("serve.listen", "can be reached from other machines, and what is served is a credential", `listen on "127.0.0.1:7332", or set allow_remote = true`)
	case s.Listen == c.Page.Listen:
		f.Add("serve.listen", "is the login page's address", "give each its own port")
	case len(s.CookieCloud) == 0 && s.RSSHub.IsZero():
		f.Add("serve.listen", "has nothing to serve", "add [[serve.cookiecloud]] or [serve.rsshub]")
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
	f.account(key, c.Account)
	switch {
	case c.UUID == "":
		f.Add(key+".uuid", "is missing", `write uuid = "…", as random as a password`)
	case !uuidPattern().MatchString(c.UUID):
		f.Add(key+".uuid", "is no uuid", "use eight or more letters, digits, dashes and underscores")
	case seen[c.UUID]:
		f.Add(key+".uuid", "is another entry's, too", "give each its own")
	}
	seen[c.UUID] = true
	if c.PasswordFile == "" {
		f.Add(key+".password_file", "is missing", `write password_file = "…"`)
	}
	f.Path(key+".password_file", c.PasswordFile)
	if c.Crypto != "" {
		f.Word(key+".crypto", c.Crypto, CryptoLegacy, CryptoFixed)
	}
}

func (r RSSHubEntry) check(f *faults) {
	const key = "serve.rsshub"
	if len(r.Accounts) == 0 {
		f.Add(key+".accounts", "names no account", `write accounts = ["main"]`)
	}
	for i, name := range r.Accounts {
		if !ValidName(name) {
			f.Add(fmt.Sprintf("%s.accounts[%d]", key, i), fmt.Sprintf("%q is not a name", setting.Clip(name)), "name each account; "+hintName)
		}
	}
	if r.TokenFile == "" {
		f.Add(key+".token_file", "is missing", `write token_file = "…"`)
	}
	f.Path(key+".token_file", r.TokenFile)
}

// files lists the files that the entries name; what is missing was told of already.
func (s Serve) files() []setting.File {
	var list []setting.File
	for i, c := range s.CookieCloud {
		list = append(list, setting.File{Key: fmt.Sprintf("serve.cookiecloud[%d].password_file", i), Path: c.PasswordFile, Form: longLine})
	}
	list = append(list, setting.File{Key: "serve.rsshub.token_file", Path: s.RSSHub.TokenFile, Form: longWord})
	return slices.DeleteFunc(list, func(f setting.File) bool { return f.Path == "" })
}

func (s Serve) warnings() []string {
	host, _, _ := net.SplitHostPort(s.Listen)
	switch {
	case s.Listen == "" && (len(s.CookieCloud) > 0 || !s.RSSHub.IsZero()):
		return []string{"serve.listen is not set: nothing of [serve] is served"}
	case s.Listen != "" && !outbound.Local(host):
		return []string{"serve.listen can be reached from other machines, in the clear: put a proxy with TLS in front of it"}
	}
	return nil
}
