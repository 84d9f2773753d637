package daemon

import (
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
	"github.com/bilikeeper/bilikeeper/vault"
)

// OwnFiles are the files that no output, copy or export may take the place of. A
// configuration that could not be read has no files of secrets.
func OwnFiles(p config.Places, c config.Config) ownfile.Files {
	in := func(name string) string { return filepath.Join(p.StateDir, name) }
	own := ownfile.Files{
		{What: "the vault", Path: in(VaultFile)},
		{What: "a copy of the vault", Path: in(VaultFile + ".*")},
		{What: "the key of the vault", Path: in(KeyFile)},
		{What: "the note of the process that keeps", Path: in(vault.HolderFile)},
		{What: "the control socket", Path: p.Socket},
		{What: "the configuration", Path: p.Config},
	}
	for _, path := range config.SecretFiles(c) {
		own = append(own, ownfile.File{What: "a file with a secret", Path: path})
	}
	if path := c.Endpoints.CorrespondKeyFile; path != "" {
		own = append(own, ownfile.File{What: "the site's public key", Path: path})
	}
	return own
}

// ownFiles are those of a configuration, and what opens the vault beside its key.
func (d *daemon) ownFiles(c config.Config) ownfile.Files {
	own := OwnFiles(d.Places, c)
	for _, s := range d.keeper.Store().Vault().Info().Slots {
		if filepath.IsAbs(s.Source) {
			own = append(own, ownfile.File{What: "a file that opens the vault", Path: s.Source})
		}
	}
	return own
}
