package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
)

const (
	envPassphraseFile = "BILIKEEPER_VAULT_PASSPHRASE_FILE"
	envCredentials    = "CREDENTIALS_DIRECTORY"

	maxSecretFile = 64 << 10
)

// vaultSecrets gets what opens the vault from files and from the terminal.
type vaultSecrets struct {
	app                          *app
	passphraseFile, recoveryFile string
	recovery                     bool
	// silent is the daemon: nobody is asked.
	silent bool
}

func (k *vaultSecrets) keys() vault.Keys {
	return vault.Keys{
		Credentials: k.app.env(envCredentials),
		Passphrase:  func() (secret.String, error) { return k.passphrase("Passphrase of the vault") },
		Recovery: func() (secret.String, error) {
			if !k.recovery && k.recoveryFile == "" {
				return secret.String{}, vault.ErrNotGiven
			}
			return k.recoveryKey("Recovery key of the vault")
		},
	}
}

func (k *vaultSecrets) passphrase(prompt string) (secret.String, error) {
	path := k.passphraseFile
	if path == "" {
		path = k.app.env(envPassphraseFile)
	}
	if path != "" {
		return k.app.secretLine(path)
	}
	if k.recovery || k.recoveryFile != "" {
		return secret.String{}, vault.ErrNotGiven // who brings the other is not asked for this one
	}
	return k.ask(prompt)
}

func (k *vaultSecrets) recoveryKey(prompt string) (secret.String, error) {
	if k.recoveryFile != "" {
		// It may have been written down in several lines.
		data, err := k.app.secretFile(k.recoveryFile)
		return secret.New(string(data)), err
	}
	return k.ask(prompt)
}

// ask reads a line without showing it. Without a terminal nobody is there.
func (k *vaultSecrets) ask(prompt string) (secret.String, error) {
	f, ok := k.app.stdin.(*os.File)
	if k.silent || !ok || !term.IsTerminal(int(f.Fd())) {
		return secret.String{}, vault.ErrNotGiven
	}
	fmt.Fprint(k.app.stderr, prompt+": ")
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(k.app.stderr)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(text) == 0:
		return secret.String{}, vault.ErrNotGiven
	case err != nil:
		return secret.String{}, fmt.Errorf("ask for it: %w", err)
	}
	return secret.New(string(text)), nil
}

// secretLine reads a file with one secret in it.
func (a *app) secretLine(path string) (secret.String, error) {
	data, err := a.secretFile(path)
	if err != nil {
		return secret.String{}, err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return secret.String{}, fail(exitUsage, "put the secret alone into it, on one line", "%s is empty or holds more than one line", path)
	}
	return secret.New(text), nil
}

// secretFile reads a file that others cannot read. The service manager lets the
// service into its credentials by an access list, which shows as the group's
// bits.
func (a *app) secretFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fail(exitUsage, "name a file", "%s is not a regular file", path)
	}
	if err != nil {
		return nil, secretFileError(err)
	}
	others := fs.FileMode(0o077)
	if dir := a.env(envCredentials); dir != "" && filepath.Dir(path) == filepath.Clean(dir) {
		others = 0o007
	}
	if mode := info.Mode().Perm(); mode&others != 0 && runtime.GOOS != "windows" {
		return nil, fail(exitUsage, "chmod 600 "+path+", and think about who may have read it", "%s has mode %04o: others can read it", path, mode)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, secretFileError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, secretFileError(err)
	}
	if len(data) > maxSecretFile {
		return nil, fail(exitUsage, "put nothing else into it", "%s is far too long for a secret", path)
	}
	return data, nil
}

func secretFileError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fail(exitNotPermitted, "it has to be readable by the user who runs this", "read a secret: %w", err)
	}
	return fail(exitUsage, "", "read a secret: %w", err)
}

// vaultError adds what to do to an error of the vault.
func vaultError(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	hints := []struct {
		is   error
		code int
		hint string
	}{
		{vault.ErrInUse, exitFailed, "stop the keeper first: bilikeeper service stop, or kill the process; this needs the vault for itself"},
		{vault.ErrOtherVault, exitFailed, "--force restores it all the same; the present vault stays beside it"},
		{vault.ErrLastSlot, exitFailed, "add another slot first: bilikeeper vault slots add recovery"},
		{vault.ErrAttended, exitFailed, "add a slot that needs no person, or name the slot that the vault will be opened with: --rely-on ID"},
		{vault.ErrWeak, exitUsage, "openssl rand -base64 32 makes a good one"},
		{vault.ErrRecoveryText, exitFailed, "look at each letter again; dashes, spaces and case do not matter"},
		{vault.ErrWrongKey, exitFailed, "another way to open it: --recovery asks for the recovery key, --passphrase-file names a file"},
		{vault.ErrKeyMissing, exitFailed, "put the key file back, or open the vault another way: --recovery asks for the recovery key, --passphrase-file names a file"},
		{vault.ErrNewerSchema, exitFailed, "a newer version of bilikeeper wrote it; install that version"},
		{vault.ErrCorrupt, exitFailed, "bilikeeper vault restore FILE puts a backup in its place; nothing was changed"},
		{vault.ErrExposed, exitFailed, "make it private again: chmod go= on what is named, and think about who may have read it"},
		{vault.ErrNoSpace, exitFailed, "make room on the disk; nothing was changed"},
		{vault.ErrNotFound, exitFailed, "--state-dir names another place; a keeper that starts makes a vault"},
		{fs.ErrPermission, exitNotPermitted, "run it as the keeper's user, or as root"},
	}
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return &failure{code: h.code, err: err, hint: h.hint}
		}
	}
	return err
}
