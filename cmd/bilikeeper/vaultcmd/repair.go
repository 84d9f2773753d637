package vaultcmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
	"github.com/bilikeeper/bilikeeper/vault"
)

func repairCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use:   "repair",
		Short: "Save what still opens of a damaged vault; the keeper has to be stopped",
		Long: `Reads what is left of a damaged vault, writes every record that still opens into
a new one, puts that in its place, and says what is lost. The damaged file stays
beside it, as vault.db.damaged-TIME. A vault that is whole is left as it is.

What is saved is proven by its seal. A record of which only an earlier state was
left is named: an account that was refreshed after it may need a login.`,
		Args: cli.Nothing,
		RunE: func(*cobra.Command, []string) error { return repair(a) },
	}
}

// repairResult is what repair prints with --json.
type repairResult struct {
	Whole       bool             `json:"whole"`
	Aside       string           `json:"aside"`
	Damage      []string         `json:"damage"`
	Lost        []string         `json:"lost"`
	Older       []string         `json:"older"`
	Loose       []string         `json:"loose"`
	Unnamed     int              `json:"unnamed"`
	LostEntries int              `json:"lost_entries"`
	Vault       client.VaultInfo `json:"vault"`
}

func repair(a *access) error {
	o, err := a.file()
	if err != nil {
		return err
	}
	o.Lost = store.LostEntry()
	done := a.env.Working("What still opens is written anew")
	r, err := vault.Repair(o)
	done()
	switch {
	case errors.Is(err, vault.ErrCorrupt), errors.Is(err, vault.ErrNotFound):
		hint := cli.Format("put a backup in its place: bilikeeper vault restore FILE; nothing was changed")
		if back := upkeep.WayBack(o, a.backups()); back != "" {
			hint = cli.Format("%s puts the newest copy that opens in its place; nothing was changed", back)
		}
		return cli.FailWith(cli.ExitFailed, hint, "%w", err)
	case err != nil:
		return explain(err)
	}
	list := func(names []string) []string { return append([]string{}, names...) }
	return a.env.Show(repairResult{
		r.Whole, r.Aside, list(r.Damage), list(r.Lost), list(r.Older), list(r.Loose), r.Unnamed, r.LostEntries, keeper.ShowVault(r.Details),
	}, func() { repaired(a.env, r) })
}

// repaired says what a repair came to.
func repaired(env *cli.Env, r vault.Repaired) {
	if r.Whole {
		env.Print("The vault is whole; nothing was changed.\n")
		return
	}
	env.Say("The vault at %s is a new one: %d accounts, %d entries of the journal. The damaged file is now %s.",
		r.Details.Path, r.Details.Records["account"], r.Details.Events, r.Aside)
	for _, what := range r.Damage {
		env.Say("damaged: %s", what)
	}
	var lost []string
	lost = append(lost, r.Lost...)
	if r.Unnamed > 0 {
		lost = append(lost, fmt.Sprintf("%d records whose names cannot be read", r.Unnamed))
	}
	if r.LostEntries > 0 {
		lost = append(lost, fmt.Sprintf("%d entries of the journal", r.LostEntries))
	}
	if len(lost) == 0 {
		env.Print("Nothing is lost.\n")
	}
	for _, what := range lost {
		env.Print("lost   %s\n", what)
	}
	for _, what := range r.Older {
		env.Print("older  %s: only an earlier state of it was left\n", what)
	}
	for _, what := range r.Loose {
		env.Print("loose  %s: nothing led to it; it may have been removed\n", what)
	}
	if accounts := strings.Join(lost, " "); strings.Contains(accounts, "account/") {
		env.Say("A lost account is there again after a login, or in a backup: bilikeeper vault restore FILE.")
	}
}
