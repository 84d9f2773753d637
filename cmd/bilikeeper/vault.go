package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault"
)

func (a *app) vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Show, check, back up and restore the vault, and change what opens it",
		Long: `Shows, checks, backs up and restores the vault, and changes what opens it.

info, verify, backup and slots ask the keeper where one runs, and open the files
where none does. restore, compact and rekey need the keeper stopped.

What opens the vault is tried in this order: the key file beside it, other files
and credentials of the service manager, a passphrase, a recovery key. Secrets are
asked on the terminal or read from a file that others cannot read; they are never
arguments. BILIKEEPER_VAULT_PASSPHRASE_FILE names such a file, for the keeper too.`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	k := &vaultSecrets{app: a}
	f := cmd.PersistentFlags()
	f.StringVar(&a.flags.StateDir, "state-dir", "", "where the vault and its key lie (`directory`)")
	f.StringVar(&k.passphraseFile, "passphrase-file", "", "`file` with the vault's passphrase")
	f.StringVar(&k.recoveryFile, "recovery-file", "", "`file` with the recovery key")
	f.BoolVar(&k.recovery, "recovery", false, "ask for the recovery key where nothing else opens the vault")
	cmd.AddCommand(a.vaultInfoCommand(), a.vaultVerifyCommand(k), a.vaultBackupCommand(k),
		a.vaultRestoreCommand(k), a.vaultCompactCommand(k), a.vaultRekeyCommand(k), a.vaultSlotsCommand(k))
	return cmd
}

// vaultFile is the vault of the places that the command line, the environment
// and the file name.
func (a *app) vaultFile(k vault.Keys) vault.Options {
	p := a.places()
	return vault.Options{
		Path: filepath.Join(p.StateDir, daemon.VaultFile), KeyFile: filepath.Join(p.StateDir, daemon.KeyFile),
		Keys: k, Existing: true,
	}
}

// kept reports whether a keeper answers that has the vault which is meant.
func (a *app) kept(ctx context.Context) (client.VaultInfo, bool, error) {
	info, err := a.client().Vault(ctx)
	if errors.Is(err, client.ErrNoKeeper) {
		return info, false, nil
	}
	if err != nil {
		return info, false, err
	}
	if a.flags.StateDir != "" {
		if dir, err := filepath.Abs(a.flags.StateDir); err == nil && dir != filepath.Dir(info.Path) {
			return info, false, nil
		}
	}
	return info, true, nil
}

// vaultInfo tells of the vault, whoever has it.
func (a *app) vaultInfo(ctx context.Context) (client.VaultInfo, error) {
	info, running, err := a.kept(ctx)
	if err != nil || running {
		return info, err
	}
	d, err := vault.Inspect(a.vaultFile(vault.Keys{}))
	if err != nil {
		return info, vaultError(err)
	}
	return keeper.ShowVault(d), nil
}

func (a *app) vaultInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what is in the vault, what opens it, and when it was backed up",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := a.vaultInfo(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(info)
			}
			fmt.Fprint(a.stdout, vaultText(info, time.Now()))
			return nil
		},
	}
}

func vaultText(i client.VaultInfo, now time.Time) string {
	var records []string
	for kind, n := range i.Records {
		records = append(records, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(records)
	journal := fmt.Sprintf("%d entries", i.Journal.Count)
	if i.Journal.OldestAt != nil && i.Journal.NewestAt != nil {
		journal += fmt.Sprintf(", ids %d to %d, the oldest %s, the newest %s", i.Journal.FirstID, i.Journal.LastID,
			ago(i.Journal.OldestAt, now), ago(i.Journal.NewestAt, now))
	}
	rows := [][]string{
		{"vault", i.Path},
		{"id", i.ID},
		{"schema", fmt.Sprintf("%d, made %s", i.Schema, i.CreatedAt.Format(time.DateOnly))},
		{"size", fmt.Sprintf("%s, %s of it free", bytesText(i.Size), bytesText(int64(i.FreePages)*int64(i.PageSize)))},
		{"records", dash(strings.Join(records, ", "))},
		{"journal", journal},
		{"backed up", ago(i.BackedUpAt, now)},
	}
	for _, path := range i.Aside {
		rows = append(rows, []string{"set aside", path})
	}
	return strings.Join(align(rows), "\n") + "\n\n" + slotsText(i.Slots, now)
}

func slotsText(slots []client.VaultSlot, now time.Time) string {
	rows := [][]string{{"SLOT", "KIND", "OPENS BY", "LABEL", "MADE", "IN USE"}}
	for _, s := range slots {
		by, use := "a person", "-"
		if s.Unattended {
			by = "itself"
		}
		if s.Source != "" {
			by = s.Source
		}
		if s.InUse {
			use = "yes"
		}
		rows = append(rows, []string{s.ID, s.Kind, by, dash(s.Label), ago(&s.CreatedAt, now), use})
	}
	return strings.Join(align(rows), "\n") + "\n"
}

func bytesText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
}

func (a *app) vaultVerifyCommand(k *vaultSecrets) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Open every seal in the vault and check its file",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, running, err := a.kept(cmd.Context())
			if err != nil {
				return err
			}
			check := client.VaultCheck{OK: true}
			if running {
				check, err = a.client().VerifyVault(cmd.Context())
			} else {
				err = a.withVault(k, func(v *vault.Vault) error { return v.Verify() })
			}
			if errors.Is(err, vault.ErrCorrupt) {
				check, err = client.VaultCheck{Detail: err.Error()}, nil
			}
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(check)
			} else if check.OK {
				fmt.Fprintln(a.stdout, "The vault is whole.")
			}
			switch {
			case err != nil || check.OK:
				return err
			case a.json:
				return &failure{code: exitFailed, err: errors.New("")}
			}
			return fail(exitFailed, "bilikeeper vault restore FILE puts a backup in its place", "%s", check.Detail)
		},
	}
}

