package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

const (
	// problemCopy and problemVault are what the status calls the troubles.
	problemCopy  = "backup"
	problemVault = "vault"
	// problemOpened is what was damaged when the vault was opened. It stands until the
	// next start, because a person has to see it.
	problemOpened = "vault as it was found"

	// look is how often the clock is looked at.
	look = time.Minute
	// again is how long a copy that failed waits, or the time between two copies
	// where that is shorter.
	again = time.Hour
	// settled is how long accounts that came since the last copy wait for the next.
	settled = 10 * time.Minute
	// apart is how far clocks of hosts may be from each other.
	apart = 10 * time.Minute
	// firstScrub and scrubEvery say when all of the vault is read.
	firstScrub = 10 * time.Minute
	scrubEvery = 24 * time.Hour
)

// Upkeep looks after the vault by one configuration. It runs once.
type Upkeep struct {
	keeper *keeper.Keeper
	file   *vault.File // nil where the vault does not lie in one
	every  time.Duration
	keep   int
	dir    string
	own    bool // the directory is the keeper's own

	// tried and made are when a copy was last tried and made, accounts how many
	// there were then. Only Run uses them.
	tried, made time.Time
	accounts    int
	scrub       time.Time
}

// New builds the upkeep of a configuration. It starts nothing.
func New(k *keeper.Keeper, c config.Config, p config.Places) *Upkeep {
	file, _ := k.Store().Vault().(*vault.File)
	return &Upkeep{keeper: k, file: file, every: c.Backup.Every.Std(), keep: c.Backup.Keep, dir: p.Backups(c), own: c.Backup.Dir == ""}
}

// Run works until ctx ends.
func (u *Upkeep) Run(ctx context.Context) error {
	u.keeper.Problems().Clear(problemCopy)
	if damage := u.vault().Info().Damage; len(damage) > 0 {
		u.keeper.Problems().Set(problemOpened, errors.New(strings.Join(damage, "; ")))
	}
	if u.every > 0 {
		u.sweep()
	}
	if list := copies(u.dir); len(list) > 0 {
		u.made = list[0].at
	}
	u.accounts = u.vault().Info().Records["account"]
	u.scrub = time.Now().Add(firstScrub)
	pause := look
	if u.every > 0 {
		pause = min(pause, u.every)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		u.work(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (u *Upkeep) vault() vault.Vault { return u.keeper.Store().Vault() }

func (u *Upkeep) work(now time.Time) {
	if u.due(now) {
		u.tried = now
		if err := u.copy(now); err != nil {
			u.keeper.Log().Error().Err(err).Str("dir", u.dir).Msg("no copy of the vault was made")
			u.keeper.Problems().Set(problemCopy, err)
		} else {
			u.keeper.Problems().Clear(problemCopy)
		}
	}
	if !now.Before(u.scrub) {
		u.scrub = now.Add(scrubEvery)
		u.read()
	}
}

// due reports whether a copy is to be made. While a vault that lies elsewhere is away,
// what is here may be old, and none is.
func (u *Upkeep) due(now time.Time) bool {
	if u.every <= 0 || now.Sub(u.tried) < min(u.every, again) && u.tried.After(u.made) || !u.wanted(now) {
		return false
	}
	if f, elsewhere := vault.FiguresOf(u.vault()); elsewhere && !f.Away.IsZero() {
		return false
	}
	if u.file != nil {
		return true
	}
	// Hosts that share a directory take turns: a copy of another's is as good.
	if list := copies(u.dir); len(list) > 0 && list[0].at.After(u.made) {
		u.made, u.accounts = list[0].at, u.vault().Info().Records["account"]
	}
	return u.wanted(now)
}

// wanted goes by the wall clock. A copy from the future is of a clock that was wrong,
// unless it is hardly so: then it is another host's.
func (u *Upkeep) wanted(now time.Time) bool {
	since := now.Sub(u.made)
	if since < -apart || since >= u.every {
		return true
	}
	return u.vault().Info().Records["account"] > u.accounts && since >= min(u.every, settled)
}

// copy makes a copy and removes the oldest.
func (u *Upkeep) copy(now time.Time) error {
	if err := u.prepare(); err != nil {
		return err
	}
	info := u.vault().Info()
	if free, err := durable.FreeSpace(u.dir); err == nil && free < 2*uint64(info.Size) {
		return fmt.Errorf("%s has %d bytes left, too few for a copy of the vault", u.dir, free)
	}
	path := filepath.Join(u.dir, nameAt(now))
	if err := u.backUp(path); err != nil {
		return err
	}
	u.made, u.accounts = now, info.Records["account"]
	u.keeper.Log().Info().Str("path", path).Int64("size", info.Size).Msg("a copy of the vault was made")
	if u.own && u.file != nil {
		return rotate(u.dir, u.keep) // on the vault's own disk it is no backup to rely on
	}
	if err := u.keeper.Vault().BackedUp(now); err != nil {
		return fmt.Errorf("a copy was made, and could not be noted: %w", err)
	}
	return rotate(u.dir, u.keep)
}

func (u *Upkeep) backUp(path string) error {
	if u.file == nil {
		return transfer.BackUp(u.vault(), path)
	}
	return u.file.BackUp(path)
}

// prepare makes the directory. Of one that somebody named only the last element is
// made: a disk that is not mounted would be written past otherwise.
func (u *Upkeep) prepare() error {
	if u.own {
		return durable.MkdirAll(u.dir, 0o700)
	}
	if err := os.Mkdir(u.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// read reads all of the vault.
func (u *Upkeep) read() {
	whole := u.vault().Verify
	if u.file != nil {
		whole = u.file.Scrub // nobody waits for it
	}
	err := whole()
	switch {
	case err == nil:
		u.keeper.Problems().Clear(problemVault)
		u.keeper.Log().Debug().Msg("all of the vault was read and is whole")
	case errors.Is(err, vault.ErrCorrupt):
		mend := "stop the keeper and run: bilikeeper vault repair"
		if u.file == nil {
			mend = "somebody changed it there without the vault's key: look who may; the last good state is what is read here"
		}
		if list := copies(u.dir); len(list) > 0 {
			mend += "; the newest copy is " + list[0].path
		}
		u.keeper.Log().Error().Err(err).Msg("the vault is damaged")
		u.keeper.Problems().Set(problemVault, fmt.Errorf("%w; %s", err, mend))
	default:
		u.keeper.Log().Warn().Err(err).Msg("the vault could not be read through")
	}
}
