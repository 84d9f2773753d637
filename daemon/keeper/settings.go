package keeper

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// Settings is a configuration with its schedules parsed, replaced as a whole
// by a reload.
type Settings struct {
	config.Config
	common schedule.Schedule
	// specs are the schedules that accounts have of their own, parsed, by what
	// they say.
	specs sync.Map
	// accounts are the entries of the configuration by their names.
	accounts map[string]config.Account
	proxies  map[string]*url.URL // nil for accounts that have none
	// Catalog words the messages to people.
	Catalog catalog.Catalog
}

// NewSettings checks a configuration as far as the keeper uses it.
func NewSettings(c config.Config) (*Settings, error) {
	s := &Settings{Config: c, accounts: map[string]config.Account{}, proxies: map[string]*url.URL{}}
	var err error
	if s.common, err = s.parse(c.Check.Schedule); err != nil {
		return nil, fmt.Errorf("check.schedule: %w", err)
	}
	for _, a := range c.Accounts {
		s.accounts[a.Name] = a
		if s.proxies[a.Name], err = a.Way(); err != nil {
			return nil, fmt.Errorf("the proxy of account %s: %w", a.Name, err)
		}
		if a.Schedule == "" {
			continue
		}
		if _, err = s.parse(a.Schedule); err != nil {
			return nil, fmt.Errorf("the schedule of account %s: %w", a.Name, err)
		}
	}
	if s.Catalog, err = catalog.New(Locale(c.Locale), catalog.Configured(c.Text)...); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return s, nil
}

// Locale resolves "auto" by the environment, as other programs do.
func Locale(configured string) string {
	if configured != config.LocaleAuto && configured != "" {
		return config.CanonicalLocale(configured)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return cmp.Or(known(config.CanonicalLocale(v)), config.LocaleEnglish)
		}
	}
	return config.LocaleEnglish
}

// known is a language that there are texts in, "" for others.
func known(language string) string {
	if language == config.LocaleChinese || language == config.LocaleEnglish {
		return language
	}
	return ""
}

// confirmDelay is how long both pairs live after a rotation: time for whoever
// was handed the old one just before to finish what it began.
const confirmDelay = time.Second

// parse reads a schedule, which may not be denser than the limits allow.
func (s *Settings) parse(spec string) (schedule.Schedule, error) {
	if known, ok := s.specs.Load(spec); ok {
		return known.(schedule.Schedule), nil
	}
	parsed, err := schedule.Parse(spec, s.Limits.MinCheckInterval.Std())
	if err == nil {
		s.specs.Store(spec, parsed)
	}
	return parsed, err
}

// policy is what holds for an account now.
func (s *Settings) policy(r *store.Brief) lifecycle.Policy {
	own := s.of(r)
	plan, err := s.parse(own.Schedule)
	if err != nil { // it was set before the limits became narrower
		plan = s.common
	}
	offset := schedule.Offset(r.Name, s.Check.Jitter.Std())
	return lifecycle.Policy{
		ConfirmAfter: s.Check.ConfirmAfter.Std(),
		AutoLogin:    s.Login.Auto && !own.Paused,
		AutoRefresh:  s.Refresh.Auto && !own.Paused,
		Paused:       own.Paused,
		ConfirmDelay: confirmDelay,
		Codes:        s.Login.Codes,
		Remind:       s.Login.Remind.Std(),
		Poll:         s.Login.Poll.Std(),
		Quiet:        s.Login.QuietHours.Until,
		FirstCheck:   func(now time.Time) time.Time { return plan.First(now, offset) },
		CheckAfter:   func(last time.Time) time.Time { return plan.After(last, offset) },
		Plan:         s.plan(own),
		Interval:     plan.Interval(),
		Spread:       schedule.Spread(r.Name),
	}
}

// workers is what the accounts' workers need of the configuration.
func (s *Settings) workers() account.Settings {
	return account.Settings{
		RefreshesPerHour: s.Limits.RefreshesPerHour, Concurrency: s.Limits.Concurrency, LegacySMS: s.Login.SMSAPI == "legacy", CaptchaScript: s.Endpoints.GeetestJS,
	}
}

// Use puts a new configuration into force for everything that can change while
// the keeper runs. It cannot fail: [NewSettings] has checked it.
func (k *Keeper) Use(next *Settings) {
	old := k.settings.Swap(next)
	k.tags.changed()
	k.ways.limit(limitsOf(next.Config))
	for _, name := range next.otherWays(old) {
		k.ways.reread(name)
	}
	var changed []*account.Worker
	r := replacement{now: time.Now().UTC(), inForce: map[string]bool{}, of: map[string]map[string]bool{}}
	for _, w := range k.all() {
		was, is := old.of(w.Shown()), next.of(w.Shown())
		if r.add(next.plan(is), old.plan(was)) || was.Paused != is.Paused {
			changed = append(changed, w)
		}
	}
	k.plans.replace(k.store, r, k.log)
	for _, w := range changed {
		account.Preferences{Worker: w}.Reconsider()
	}
	next.scale(k.store, k.Count())
	for _, r := range k.Records() {
		next.tellTooDense(r, &k.problems)
	}
}

// otherWays are the accounts whose way to the site is another than before.
func (s *Settings) otherWays(before *Settings) (names []string) {
	for _, one := range []*Settings{s, before} {
		for name := range one.proxies {
			if a, b := s.proxies[name], before.proxies[name]; (a == nil) != (b == nil) || a != nil && *a != *b {
				names = append(names, name)
			}
		}
	}
	return names
}

// scale makes the journal as long as so many accounts need it.
func (s *Settings) scale(st *store.Store, accounts int) {
	st.Scale(store.Limits{Entries: s.Journal.Entries, PerAccount: s.Journal.PerAccount}, accounts)
}

// of is what holds for an account: what the file says of it, what people chose
// where the file says nothing, and what is said of all accounts.
func (s *Settings) of(r *store.Brief) config.Account {
	own := s.Account(r.Name)
	own.Schedule = cmp.Or(own.Schedule, r.Preferences.Schedule, s.Check.Schedule)
	if len(own.Tags) == 0 {
		own.Tags = r.Preferences.Tags
	}
	own.Paused = own.Paused || r.Preferences.Paused
	return own
}

// Account returns what the configuration says of an account; what is empty it
// does not say.
func (s *Settings) Account(name string) config.Account {
	a := s.accounts[name]
	a.Name = name
	return a
}

// plan names the schedule of an account, jitter included.
func (s *Settings) plan(own config.Account) string {
	return own.Schedule + " " + s.Check.Jitter.Std().String()
}

// tellTooDense tells of a schedule that people chose and that the limits do not allow
// any more; such an account is checked like the others.
func (s *Settings) tellTooDense(r *store.Brief, problems *account.Problems) {
	subject := "schedule of " + r.Name
	if _, err := s.parse(s.of(r).Schedule); err != nil {
		problems.Set(subject, fmt.Errorf("it is not kept to: %w; bilikeeper account set %s --schedule sets another one", err, r.Name))
	} else {
		problems.Clear(subject)
	}
}

// NeedRestart reports whether a key of the configuration is read once.
func NeedRestart(key string) bool {
	part, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"state_dir", "socket", "log", "page", "endpoints"}, part)
}