// withVault opens the vault of a keeper that does not run.
func (a *app) withVault(k *vaultSecrets, do func(*vault.Vault) error) error {
	v, err := vault.Open(a.vaultFile(k.keys()))
	if err != nil {
		return vaultError(err)
	}
	err = do(v)
	if cerr := v.Close(); err == nil {
		err = cerr
	}
	return vaultError(err)
}

func (a *app) vaultBackupCommand(k *vaultSecrets) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the vault, sealed as it is; - is standard output",
		Long: `Writes a copy of the vault, as of one moment and as sealed as the vault is, while
the keeper goes on. The copy is opened by what opens the vault: without the key
file, a passphrase or the recovery key it is worth nothing. Keep it where the key
file is not.`,
		Args: filesWanted("a file to write to"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.vaultBackup(cmd.Context(), k, args[0], force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	return cmd
}

// backupResult is what backup prints with --json.
type backupResult struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (a *app) vaultBackup(ctx context.Context, k *vaultSecrets, path string, force bool) error {
	_, running, err := a.kept(ctx)
	if err != nil {
		return err
	}
	var result backupResult
	var sum [sha256.Size]byte
	fill := func(w io.Writer) (err error) {
		if running {
			result.Size, sum, err = a.client().BackupVault(ctx, w)
			return err
		}
		return a.withVault(k, func(v *vault.Vault) error {
			result.Size, sum, err = copyVault(v, w)
			return err
		})
	}
	if path == "-" {
		if a.screen(a.stdout).tty {
			return fail(exitUsage, "bilikeeper vault backup - > FILE", "the vault is not for a terminal")
		}
		return fill(a.stdout)
	}
	var how []durable.Option
	if !force {
		how = append(how, durable.Exclusive())
	}
	err = durable.Write(path, 0o600, fill, how...)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitFailed, "--force writes over it", "%s is there already", path)
	}
	if err != nil {
		return err
	}
	if err := sameSum(path, sum); err != nil {
		return err
	}
	result.Path, result.SHA256 = path, hex.EncodeToString(sum[:])
	if a.json {
		return a.printJSON(result)
	}
	a.say("Wrote %s, %s. To open it, what opens the vault is needed: its key file, a passphrase or the recovery key. Keep them elsewhere.", path, bytesText(result.Size))
	return nil
}

// copyVault writes a checked copy and notes that it was made.
func copyVault(v *vault.Vault, w io.Writer) (int64, [sha256.Size]byte, error) {
	c, err := v.Copy()
	if err != nil {
		return 0, c.SHA256, err
	}
	defer c.Remove()
	f, err := os.Open(c.Path)
	if err != nil {
		return 0, c.SHA256, err
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return 0, c.SHA256, err
	}
	// On a disk that is full the backup is needed, and its note is not.
	_ = v.BackedUp(time.Now())
	return c.Size, c.SHA256, nil
}

// sameSum reads a file back.
func sameSum(path string, want [sha256.Size]byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != want {
		return fail(exitFailed, "try another disk", "%s does not hold what was written to it", path)
	}
	return nil
}

// filesWanted wants one argument that is no account.
func filesWanted(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fail(exitUsage, "usage: "+strings.TrimSuffix(cmd.UseLine(), " [flags]"), "%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}
