package parts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/output/serve"
	"github.com/bilikeeper/bilikeeper/internal/clientaddr"
	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Reader answers for the entries of [serve] that can be used, nil where there is
// none. Its error says which are left out.
func Reader(k *keeper.Keeper, log zerolog.Logger, whole config.Config, read setting.Reader) (h *serve.Handler, err error) {
	c := whole.Serve
	if c.Listen == "" {
		return nil, nil
	}
	proxies, err := clientaddr.New(whole.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	all := serve.Config{Proxies: proxies}
	var left []error
	// take adds an entry, unless the handler cannot be made with it.
	take := func(what string, next serve.Config, err error) {
		var made *serve.Handler
		if err == nil {
			made, err = serve.New(k, log, next)
		}
		if err != nil {
			left = append(left, fmt.Errorf("%s: %w", what, err))
			return
		}
		h, all = made, next
	}
	for _, entry := range c.CookieCloud {
		next := all
		password, err := entry.Password(read)
		next.Clouds = append(slices.Clone(all.Clouds), serve.Cloud{Account: entry.Account, UUID: entry.UUID, Password: password, Crypto: entry.Crypto})
		take("cookiecloud for "+entry.Account, next, err)
	}
	if !c.RSSHub.IsZero() {
		next := all
		token, err := c.RSSHub.Token(read)
		next.RSSHub = &serve.RSSHub{Accounts: c.RSSHub.Accounts, Auth: token}
		take("rsshub", next, err)
	}
	return h, errors.Join(left...)
}
