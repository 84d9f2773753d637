package daemon

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
)

// settings is a configuration with its schedules parsed, replaced as a whole
// by a reload.
type settings struct {
	config.Config
	common    schedule.Schedule
	schedules map[string]schedule.Schedule
	words     catalog.Catalog
}

func newSettings(c config.Config) (*settings, error) {
	s := &settings{Config: c, schedules: map[string]schedule.Schedule{}}
	least := c.Limits.MinCheckInterval.Std()
	var err error
	if s.common, err = schedule.Parse(c.Check.Schedule, least); err != nil {
		return nil, fmt.Errorf("check.schedule: %w", err)
	}
	for _, a := range c.Accounts {
		if a.Schedule == "" {
			continue
		}
		if s.schedules[a.Name], err = schedule.Parse(a.Schedule, least); err != nil {
			return nil, fmt.Errorf("the schedule of account %s: %w", a.Name, err)
		}
	}
	if s.words, err = catalog.New(locale(c.Locale), c.CustomTexts()...); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return s, nil
}

// words are those of messages to people.
func (k *Keeper) words() catalog.Catalog { return k.settings.Load().words }

// locale resolves "auto" by the environment, as other programs do.
func locale(configured string) string {
	if configured != config.LocaleAuto && configured != "" {
		return configured
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return config.LocaleChinese
			}
			break
		}
	}
	return config.LocaleEnglish
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
		Interval:     plan.Interval(),
		Spread:       schedule.Spread(name),
	}
}

// reconfigure puts a new configuration into force for everything that can
// change while the keeper runs. On an error the old one stays.
func (k *Keeper) reconfigure(c config.Config) error {
	next, err := newSettings(c)
	if err != nil {
		return err
	}
	old := k.settings.Swap(next)
	k.gate.SetLimits(limitsOf(c))
	for _, a := range k.all() {
		if old.plan(a.name) != next.plan(a.name) {
			a.replan()
		}
	}
	return nil
}

// plan names the schedule of an account, jitter included.
func (s *settings) plan(name string) string {
	return s.Account(name).Schedule + " " + s.Check.Jitter.Std().String()
}

// replan lets the owner look at the schedule anew. It does not wait: an account
// that is busy does it when it is done.
func (a *account) replan() {
	go func() {
		err := a.do(a.keeper.work, func(context.Context) error { return a.apply(lifecycle.Rescheduled{}, nil) })
		if err != nil {
			a.log.Warn().Err(err).Msg("the new schedule was not taken up")
		}
	}()
}

// needRestart are the parts of the configuration that are read once.
func needRestart(key string) bool {
	part, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"state_dir", "socket", "log", "page", "endpoints"}, part)
}
