package keeper

import (
	"cmp"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/passport"
	"github.com/rs/zerolog"
)

// way is how requests get to the site: as this machine does, or by a proxy. What
// the site thinks of one address says nothing of another, and a proxy that is dead
// nothing of the site: each way has a limiter, and breakers, of its own, and those who
// wait for it.
type way struct {
	client  *passport.Client
	limiter *passport.Limiter
	checks  *account.CheckQueue
}

// ways are those that were used so far, and what is kept of each over restarts. A
// reload leaves them in place: what was spent on one stays spent.
type ways struct {
	store *store.Store
	// shared is true where other hosts ask the site for the accounts, too.
	shared   bool
	settings func() *Settings
	log      zerolog.Logger

	direct way
	mu     sync.Mutex // guards proxied
	// proxied are by what names a proxy in the vault, which is no secret.
	proxied map[string]way
}

// open builds the direct way to the site, for all accounts without a proxy, with the
// breakers that were open when the keeper stopped.
func (w *ways) open(transport passport.Options) error {
	c := w.settings().Config
	direct := &w.direct
	direct.checks = new(account.CheckQueue)
	var err error
	if direct.limiter, err = w.newLimiter(""); err != nil {
		return fmt.Errorf("load what the site asked for: %w", err)
	}
	transport.Endpoints = endpointsOf(c)
	transport.Limiter = direct.limiter
	transport.Intl = passport.IntlOptions{Locale: c.Login.IntlLocale, Platform: c.Login.IntlPlatform}
	if file := c.Endpoints.CorrespondKeyFile; file != "" {
		if transport.CorrespondKey, err = correspondKey(file); err != nil {
			return fmt.Errorf("endpoints.correspond_key_file: %w", err)
		}
	}
	direct.client, err = passport.New(transport)
	return err
}

// of is the way that the configuration in force gives an account.
func (w *ways) of(name string) way {
	proxy := w.settings().proxies[name]
	if proxy == nil {
		return w.direct
	}
	id := wayID(proxy)
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.proxied[id]; ok {
		return known
	}
	limiter, err := w.newLimiter(id)
	if err != nil {
		w.log.Warn().Err(err).Str("account", name).Msg("the back-off on the way by a proxy was not loaded")
	}
	made := way{w.direct.client.Through(proxy, limiter), limiter, new(account.CheckQueue)}
	if w.proxied == nil {
		w.proxied = map[string]way{}
	}
	w.proxied[id] = made
	return made
}

// limit puts limits into force on all ways.
func (w *ways) limit(l passport.Limits) {
	for _, one := range w.all() {
		one.limiter.SetLimits(l)
	}
}

// settle writes down exactly what was spent. It comes when nothing is asked any more.
func (w *ways) settle() {
	for _, one := range w.all() {
		one.limiter.Settle()
	}
}

// all are the ways that were used so far.
func (w *ways) all() []way {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]way{w.direct}, slices.Collect(maps.Values(w.proxied))...)
}

// prefixes begin the keys of what is kept of each way that was used so far.
func (w *ways) prefixes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{prefixOf("")}
	for id := range w.proxied {
		list = append(list, prefixOf(id))
	}
	return list
}

// prefixOf is that of one way; the direct one has no name.
func prefixOf(id string) string {
	if id == "" {
		return ""
	}
	return id + " "
}

// wayID names a proxy, whose address may hold a password.
func wayID(proxy *url.URL) string {
	sum := sha256.Sum256([]byte(proxy.String()))
	return hex.EncodeToString(sum[:8])
}

// newLimiter makes the limiter of a way, with the breakers that were open when the
// keeper stopped. It is there beside an error too.
func (w *ways) newLimiter(id string) (*passport.Limiter, error) {
	prefix := prefixOf(id)
	var full time.Time
	kept, spentErr := w.store.Get(store.KindRate, prefix+spentRate, &full)
	if kept == 0 && spentErr == nil { // of a version that kept it among what is the accounts'
		_, spentErr = w.store.Get(store.KindSpent, prefix+spentRate, &full)
	}
	l := passport.NewLimiter(limitsOf(w.settings().Config), passport.LimiterOptions{
		OnChange: func(b passport.Breaker) { w.keepBreaker(prefix, b) },
		Full:     full,
		Keep:     func(s passport.Spent) error { return w.keepSpent(prefix, s) },
		Spent:    func(account string) []time.Time { return w.spentOf(prefix, account) },
	})
	open, err := w.loadBreakers(prefix)
	l.Restore(open)
	return l, cmp.Or(err, spentErr)
}

