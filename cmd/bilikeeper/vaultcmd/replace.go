package vaultcmd

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultkeys"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

func restoreCommand(a *access) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the vault's place; the keeper has to be stopped",
		Long: `Opens a backup, reads all of it, and puts it in the vault's place. The vault that
was there stays beside it, as vault.db.before-TIME.

It is opened by what opened the vault when the backup was made. Where the key
file is lost, --recovery asks for the recovery key; then make a new key file:
bilikeeper vault slots add keyfile --recovery.

A credential that was refreshed after the backup was made cannot be refreshed
from the backup, and may be dead: the keeper finds out, and asks for a login.`,
		Args:              cli.One("the file of a backup"),
		ValidArgsFunction: cli.CompleteFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return restore(a, args[0], force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "also where it is the backup of another vault")
	return cmd
}

func restore(a *access, path string, force bool) error {
	o, err := a.file()
	if err != nil {
		return err
	}
	done := a.env.Working("The backup is read through and put in place")
	r, err := vault.Restore(o, path, force)
	done()
	if err != nil {
		if errors.Is(err, vault.ErrCorrupt) {
			return cli.Fail(cli.ExitFailed, "take another backup; the vault was not touched", "%w", err)
		}
		return explain(err)
	}
	return a.env.Show(struct {
		Vault  client.VaultInfo `json:"vault"`
		Aside  string           `json:"aside"`
		Opened client.VaultSlot `json:"opened_by"`
	}{keeper.ShowVault(r.Details), r.Aside, keeper.ShowSlot(r.Opened)}, func() { restored(a.env, path, r) })
}

func restored(env *cli.Env, path string, r vault.Restored) {
	env.Say("%s is in place at %s: %d accounts, %d entries of the journal.", path, r.Details.Path, r.Details.Records["account"], r.Details.Events)
	if r.Aside != "" {
		env.Say("The vault that was there is now %s. Delete it when all is well.", r.Aside)
	}
	if r.Details.LastAt != nil {
		env.Say("note: it is as of %s; an account that was refreshed after that may need a login.", r.Details.LastAt.Local().Format(cli.Moment))
	}
	if !r.Opened.Unattended() {
		env.Say("note: a person opened it, the keeper cannot do so by itself. A new key file: bilikeeper vault slots add keyfile --recovery")
	}
}

func compactCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Write the vault anew without its free pages; the keeper has to be stopped",
		Args:  cli.Nothing,
		RunE: func(*cobra.Command, []string) error {
			o, err := a.file()
			if err != nil {
				return err
			}
			done := a.env.Working("The vault is written anew")
			c, err := vault.Compact(o)
			done()
			if err != nil {
				return explain(err)
			}
			return a.env.Show(map[string]any{"before": c.Before, "after": c.After}, func() {
				a.env.Say("The vault took %s and takes %s.", bytesText(c.Before), bytesText(c.After))
			})
		},
	}
}

func rekeyCommand(a *access) *cobra.Command {
	var drop bool
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Seal everything anew under a new key; the keeper has to be stopped",
		Long: `Makes a new data key and seals everything anew under it. Slots that were removed,
and old copies of the file, open nothing of what is written from then on. Backups
that were made before go on opening with what opened them.

Each slot is wrapped again, for which its secret is needed: files are read,
passphrases and recovery keys asked for, or read with --passphrase-file and
--recovery-file. --drop-slots lets those go whose secret is not at hand.

The secrets themselves stay. Where one has leaked: add another slot, remove the
one that leaked, then rekey, then make a new backup and destroy the old ones.`,
		Args: cli.Nothing,
		RunE: func(*cobra.Command, []string) error { return rekey(a, drop) },
	}
	cmd.Flags().BoolVar(&drop, "drop-slots", false, "remove the slots whose secret is not in a file")
	return cmd
}

func rekey(a *access, drop bool) error {
	o, err := a.file()
	if err != nil {
		return err
	}
	done := a.env.Working("The vault is sealed anew")
	r, err := vault.Rekey(o, vault.Rekeying{
		Secret:  func(s vault.SlotInfo) (secret.String, error) { return secretOf(a.secrets, s, drop) },
		Confirm: func(dropped []vault.SlotInfo) error { return mayDrop(dropped, drop) },
	})
	done()
	if err != nil {
		return explain(err)
	}
	return a.env.Show(map[string]any{"kept": shownSlots(r.Kept), "dropped": shownSlots(r.Dropped)}, func() {
		a.env.Say("The vault is sealed under a new key. Backups that were made before open with what opened them then: make a new one.")
		for _, s := range r.Kept {
			a.env.Print("%s\n", cli.Format("kept     %s", s.String()))
		}
		for _, s := range r.Dropped {
			a.env.Print("%s\n", cli.Format("dropped  %s", s.String()))
			if s.Kind == vault.SlotRecovery {
				a.env.Say("note: that recovery key opens nothing any more; a new one: bilikeeper vault slots add recovery")
			}
		}
	})
}

// secretOf gets the secret of a slot that is to be wrapped again. Who says that
// slots may go is not asked for them.
func secretOf(secrets vaultkeys.Secrets, s vault.SlotInfo, drop bool) (secret.String, error) {
	secrets.Silent = secrets.Silent || drop
	text, err := secret.String{}, vault.ErrNotGiven
	switch s.Kind {
	case vault.SlotPassphrase:
		text, err = secrets.Passphrase(cli.Format("Passphrase of slot %s", s.String()))
	case vault.SlotRecovery:
		text, err = secrets.RecoveryKey(cli.Format("Recovery key of slot %s", s.String()))
	}
	if errors.Is(err, vault.ErrNotGiven) {
		return text, vault.ErrDropSlot
	}
	return text, err
}

func mayDrop(dropped []vault.SlotInfo, drop bool) error {
	if drop || len(dropped) == 0 {
		return nil
	}
	var names []string
	for _, s := range dropped {
		names = append(names, s.String())
	}
	return cli.Fail(cli.ExitFailed, "give it with --passphrase-file or --recovery-file, or let go of the slot with --drop-slots",
		"no secret is at hand for %s", strings.Join(names, ", "))
}

func shownSlots(slots []vault.SlotInfo) []client.VaultSlot {
	list := []client.VaultSlot{}
	for _, s := range slots {
		list = append(list, keeper.ShowSlot(s))
	}
	return list
}
