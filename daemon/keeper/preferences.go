package keeper

import (
	"context"
	"slices"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/schedule"
	"github.com/bilikeeper/bilikeeper/daemon/store"
)

// mostTags bounds the tags of one account.
const mostTags = 64

// Patch keeps what people choose for an account. What the configuration file says
// of the account stays as it is there, and nothing is changed then.
func (a Accounts) Patch(ctx context.Context, name string, p client.AccountPatch) (client.Account, error) {
	w, err := a.keeper.named(name)
	if err != nil {
		return client.Account{}, err
	}
	s := a.keeper.settings.Load()
	if err := s.refuses(name, p); err != nil {
		return client.Account{}, err
	}
	err = account.Preferences{Worker: w}.Change(ctx, func(own *store.Preferences) {
		if p.Schedule != nil {
			own.Schedule = *p.Schedule
		}
		if p.Tags != nil {
			own.Tags = slices.Compact(slices.Sorted(slices.Values(*p.Tags)))
		}
		if p.Paused != nil {
			own.Paused = *p.Paused
		}
	})
	a.keeper.tags.changed()
	if err != nil {
		return client.Account{}, err
	}
	a.keeper.Settings().tellTooDense(w.Shown(), &a.keeper.problems)
	return a.view(w.Shown()), nil
}

// refuses says why a change cannot be made.
func (s *Settings) refuses(name string, p client.AccountPatch) error {
	file := s.Account(name)
	switch {
	case p.Schedule != nil && file.Schedule != "":
		return account.Configured(name, "schedule")
	case p.Tags != nil && len(file.Tags) > 0:
		return account.Configured(name, "tags")
	case p.Paused != nil && file.Paused:
		return account.Configured(name, "paused")
	}
	if p.Schedule != nil && *p.Schedule != "" {
		if _, fault := schedule.Check(*p.Schedule, s.Limits.MinCheckInterval.Std()); fault != nil {
			return &client.Problem{Type: client.ProblemBadRequest, Title: "the schedule cannot be used", Detail: "schedule: " + fault.What, Hint: fault.Hint}
		}
	}
	if p.Tags == nil {
		return nil
	}
	if len(*p.Tags) > mostTags {
		return account.BadRequest("tags: an account has at most %d", mostTags)
	}
	for _, tag := range *p.Tags {
		if !config.ValidName(tag) {
			return account.BadRequest("tags: %q is not a tag: letters and digits of any script, dot, dash and underscore", tag)
		}
	}
	return nil
}
