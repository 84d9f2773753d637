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

// ownFiles are the own files of the keeper that the command line means, of the one
// that it would mean without flags, and of the one that answers.
func ownFiles(ctx context.Context, e *Env) ownfile.Files {
	own := filesOf(e.Located())
	if e.Flags != (config.Flags{}) {
		own = append(own, filesOf(config.Locate(config.Flags{}, e.Getenv))...)
	}
	if path := e.Getenv("BILIKEEPER_VAULT_PASSPHRASE_FILE"); path != "" {
		own = append(own, ownfile.File{What: "a file with a secret", Path: path})
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// Whatever is wrong with the file is not told of here: it may be the one that is
	// to be written.
	p := e.Located()
	named, _ := NamedPlaces(p.Config)
	keeper := &client.Client{Sockets: p.With(named).Sockets(e.Getenv)}
	for _, path := range keeper.Sockets {
		own = append(own, ownfile.File{What: "the control socket", Path: path})
	}
	if s, err := keeper.Status(ctx); err == nil && s.Daemon.Vault.Path != "" {
		runs := config.Flags{Config: s.Daemon.Config, Socket: p.Socket, StateDir: filepath.Dir(s.Daemon.Vault.Path)}
		own = append(own, filesOf(config.Locate(runs, e.Getenv))...)
	}
	return own
}

// filesOf are the own files of a keeper with these places. What can be made out of a
// faulty configuration is where the vault is.
func filesOf(p config.Places) ownfile.Files {
	c, p, err := p.Read(daemon.Checks())
	if err != nil {
		named, _ := NamedPlaces(p.Config)
		c, p = config.Config{}, p.With(named)
	}
	return parts.Own(p, c, nil)
}
