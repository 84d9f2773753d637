package vaultcmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

func backupCommand(a *access) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the vault, sealed as it is; - is standard output",
		Long: `Writes a copy of the vault, as of one moment and as sealed as the vault is, while
the keeper goes on. The copy is opened by what opens the vault: without the key
file, a passphrase or the recovery key it is worth nothing. Keep it where the key
file is not.`,
		Args:              cli.One("a file to write to"),
		ValidArgsFunction: cli.CompleteFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return backup(cmd.Context(), a, args[0], force) },
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

func backup(ctx context.Context, a *access, path string, force bool) error {
	var size int64
	var sum [sha256.Size]byte
	fill := func(w io.Writer) error {
		return a.either(ctx, func(c *client.Client) (err error) {
			size, sum, err = c.BackupVault(ctx, w)
			return err
		}, func(v vault.Vault) (err error) {
			size, sum, err = copyVault(v, w)
			return err
		})
	}
	if path == "-" {
		if a.env.Out().TTY {
			return cli.Fail(cli.ExitUsage, "bilikeeper vault backup - > FILE", "the vault is not for a terminal")
		}
		return fill(a.env)
	}
	if err := cli.CheckFree(ctx, a.env, path); err != nil {
		return err
	}
	var how []durable.Option
	if !force {
		how = append(how, durable.Exclusive())
	}
	done := a.env.Working("The vault is copied")
	err := durable.Write(path, 0o600, fill, how...)
	done()
	if errors.Is(err, fs.ErrExist) {
		return cli.Fail(cli.ExitFailed, "--force writes over it", "%s is there already", path)
	}
	if err == nil {
		err = sameSum(path, sum)
	}
	if err != nil {
		return err
	}
	return a.env.Show(backupResult{path, size, hex.EncodeToString(sum[:])}, func() {
		a.env.Say("Wrote %s, %s. To open it, what opens the vault is needed: its key file, a passphrase or the recovery key. Keep them elsewhere.", path, bytesText(size))
	})
}

// copyVault writes a checked copy and notes that it was made.
func copyVault(v vault.Vault, w io.Writer) (int64, [sha256.Size]byte, error) {
	var c vault.Copy
	var err error
	file, ok := v.(*vault.File)
	if ok {
		c, err = file.Copy()
	} else {
		c, err = transfer.Copy(v)
	}
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
	if file != nil {
		_ = file.BackedUp(time.Now())
	}
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
		return cli.Fail(cli.ExitFailed, "", "read the backup: %w", err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != want {
		return cli.Fail(cli.ExitFailed, "try another disk", "%s does not hold what was written to it", path)
	}
	return nil
}
