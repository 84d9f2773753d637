package config

import (
	"fmt"
	"net"
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/dialguard"
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
