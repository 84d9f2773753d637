package parts

import (
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/upkeep"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
	"github.com/bilikeeper/bilikeeper/vault"
)

// VaultFile and KeyFile are the names of the files in the state directory.
const (
	VaultFile = "vault.db"
	KeyFile   = "vault.key"
	// CopyFile is this host's copy of a vault that lies elsewhere.
	CopyFile = "cluster.db"
)

// Own are the files that no output, copy or export may take the place of: those of
// a keeper's places, of its configuration, and what opens its vault. A configuration
// that could not be read has no files of secrets.
func Own(p config.Places, c config.Config, slots []vault.SlotInfo) ownfile.Files {
	in := func(name string) string { return filepath.Join(p.StateDir, name) }
	own := ownfile.Files{
		{What: "the vault", Path: in(VaultFile)},
		{What: "a copy of the vault", Path: in(VaultFile + ".*")},
		{What: "a copy of the vault", Path: filepath.Join(p.Backups(c), upkeep.Pattern)},
		{What: "this host's copy of the vault", Path: in(CopyFile)},
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
	for _, s := range slots {
		if filepath.IsAbs(s.Source) {
			own = append(own, ownfile.File{What: "a file that opens the vault", Path: s.Source})
		}
	}
	return own
}
