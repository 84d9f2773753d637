package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/parts"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
)

// CheckFree refuses the path of a file that is to be written where it is one of
// the keeper's own: its vault, its keys, its configuration, a secret. No flag
// changes that.
func CheckFree(ctx context.Context, e *Env, path string) error {
	if err := ownFiles(ctx, e).Check(path); err != nil {
		return Fail(ExitUsage, "name another file; this one is never written over", "%w", err)
	}
	return nil
}

// ownFiles are the own files of the keeper that the command line means, and of the one
// that answers.
func ownFiles(ctx context.Context, e *Env) ownfile.Files {
	c, p, err := e.Located().Read(daemon.Checks())
	if err != nil {
		// What can be made out of a faulty file is where the vault is.
		named, _ := NamedPlaces(p.Config)
		c, p = config.Config{}, p.With(named)
	}
	own := parts.Own(p, c, nil)
	if path := e.Getenv("BILIKEEPER_VAULT_PASSPHRASE_FILE"); path != "" {
		own = append(own, ownfile.File{What: "a file with a secret", Path: path})
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// Whatever is wrong with the file is not told of here: it may be the one that is
	// to be written.
	keeper := &client.Client{Sockets: p.Sockets(e.Getenv)}
	if s, err := keeper.Status(ctx); err == nil && s.Daemon.Vault.Path != "" {
		p.StateDir = filepath.Dir(s.Daemon.Vault.Path)
		own = append(own, parts.Own(p, config.Config{}, nil)...)
	}
	return own
}
