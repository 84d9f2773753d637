package vaultcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/vault"
)

func infoCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what is in the vault, what opens it, and when it was backed up",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := a.info(cmd.Context())
			if err != nil {
				return err
			}
			return a.env.Show(info, func() { a.env.Print("%s", infoText(info, a.env.Out(), time.Now())) })
		},
	}
}

// info tells of the vault, whoever has it.
func (a *access) info(ctx context.Context) (client.VaultInfo, error) {
	info, running, err := a.running(ctx)
	if err != nil || running {
		return info, err
	}
	o, err := a.opening(vault.Keys{})
	if err != nil {
		return info, err
	}
	if o.Store.Type == config.StoreBolt {
		d, err := vault.Inspect(o.File())
		if err != nil {
			return info, explain(err)
		}
		return keeper.ShowVault(d), nil
	}
	err = a.either(ctx, nil, func(v vault.Vault) error {
		info = keeper.ShowVault(vault.Details{Info: v.Info()})
		return nil
	})
	return info, err
}

// infoText is all that is known of a vault.
func infoText(i client.VaultInfo, out cli.Screen, now time.Time) string {
	var records []string
	for kind, n := range i.Records {
		records = append(records, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(records)
	journal := out.Text("%d entries", i.Journal.Count)
	if i.Journal.OldestAt != nil && i.Journal.NewestAt != nil {
		journal += out.Text(", ids %d to %d, the oldest %s, the newest %s", i.Journal.FirstID, i.Journal.LastID,
			out.Ago(i.Journal.OldestAt, now), out.Ago(i.Journal.NewestAt, now))
	}
	schema, size := strconv.Itoa(i.Schema), bytesText(i.Size)
	if !i.CreatedAt.IsZero() {
		schema = out.Text("%d, made %s", i.Schema, i.CreatedAt.Format(time.DateOnly))
	}
	if i.PageSize > 0 {
		size = out.Text("%s, %s of it free", size, bytesText(int64(i.FreePages)*int64(i.PageSize)))
	}
	rows := [][]string{
		{out.Text("vault"), i.Path},
		{"id", i.ID},
		{out.Text("schema"), schema},
		{out.Text("size"), size},
		{out.Text("records"), cli.Dash(strings.Join(records, ", "))},
		{out.Text("journal"), journal},
		{out.Text("backed up"), out.Ago(i.BackedUpAt, now)},
	}
	for _, path := range i.Aside {
		rows = append(rows, []string{out.Text("set aside"), path})
	}
	return out.Pairs(rows) + "\n" + slotsText(i.Slots, out, now)
}

func slotsText(slots []client.VaultSlot, out cli.Screen, now time.Time) string {
	rows := [][]string{out.Heads("SLOT", "KIND", "OPENS BY", "LABEL", "MADE", "IN USE")}
	for _, s := range slots {
		by, use := out.Text("a person"), "-"
		if s.Unattended {
			by = out.Text("itself")
		}
		if s.Source != "" {
			by = s.Source
		}
		if s.InUse {
			use = out.Text("yes")
		}
		rows = append(rows, []string{s.ID, s.Kind, by, cli.Dash(s.Label), out.Ago(&s.CreatedAt, now), use})
	}
	return out.Table(rows)
}

func bytesText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
}

func verifyCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Open every seal in the vault and check its file",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			check := client.VaultCheck{OK: true}
			done := a.env.Working("The vault is read through")
			err := a.either(cmd.Context(), func(c *client.Client) (err error) {
				check, err = c.VerifyVault(cmd.Context())
				return err
			}, vault.Vault.Verify)
			done()
			if errors.Is(err, vault.ErrCorrupt) {
				check, err = client.VaultCheck{Detail: err.Error()}, nil
			}
			if err != nil {
				return err
			}
			failure := cli.Exit(cli.ExitFailed, "")
			err = a.env.Show(check, func() {
				if check.OK {
					a.env.Print("%s\n", cli.Format("The vault is whole."))
					return
				}
				failure.Err, failure.Hint = errors.New(check.Detail), cli.Format("bilikeeper vault restore FILE puts a backup in its place, bilikeeper vault repair saves what still opens")
			})
			if err != nil || check.OK {
				return err
			}
			return failure
		},
	}
}