// spentRate is the key of what is spent of the minute's requests of a way.
const spentRate = "rate"

// keepSpent writes down what is asked of the site, before it is asked: a keeper that
// crashes again and again asks no more than one that does not. The minute is the way's,
// the hour the account's, whichever way it goes. A full disk is no error here; a vault
// that has failed is one, since what the site gives once could not be kept any more, and
// so is an hour that other hosts would not learn of.
func (w *ways) keepSpent(prefix string, s passport.Spent) error {
	var records []store.Small
	if !s.Full.IsZero() {
		records = append(records, store.Small{Kind: store.KindRate, Key: prefix + spentRate, Value: s.Full})
	}
	if s.Account != "" {
		records = append(records, store.Small{Kind: store.KindSpent, Key: spentKey("", s.Account), Value: s.Hour})
	}
	if err := w.store.Keep(records...); err != nil {
		if w.shared && s.Account != "" {
			return err
		}
		w.log.Warn().Err(err).Msg("what is asked of the site was not written down; a restart would forget it")
	}
	return w.store.Vault().Err()
}

// spentOf is what was asked for an account lately. What cannot be read counts as
// nothing: the request that follows fails on the same vault, or mends it.
func (w *ways) spentOf(prefix, account string) (hour []time.Time) {
	_, err := w.store.Get(store.KindSpent, spentKey("", account), &hour)
	if prefix != "" && err == nil {
		var earlier []time.Time // of a version that kept an hour for each way
		_, err = w.store.Get(store.KindSpent, spentKey(prefix, account), &earlier)
		// What was asked since has been written with these among it.
		earlier = slices.DeleteFunc(earlier, func(t time.Time) bool { return slices.ContainsFunc(hour, t.Equal) })
		hour = append(earlier, hour...)
		slices.SortFunc(hour, time.Time.Compare)
	}
	if err != nil {
		w.log.Warn().Err(err).Str("account", account).Msg("what was asked of the site lately was not loaded")
	}
	return hour
}

// spentKey is the key of an account's hour: its name after a blank, which is in no name.
func spentKey(prefix, account string) string { return prefix + " " + account }

// forget removes what is kept of an account that is gone.
func (w *ways) forget(account string) {
	for _, prefix := range w.prefixes() {
		if err := w.store.Drop(store.KindSpent, spentKey(prefix, account)); err != nil {
			w.log.Warn().Err(err).Str("account", account).Msg("a record of its requests is left")
		}
	}
}

// reread has what was spent for an account read anew: another host may have asked, or
// this one by another way.
func (w *ways) reread(account string) {
	for _, one := range w.all() {
		passport.ForgetSpent(one.limiter, account)
	}
}

// breakers tell how those on all ways stand.
func (w *ways) breakers() []passport.Breaker {
	var list []passport.Breaker
	for _, one := range w.all() {
		list = append(list, one.limiter.Breakers()...)
	}
	return list
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
// site that asked to be left alone. prefix names the way.
func (w *ways) keepBreaker(prefix string, b passport.Breaker) {
	if err := w.store.Put(store.KindSite, prefix+b.Host, b, nil); err != nil {
		w.log.Warn().Err(err).Str("host", b.Host).Msg("the back-off was not saved; a restart would forget it")
	}
}

// loadBreakers returns those of one way. The direct one's are kept under the host
// alone, which has no blank in it.
func (w *ways) loadBreakers(prefix string) ([]passport.Breaker, error) {
	keys, err := w.store.Keys(store.KindSite)
	if err != nil {
		return nil, err
	}
	var list []passport.Breaker
	for _, key := range keys {
		host, mine := strings.CutPrefix(key, prefix)
		if !mine || strings.Contains(host, " ") {
			continue
		}
		var b passport.Breaker
		if _, err := w.store.Get(store.KindSite, key, &b); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}
