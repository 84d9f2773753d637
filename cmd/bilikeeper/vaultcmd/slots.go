package vaultcmd

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

func slotsCommand(a *access) *cobra.Command {
	return cli.Group("slots", "Show and change what opens the vault", `Shows and changes what opens the vault. Each slot alone opens it. Where a keeper
runs it makes the change, for its own user and for root alone.

A slot that was removed still opens copies of the vault that were made before;
bilikeeper vault rekey keeps it out of what is written from then on.`, &cobra.Command{
		Use:   "list",
		Short: "Show the slots",
		Args:  cli.Nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := a.info(cmd.Context())
			if err != nil {
				return err
			}
			return a.env.Show(map[string]any{"slots": info.Slots}, func() { a.env.Print("%s", slotsText(info.Slots, a.env.Out(), time.Now())) })
		},
	}, addCommand(a), removeCommand(a))
}

// slotWish is what the command line says of a new slot.
type slotWish struct {
	label, credential, passphraseFile string
}

func addCommand(a *access) *cobra.Command {
	var wish slotWish
	cmd := &cobra.Command{
		Use:   "add recovery|passphrase|keyfile|file [PATH]",
		Short: "Make one more way to open the vault",
		Long: `Makes one more way to open the vault:

  recovery     a recovery key, printed once; write it down and keep it elsewhere
  passphrase   asked twice on the terminal, or read with --new-passphrase-file
  keyfile      the key file beside the vault, made anew where it is lost
  file PATH    another file that the keeper can read: a key file, or 32 bytes and
               more that cannot be guessed. With --credential NAME the keeper finds
               it as a credential of the service manager (LoadCredential=NAME:PATH)`,
		Example: `  bilikeeper vault slots add recovery
  bilikeeper vault slots add file /etc/credstore/bilikeeper.key --credential vaultkey`,
		Args:              slotArguments,
		ValidArgsFunction: offerSlot,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := wish.request(a, args)
			if err != nil {
				return err
			}
			added, err := a.addSlot(cmd.Context(), request)
			if err != nil {
				return err
			}
			if err := a.env.Show(added, func() { printAdded(a.env, added) }); err != nil {
				return takeBack(cmd.Context(), a, added, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&wish.label, "label", "", "a `text` that tells the slot from others")
	cmd.Flags().StringVar(&wish.credential, "credential", "", "the `name` under which the service manager passes the file on")
	cmd.Flags().StringVar(&wish.passphraseFile, "new-passphrase-file", "", "`file` with the new passphrase")
	cli.FreeFlag(cmd, "label", "credential")
	cli.FileFlag(cmd, "new-passphrase-file")
	return cmd
}

// offerSlot is what the shell offers: a kind, and a path where it takes one.
func offerSlot(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return []cobra.Completion{vault.SlotRecovery, vault.SlotPassphrase, vault.SlotKeyFile, vault.SlotFile}, cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1 && args[0] == vault.SlotFile:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func slotArguments(cmd *cobra.Command, args []string) error {
	usage := cli.Usage(cmd)
	switch {
	case len(args) == 0:
		return cli.FailWith(cli.ExitUsage, usage, "%s needs the kind of the slot", cmd.CommandPath())
	case args[0] == vault.SlotFile && len(args) == 1:
		return cli.FailWith(cli.ExitUsage, usage, "%s file needs the file's path", cmd.CommandPath())
	case args[0] == vault.SlotFile && len(args) == 2:
		return nil
	case len(args) > 1:
		return cli.FailWith(cli.ExitUsage, usage, "%s does not know what to do with an argument after %s", cmd.CommandPath(), args[0])
	case args[0] != vault.SlotRecovery && args[0] != vault.SlotPassphrase && args[0] != vault.SlotKeyFile:
		// Not repeated: it may be the secret itself.
		return cli.FailWith(cli.ExitUsage, usage, "%s does not know that kind of slot", cmd.CommandPath())
	}
	return nil
}

// request is the wish as the keeper takes it.
func (wish slotWish) request(a *access, args []string) (client.VaultSlotRequest, error) {
	r := client.VaultSlotRequest{Kind: args[0], Label: wish.label}
	switch r.Kind {
	case vault.SlotPassphrase:
		text, err := newPassphrase(a, wish.passphraseFile)
		r.Secret = []byte(text.Reveal())
		return r, err
	case vault.SlotFile:
		path, err := filepath.Abs(args[1])
		if err != nil {
			return r, err
		}
		r.Source = path
		if wish.credential != "" {
			r.Source = vault.CredentialSource(wish.credential)
			r.Secret, err = a.secrets.File(path)
		}
		return r, err
	}
	return r, nil
}

// newPassphrase asks twice: a slip would lock its owner out.
func newPassphrase(a *access, path string) (secret.String, error) {
	if path != "" {
		return a.secrets.Line(path)
	}
	first, err := a.secrets.Ask(cli.Format("New passphrase"))
	if err == nil {
		var second secret.String
		if second, err = a.secrets.Ask(cli.Format("Once more")); err == nil && !first.Equal(second) {
			return first, cli.Fail(cli.ExitFailed, "begin again", "the two passphrases are not the same")
		}
	}
	if errors.Is(err, vault.ErrNotGiven) {
		return first, cli.Fail(cli.ExitUsage, "run it in a terminal, or name a file with --new-passphrase-file", "no passphrase was given")
	}
	return first, err
}

func (a *access) addSlot(ctx context.Context, r client.VaultSlotRequest) (added client.VaultSlotAdded, err error) {
	err = a.either(ctx, func(c *client.Client) (err error) {
		added, err = c.AddSlot(ctx, r)
		return err
	}, func(v vault.Vault) error {
		s, key, err := v.AddSlot(vault.NewSlot{Kind: r.Kind, Label: r.Label, Source: r.Source, Secret: secret.New(string(r.Secret))})
		added = client.VaultSlotAdded{Slot: keeper.ShowSlot(s), RecoveryKey: key.Reveal()}
		return err
	})
	return added, err
}

// takeBack removes a slot whose key nobody has seen: a way into the vault that no
// one can use, and that everybody would count on.
func takeBack(ctx context.Context, a *access, added client.VaultSlotAdded, err error) error {
	if added.RecoveryKey == "" {
		return err
	}
	if rerr := a.removeSlot(ctx, added.Slot.ID, ""); rerr != nil {
		a.env.Warn("slot %s was made, its key could not be shown, and it could not be removed: %s", added.Slot.ID, rerr)
		return err
	}
	a.env.Say("The recovery key could not be shown, so its slot was taken back. Run the command again.")
	return err
}

func printAdded(env *cli.Env, added client.VaultSlotAdded) {
	if added.RecoveryKey == "" {
		env.Say("The vault has a new slot, %s (%s).", added.Slot.ID, added.Slot.Kind)
		return
	}
	env.Say("This is the recovery key. It opens the vault and every backup of it, and is not shown again. Write it down, and keep it where this machine is not:")
	env.Print("%s\n", added.RecoveryKey)
	env.Say("Slot %s holds it. Case and dashes do not matter when it is typed in.", added.Slot.ID)
}

func removeCommand(a *access) *cobra.Command {
	var relyOn string
	cmd := &cobra.Command{
		Use:               "remove ID",
		Short:             "Take a way to open the vault away",
		Args:              cli.One("a slot's id"),
		ValidArgsFunction: cli.CompleteSlots(a.env, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.removeSlot(cmd.Context(), args[0], relyOn)
			if errors.Is(err, vault.ErrNotFound) && !noVault(err) {
				return cli.Fail(cli.ExitFailed, "bilikeeper vault slots list shows them", "there is no such slot")
			}
			if err != nil {
				return err
			}
			return a.env.Show(map[string]any{"removed": args[0]}, func() {
				a.env.Say("Slot %s is gone. Copies of the vault that were made before still open with it; bilikeeper vault rekey keeps it out of what is written from now on.", args[0])
			})
		},
	}
	cmd.Flags().StringVar(&relyOn, "rely-on", "", "the slot (`ID`) that opens the vault from then on, where none is left that needs no person")
	cli.SlotFlag(a.env, cmd, "rely-on")
	return cmd
}

func (a *access) removeSlot(ctx context.Context, id, relyOn string) error {
	return a.either(ctx, func(c *client.Client) error { return c.RemoveSlot(ctx, id, relyOn) },
		func(v vault.Vault) error { return v.RemoveSlot(id, relyOn) })
}

// noVault reports whether it is the vault that was not found.
func noVault(err error) bool {
	e, ok := errors.AsType[*vault.Error](err)
	return ok && e.Op == "open"
}
