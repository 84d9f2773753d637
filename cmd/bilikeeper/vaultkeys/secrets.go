// Package vaultkeys gets what opens the vault: from files, from the credentials
// of the service manager, and from a person at the terminal. The vault commands
// and the daemon use it. What a key opens and which slot there is, is the vault's
// to know and may not come in.
//
// What the package guarantees: a secret is read from a file that others cannot
// read or typed without being shown; it is in no argument, no error and no log.
// A daemon asks nobody.
package vaultkeys

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/internal/secretfile"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	envPassphraseFile = "BILIKEEPER_VAULT_PASSPHRASE_FILE"
	envCredentials    = "CREDENTIALS_DIRECTORY"
)

// Secrets are where what opens the vault comes from.
type Secrets struct {
	Env *cli.Env
	// Silent asks nobody.
	Silent bool

	passphraseFile, recoveryFile string
	recovery                     bool
}

// Flags adds the flags that name files and ask for the recovery key.
func (s *Secrets) Flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "`file` with the vault's passphrase")
	f.StringVar(&s.recoveryFile, "recovery-file", "", "`file` with the recovery key")
	cli.FileFlag(cmd, "passphrase-file", "recovery-file")
	f.BoolVar(&s.recovery, "recovery", false, "ask for the recovery key where nothing else opens the vault")
}

// Keys are the secrets as the vault asks for them.
func (s *Secrets) Keys() vault.Keys {
	return vault.Keys{
		Credentials: s.Env.Getenv(envCredentials),
		Passphrase:  func() (secret.String, error) { return s.Passphrase(cli.Format("Passphrase of the vault")) },
		Recovery: func() (secret.String, error) {
			if !s.recovery && s.recoveryFile == "" {
				return secret.String{}, vault.ErrNotGiven
			}
			return s.RecoveryKey(cli.Format("Recovery key of the vault"))
		},
	}
}

// Passphrase reads the passphrase's file, or asks for it.
func (s *Secrets) Passphrase(prompt cli.Message) (secret.String, error) {
	path := s.passphraseFile
	if path == "" {
		path = s.Env.Getenv(envPassphraseFile)
	}
	if path != "" {
		return s.Line(path)
	}
	if s.recovery || s.recoveryFile != "" {
		return secret.String{}, vault.ErrNotGiven // who brings the other is not asked for this one
	}
	return s.Ask(prompt)
}

// RecoveryKey reads the recovery key's file, or asks for it.
func (s *Secrets) RecoveryKey(prompt cli.Message) (secret.String, error) {
	if s.recoveryFile != "" {
		// It may have been written down in several lines.
		data, err := s.File(s.recoveryFile)
		return secret.New(string(data)), err
	}
	return s.Ask(prompt)
}

// Ask asks for a secret. Without a terminal nobody is there.
func (s *Secrets) Ask(prompt cli.Message) (secret.String, error) {
	if s.Silent {
		return secret.String{}, vault.ErrNotGiven
	}
	text, err := s.Env.AskSecret(prompt)
	if errors.Is(err, cli.ErrNobody) {
		return secret.String{}, vault.ErrNotGiven
	}
	if err != nil {
		return secret.String{}, cli.Fail(cli.ExitFailed, "", "ask for it: %w", err)
	}
	return text, nil
}

// Line reads a file with one secret in it.
func (s *Secrets) Line(path string) (secret.String, error) {
	data, err := s.File(path)
	if err != nil {
		return secret.String{}, err
	}
	text := strings.TrimRight(strings.TrimPrefix(string(data), "\ufeff"), "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return secret.String{}, cli.Fail(cli.ExitUsage, "put the secret alone into it, on one line", "%s is empty or holds more than one line", path)
	}
	return secret.New(text), nil
}

// File reads a file that others cannot read.
func (s *Secrets) File(path string) ([]byte, error) {
	data, err := secretfile.For(s.Env.Located().StateDir, s.Env.Getenv(envCredentials)).Read(path)
	bad, isBad := errors.AsType[*secretfile.Error](err)
	switch {
	case err == nil:
		return data, nil
	case isBad && bad.Err == secretfile.ErrExposed && bad.FileSystem == "":
		return nil, cli.FailWith(cli.ExitUsage, cli.Format("chmod 600 %s, and think about who may have read it", path), "%s has mode %04o: others can read it", path, bad.Mode.Perm())
	case isBad:
		return nil, cli.Fail(cli.ExitUsage, bad.Mend, "%s %s", path, bad.What)
	case errors.Is(err, fs.ErrPermission):
		return nil, cli.Fail(cli.ExitNotPermitted, "it has to be readable by the user who runs this", "read a secret: %w", err)
	}
	return nil, cli.Fail(cli.ExitUsage, "", "read a secret: %w", err)
}
