package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
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
	if host, _, _ := net.SplitHostPort(m.Listen); m.Listen != "" && !dialguard.Local(host) {
		return []string{"metrics.listen can be reached from other machines: whoever asks learns the accounts' names and how they are"}
	}
	return nil
}

// Heartbeat is who hears, every few minutes, that the keeper works.
type Heartbeat struct {
	URL     string   `toml:"url" mask:"path"`
	URLFile string   `toml:"url_file"`
	Every   Duration `toml:"every"`
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

func heartbeatForm(text string) (string, error) { return setting.URL(heartbeatFault)(text) }

func heartbeatFault(raw string) *setting.Fault {
	return setting.WebFault(raw, true, "")
}

func (h Heartbeat) check(f *faults) {
	f.Path("heartbeat.url_file", h.URLFile)
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

// files lists the file that the address may be in.
func (h Heartbeat) files() []setting.File {
	if h.URLFile == "" {
		return nil
	}
	return []setting.File{{Key: "heartbeat.url_file", Path: h.URLFile, Form: heartbeatForm}}
}

// checkInline tells that the address is a secret.
func (h Heartbeat) checkInline(f *setting.Faults) {
	if h.URL != "" {
		f.Add("heartbeat.url", "is a secret, and everybody can read this file", "put it into url_file, or run chmod 600 on the configuration")
	}
}
