// Package vaultcmd has the commands that look at the vault, copy it, put another
// in its place and change what opens it. They ask the keeper where one runs, and
// open the files where none does. How a vault is sealed and what a slot is, is
// the vault's to know and may not come in.
//
// What the package guarantees: a command that needs the vault for itself changes
// nothing while a keeper has it. No secret is an argument; the recovery key alone
// is printed, once, on stdout.
package vaultcmd

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/vaultkeys"
	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

// Commands are the commands of this group.
func Commands(env *cli.Env) []*cobra.Command {
	a := &access{env: env, secrets: vaultkeys.Secrets{Env: env}}
	cmd := cli.Group("vault", "Show, check, back up and restore the vault, and change what opens it",
		`Shows, checks, backs up and restores the vault, and changes what opens it.

info, verify, backup and slots ask the keeper where one runs, and open the files
where none does. restore, repair, compact, rekey and migrate need the keeper stopped.

What opens the vault is tried in this order: the key file beside it, other files
and credentials of the service manager, a passphrase, a recovery key. Secrets are
asked on the terminal or read from a file that others cannot read; they are never
arguments. BILIKEEPER_VAULT_PASSPHRASE_FILE names such a file, for the keeper too.`,
		infoCommand(a), verifyCommand(a), backupCommand(a), restoreCommand(a), repairCommand(a), compactCommand(a), rekeyCommand(a), migrateCommand(a), slotsCommand(a))
	cmd.PersistentFlags().StringVar(&env.Flags.StateDir, "state-dir", "", "where the vault and its key lie (`directory`)")
	cli.DirectoryFlag(cmd, "state-dir")
	a.secrets.Flags(cmd)
	return []*cobra.Command{cmd}
}

// access is how the commands get to the vault: through the keeper that has it,
// or by its files.
type access struct {
	env     *cli.Env
	secrets vaultkeys.Secrets
	client  *client.Client // made when it is first needed
}

func (a *access) keeper() *client.Client {
	if a.client == nil {
		a.client = a.env.OwnClient()
	}
	return a.client
}

// opening is the vault of the places that the command line, the environment and the
// configuration name. Where this program does not keep accounts in such a one, the one
// that does takes over.
func (a *access) opening(k vault.Keys) (parts.Opening, error) {
	o := parts.Opening{Store: config.Store{Type: config.StoreBolt}, Places: a.env.Places(), Keys: k, Existing: true}
	kind := cli.StoreType(a.env)
	if kind == config.StoreBolt {
		return o, nil
	}
	if err := cli.HandOverTo(a.env, kind); err != nil {
		return o, err
	}
	c, p, err := cli.LoadConfig(a.env, func(p config.Places) (config.Config, config.Places, error) { return p.Read(daemon.Checks()) })
	o.Store, o.Places = c.Store, p
	return o, err
}

// file is the vault for what can be done to a file alone.
func (a *access) file() (vault.Options, error) {
	o, err := a.opening(a.secrets.Keys())
	if err == nil && o.Store.Type != config.StoreBolt {
		err = noFile()
	}
	return o.File(), err
}

func noFile() error {
	return cli.Fail(cli.ExitFailed, "", "the accounts are kept in etcd: there is no file of a vault here that this could be done to")
}

// backups is where the keeper puts copies of the vault.
func (a *access) backups() string {
	c, p, err := a.env.Located().Read(daemon.Checks())
	if err != nil {
		return a.env.Places().Backups(config.Config{})
	}
	return p.Backups(c)
}

// running reports whether a keeper answers that has the vault which is meant.
func (a *access) running(ctx context.Context) (client.VaultInfo, bool, error) {
	info, err := a.keeper().Vault(ctx)
	if errors.Is(err, client.ErrNoKeeper) {
		return info, false, nil
	}
	if err != nil {
		return info, false, err
	}
	if a.env.Flags.StateDir != "" && filepath.IsAbs(info.Path) {
		if dir, err := filepath.Abs(a.env.Flags.StateDir); err == nil && dir != filepath.Dir(info.Path) {
			return info, false, nil
		}
	}
	return info, true, nil
}

// either does something with the vault: asks the keeper that has it, or opens
// it where none runs.
func (a *access) either(ctx context.Context, ask func(*client.Client) error, do func(vault.Vault) error) error {
	_, running, err := a.running(ctx)
	if err != nil {
		return err
	}
	if running {
		return ask(a.keeper())
	}
	o, err := a.opening(a.secrets.Keys())
	if err != nil {
		return err
	}
	v, err := a.env.Stores.Open(o)
	if err != nil {
		return explain(err)
	}
	err = do(v)
	if cerr := v.Close(); err == nil {
		err = cerr
	}
	return explain(err)
}

// explain adds what to do to an error of the vault.
func explain(err error) error {
	if f, ok := errors.AsType[*cli.Failure](err); ok {
		return f
	}
	f := cli.Explain(err, []cli.Known{
		{transfer.ErrOther, cli.ExitFailed, "name an empty place, another prefix for example; nothing was changed there"},
		{transfer.ErrUnfinished, cli.ExitFailed, "run bilikeeper vault migrate again, as it was run"},
		{transfer.ErrLeft, cli.ExitFailed, "write into [store] where the accounts are kept now"},
		{parts.ErrShared, cli.ExitFailed, "stop the keepers of all hosts first"},
		{vault.ErrInUse, cli.ExitFailed, "stop the keeper first: bilikeeper service stop, or kill the process; this needs the vault for itself"},
		{vault.ErrOtherVault, cli.ExitFailed, "--force restores it all the same; the present vault stays beside it"},
		{vault.ErrLastSlot, cli.ExitFailed, "add another slot first: bilikeeper vault slots add recovery"},
		{vault.ErrAttended, cli.ExitFailed, "add a slot that needs no person, or name the slot that the vault will be opened with: --rely-on ID"},
		{vault.ErrWeak, cli.ExitUsage, "openssl rand -base64 32 makes a good one"},
		{vault.ErrRecoveryText, cli.ExitFailed, "look at each letter again; dashes, spaces and case do not matter"},
		{vault.ErrWrongKey, cli.ExitFailed, "another way to open it: --recovery asks for the recovery key, --passphrase-file names a file"},
		{vault.ErrKeyMissing, cli.ExitFailed, "put the key file back, or open the vault another way: --recovery asks for the recovery key, --passphrase-file names a file"},
		{vault.ErrNewerSchema, cli.ExitFailed, "a newer version of bilikeeper wrote it; install that version"},
		{vault.ErrCorrupt, cli.ExitFailed, "bilikeeper vault restore FILE puts a backup in its place, bilikeeper vault repair saves what still opens; nothing was changed"},
		{vault.ErrExposed, cli.ExitFailed, "make it private again: chmod go= on what is named, and think about who may have read it"},
		{vault.ErrDenied, cli.ExitFailed, "look at store.user, the password and the role in etcd; bilikeeper doctor says what is missing"},
		{vault.ErrUnavailable, cli.ExitFailed, "look whether etcd runs and is reached from here, and at store.endpoints, store.ca_file and store.user"},
		{vault.ErrNoSpace, cli.ExitFailed, "make room on the disk; nothing was changed"},
		{vault.ErrNotFound, cli.ExitFailed, "--state-dir names another place; a keeper that starts makes a vault"},
		{fs.ErrPermission, cli.ExitNotPermitted, "run it as the keeper's user, or as root"},
	})
	if f == nil {
		return err
	}
	return f
}
