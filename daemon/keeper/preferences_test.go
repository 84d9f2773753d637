package keeper_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
)

func of[T any](v T) *T { return &v }

func patch(h *keepertest.Fixture, p client.AccountPatch) client.Account {
	h.T.Helper()
	a, err := h.Keeper.Accounts().Patch(context.Background(), "main", p)
	if err != nil {
		h.T.Fatal(err)
	}
	return a
}

func refused(h *keepertest.Fixture, kind string, p client.AccountPatch) {
	h.T.Helper()
	before := h.Account("main")
	if _, err := h.Keeper.Accounts().Patch(context.Background(), "main", p); !errors.Is(err, &client.Problem{Type: kind}) {
		h.T.Errorf("%+v: %v, want %s", p, err, kind)
	}
	if got := h.Account("main"); got.Schedule != before.Schedule || got.Paused != before.Paused || !slices.Equal(got.Tags, before.Tags) {
		h.T.Errorf("%+v was refused and changed something", p)
	}
}

// A schedule is taken up at once and kept; one that is too dense is refused, and
// one that the limits no longer allow is told of and not kept to.
func TestOwnSchedule(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		a := patch(h, client.AccountPatch{Schedule: of("@every 1h"), Tags: of([]string{"b", "a", "b"})})
		if a.Schedule != "@every 1h" || !slices.Equal(a.Tags, []string{"a", "b"}) || a.NextCheckAt == nil || time.Until(*a.NextCheckAt) > time.Hour {
			t.Errorf("%+v", a)
		}
		h.Restart()
		if a := h.Account("main"); a.Schedule != "@every 1h" || !slices.Equal(a.Tags, []string{"a", "b"}) {
			t.Errorf("after a restart: %+v", a)
		}
		refused(h, client.ProblemBadRequest, client.AccountPatch{Schedule: of("@every 1m"), Paused: of(true)})
		refused(h, client.ProblemBadRequest, client.AccountPatch{Schedule: of("every hour")})
		refused(h, client.ProblemBadRequest, client.AccountPatch{Tags: of([]string{"a b"})})

		use(h, func(c *config.Config) { c.Limits.MinCheckInterval = config.Duration(2 * time.Hour) })
		if problems := h.Keeper.Accounts().Status().Daemon.Problems; len(problems) != 1 {
			t.Errorf("the problems are %q", problems)
		}
		use(h, func(c *config.Config) { c.Limits.MinCheckInterval = config.Duration(time.Hour) })
		if problems := h.Keeper.Accounts().Status().Daemon.Problems; len(problems) != 0 {
			t.Errorf("the problems are %q", problems)
		}
		if a := patch(h, client.AccountPatch{Schedule: of(""), Tags: of([]string{})}); a.Schedule != "@every 8h" || len(a.Tags) != 0 {
			t.Errorf("%+v", a)
		}
	})
}

// What the configuration says wins, and cannot be set.
func TestTheConfigurationWins(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		patch(h, client.AccountPatch{Schedule: of("@every 1h"), Tags: of([]string{"kept"})})
		use(h, func(c *config.Config) {
			c.Accounts = []config.Account{{Name: "main", Schedule: "@every 4h", Tags: []string{"file"}, Paused: true}}
		})
		time.Sleep(time.Second)
		if a := h.Account("main"); a.Schedule != "@every 4h" || !slices.Equal(a.Tags, []string{"file"}) || !a.Paused || a.Next != nil {
			t.Errorf("%+v", a)
		}
		refused(h, client.ProblemConfigured, client.AccountPatch{Schedule: of("@every 2h")})
		refused(h, client.ProblemConfigured, client.AccountPatch{Tags: of([]string{"other"})})
		refused(h, client.ProblemConfigured, client.AccountPatch{Paused: of(false), Schedule: of("")})
		use(h, func(c *config.Config) { c.Accounts = nil })
		if a := h.Account("main"); a.Schedule != "@every 1h" || !slices.Equal(a.Tags, []string{"kept"}) || a.Paused || a.Next == nil {
			t.Errorf("%+v", a)
		}
	})
}

// use puts a changed configuration into force.
func use(h *keepertest.Fixture, change func(c *config.Config)) {
	h.T.Helper()
	change(&h.Config)
	next, err := keeper.NewSettings(h.Config)
	if err != nil {
		h.T.Fatal(err)
	}
	h.Keeper.Use(next)
}
