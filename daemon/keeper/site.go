package keeper

import (
	"crypto/rsa"
	"fmt"
	"os"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
)

// openSite builds the way to the site: one client, one limiter for all accounts,
// with the breakers that were open when the keeper stopped.
func (k *Keeper) openSite(transport passport.Options) error {
	c := k.settings.Load().Config
	k.limiter = passport.NewLimiter(limitsOf(c), passport.LimiterOptions{OnChange: k.keepBreaker})
	open, err := k.loadBreakers()
	if err != nil {
		return fmt.Errorf("load what the site asked for: %w", err)
	}
	k.limiter.Restore(open)
	transport.Endpoints = endpointsOf(c)
	transport.Limiter = k.limiter
	transport.Intl = passport.IntlOptions{Locale: c.Login.IntlLocale, Platform: c.Login.IntlPlatform}
	if file := c.Endpoints.CorrespondKeyFile; file != "" {
		if transport.CorrespondKey, err = correspondKey(file); err != nil {
			return fmt.Errorf("endpoints.correspond_key_file: %w", err)
		}
	}
	k.site, err = passport.New(transport)
	return err
}

func correspondKey(file string) (*rsa.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return passport.ParseCorrespondKey(text)
}

func endpointsOf(c config.Config) passport.Endpoints {
	e := c.Endpoints
	return passport.Endpoints{
		Passport: e.Passport, API: e.API, WWW: e.WWW, PassportGame: e.PassportGame,
		PassportIntl: e.PassportIntl, APIIntl: e.APIIntl,
	}
}

// accountHour is how much may be asked for one account within an hour, QR
// polls aside: a login with all its codes, its checks, a refresh, twice over.
const accountHour = 60

func limitsOf(c config.Config) passport.Limits {
	polite := endpointsOf(c).Real()
	perHour := accountHour
	if !polite {
		// A stand-in for the site may be asked as often as its schedule says.
		perHour = 0
	}
	return passport.Limits{
		PerMinute: c.Limits.RequestsPerMinute, PerAccountHour: perHour,
		Concurrency: c.Limits.Concurrency, Polite: polite,
	}
}

// keepBreaker saves a breaker's state, so that a restart does not go back to a
// site that asked to be left alone.
func (k *Keeper) keepBreaker(b passport.Breaker) {
	if err := k.store.Put(store.KindSite, b.Host, b, nil); err != nil {
		k.log.Warn().Err(err).Str("host", b.Host).Msg("the back-off was not saved; a restart would forget it")
	}
}

func (k *Keeper) loadBreakers() ([]passport.Breaker, error) {
	hosts, err := k.store.Keys(store.KindSite)
	if err != nil {
		return nil, err
	}
	var list []passport.Breaker
	for _, host := range hosts {
		var b passport.Breaker
		if _, err := k.store.Get(store.KindSite, host, &b); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}
