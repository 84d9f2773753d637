package daemon

import (
	"context"
	"fmt"

	"github.com/bilikeeper/bilikeeper/daemon/audit"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/listener"
	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
	"github.com/bilikeeper/bilikeeper/daemon/output/serve"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
)

// readListener is what the listener is called in the log and the status.
const readListener = "read listener"

// networkReaders is the keeper as the read listener calls it.
type networkReaders struct{ keeper *keeper.Keeper }

// Credential implements serve.Source.
func (n networkReaders) Credential(_ context.Context, name string) (output.Credential, bool, error) {
	held := n.keeper.Credentials().Held(name)
	return engine.FromKeeper(held), held.Alive, nil
}

// Read implements serve.Auditor. Unlike on the socket, where the system says who
// asks, nothing is given that cannot be noted.
func (n networkReaders) Read(_ context.Context, name, format, remote string) error {
	return n.keeper.Credentials().NoteRead(audit.Reading{
		Account: name, Format: format, Generation: n.keeper.Credentials().Held(name).Generation, Remote: remote,
	})
}

// newReadServer builds what [serve] says: the listener from which programs fetch
// credentials.
func newReadServer(k *keeper.Keeper, all config.Config) (*listener.Listener, error) {
	c := all.Serve
	s := &listener.Listener{Keeper: k, Name: readListener, Does: "serving credentials to programs that prove themselves", Address: c.Listen}
	if c.Listen == "" {
		return s, nil
	}
	proxies, err := clientaddr.New(all.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	parts := serve.Config{Proxies: proxies}
	for _, entry := range c.CookieCloud {
		password, err := entry.Password()
		if err != nil {
			return nil, fmt.Errorf("serve.cookiecloud for %s: %w", entry.Account, err)
		}
		parts.Clouds = append(parts.Clouds, serve.Cloud{Account: entry.Account, UUID: entry.UUID, Password: password, Crypto: entry.Crypto})
	}
	if !c.RSSHub.IsZero() {
		token, err := c.RSSHub.Token()
		if err != nil {
			return nil, fmt.Errorf("serve.rsshub: %w", err)
		}
		parts.RSSHub = &serve.RSSHub{Accounts: c.RSSHub.Accounts, Auth: token}
	}
	h, err := serve.New(networkReaders{k}, networkReaders{k}, *k.Log(), parts)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s.Handler = h
	return s, nil
}
