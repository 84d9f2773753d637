package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/outbound"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Metrics is where Prometheus asks.
type Metrics struct {
	Listen string `toml:"listen"`
}

// check looks at the address, which must be none of others.
func (m Metrics) check(f *faults, others ...string) {
	switch l := m.Listen; {
	case l == "":
	case !listenAddress(l):
		f.Add("metrics.listen", fmt.Sprintf("%q is no address to listen on", setting.Clip(l)), `write "127.0.0.1:7333"`)
	case slices.Contains(others, l):
		f.Add("metrics.listen", "is another listener's address", "give each its own port")
	}
}

func (m Metrics) warnings() []string {
	if host, _, _ := net.SplitHostPort(m.Listen); m.Listen != "" && !outbound.Local(host) {
		return []string{"metrics.listen can be reached from other machines: whoever asks learns the accounts' names and how they are"}
	}
	return nil
}

// Heartbeat is who hears, every few minutes, that the keeper works.
type Heartbeat struct {
	URL     string   `toml:"url" mask:"path"`
	URLFile string   `toml:"url_file"`
	Every   Duration `toml:"every"`
	// TokenFile holds what a service wants that knows its callers by a header: it is
	// told with POST then.
	TokenFile string `toml:"token_file"`
	// FailPath is put after the URL's path while an account needs a person.
	FailPath string `toml:"fail_path"`
}

// Address is where to, from the file or the configuration; it is zero where nobody
// is told.
func (h Heartbeat) Address() (secret.String, error) {
	if h.URLFile == "" {
		return secret.New(h.URL), nil
	}
	s, err := setting.File{Key: "url_file", Path: h.URLFile, Form: heartbeatForm}.Read(ReadSecret)
	if err != nil {
		return secret.String{}, fmt.Errorf("url_file: %w", err)
	}
	return s, nil
}

// Token is what the service knows its callers by, zero where it is the address.
func (h Heartbeat) Token() (secret.String, error) {
	if h.TokenFile == "" {
		return secret.String{}, nil
	}
	s, err := setting.File{Key: "token_file", Path: h.TokenFile, Form: tokenForm}.Read(ReadSecret)
	if err != nil {
		return secret.String{}, fmt.Errorf("token_file: %w", err)
	}
	return s, nil
}

// tokenForm takes what can stand in a header.
func tokenForm(text string) (string, error) {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("is no token: printable ASCII without spaces")
	}
	return text, nil
}

func heartbeatForm(text string) (string, error) { return setting.URL(heartbeatFault)(text) }

func heartbeatFault(raw string) *setting.Fault {
	return setting.WebFault(raw, true, "")
}

func (h Heartbeat) check(f *faults) {
	f.Path("heartbeat.url_file", h.URLFile)
	f.Path("heartbeat.token_file", h.TokenFile)
	if h.URL != "" {
		f.AddFault("heartbeat.url", heartbeatFault(h.URL))
	}
	if h.URL != "" && h.URLFile != "" {
		f.Add("heartbeat.url_file", "is given beside url", "remove one of them")
	}
	if h.Every.Std() < time.Second || h.Every.Std() > 24*time.Hour {
		f.Add("heartbeat.every", fmt.Sprintf("%s is out of range", h.Every), "from 1s to 1d; 5m is usual")
	}
	if h.FailPath != "" && (!strings.HasPrefix(h.FailPath, "/") || strings.ContainsAny(h.FailPath, "?# \t\r\n")) {
		f.Add("heartbeat.fail_path", "is no path", `write "/fail"`)
	}
}

// files lists the files that the address and the token may be in.
func (h Heartbeat) files() (list []setting.File) {
	if h.URLFile != "" {
		list = append(list, setting.File{Key: "heartbeat.url_file", Path: h.URLFile, Form: heartbeatForm})
	}
	if h.TokenFile != "" {
		list = append(list, setting.File{Key: "heartbeat.token_file", Path: h.TokenFile, Form: tokenForm})
	}
	return list
}

// checkInline tells that the address is a secret.
func (h Heartbeat) checkInline(f *setting.Faults) {
	if h.URL != "" {
		f.Add("heartbeat.url", "is a secret, and everybody can read this file", "put it into url_file, or run chmod 600 on the configuration")
	}
}
