package keeper

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
)

// Settings is a configuration with its schedules parsed, replaced as a whole
// by a reload.
type Settings struct {
	config.Config
	common    schedule.Schedule
	schedules map[string]schedule.Schedule
	// accounts are the entries of the configuration by their names.
	accounts map[string]config.Account
	// Catalog words the messages to people.
	Catalog catalog.Catalog
}

// NewSettings checks a configuration as far as the keeper uses it.
func NewSettings(c config.Config) (*Settings, error) {
	s := &Settings{Config: c, schedules: map[string]schedule.Schedule{}, accounts: map[string]config.Account{}}
	least := c.Limits.MinCheckInterval.Std()
	var err error
	if s.common, err = schedule.Parse(c.Check.Schedule, least); err != nil {
		return nil, fmt.Errorf("check.schedule: %w", err)
	}
	for _, a := range c.Accounts {
		s.accounts[a.Name] = a
		if a.Schedule == "" {
			continue
		}
		if s.schedules[a.Name], err = schedule.Parse(a.Schedule, least); err != nil {
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

// policy is what the configuration says about an account now.
func (k *Keeper) policy(name string) lifecycle.Policy {
	s := k.settings.Load()
	plan, ok := s.schedules[name]
	if !ok {
		plan = s.common
	}
	offset := schedule.Offset(name, s.Check.Jitter.Std())
	return lifecycle.Policy{
		ConfirmAfter: s.Check.ConfirmAfter.Std(),
		AutoLogin:    s.Login.Auto,
		AutoRefresh:  s.Refresh.Auto,
		ConfirmDelay: confirmDelay,
		Codes:        s.Login.Codes,
		Remind:       s.Login.Remind.Std(),
		Poll:         s.Login.Poll.Std(),
		Quiet:        s.Login.QuietHours.Until,
		FirstCheck:   func(now time.Time) time.Time { return plan.First(now, offset) },
		CheckAfter:   func(last time.Time) time.Time { return plan.After(last, offset) },
		Plan:         s.plan(name),
		Interval:     plan.Interval(),
		Spread:       schedule.Spread(name),
	}
}

// accountSettings are what the workers need of the configuration.
func (k *Keeper) accountSettings() account.Settings {
	s := k.settings.Load()
	return account.Settings{
		RefreshesPerHour: s.Limits.RefreshesPerHour, LegacySMS: s.Login.SMSAPI == "legacy", CaptchaScript: s.Endpoints.GeetestJS,
	}
}

// Use puts a new configuration into force for everything that can change while
// the keeper runs. It cannot fail: [NewSettings] has checked it.
func (k *Keeper) Use(next *Settings) {
	old := k.settings.Swap(next)
	k.limiter.SetLimits(limitsOf(next.Config))
	for _, w := range k.all() {
		if old.plan(w.Name()) != next.plan(w.Name()) {
			w.Reschedule()
		}
	}
}

// Account returns what the configuration says of an account, with the defaults
// where it says nothing.
func (s *Settings) Account(name string) config.Account {
	a := s.accounts[name]
	a.Name, a.Schedule = name, cmp.Or(a.Schedule, s.Check.Schedule)
	return a
}

// plan names the schedule of an account, jitter included.
func (s *Settings) plan(name string) string {
	return s.Account(name).Schedule + " " + s.Check.Jitter.Std().String()
}

// NeedRestart reports whether a key of the configuration is read once.
func NeedRestart(key string) bool {
	part, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"state_dir", "socket", "log", "page", "endpoints"}, part)
}
