package parts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/account"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

// Opening says which vault is to be opened, and how.
type Opening struct {
	Store  config.Store
	Places config.Places
	Keys   vault.Keys
	// Path is another file than the usual one, "" for that.
	Path string
	// Existing refuses to make a new vault.
	Existing bool
	// Seed is what a new vault is begun with, to be filled from another. Nothing leaves
	// its journal by its age then.
	Seed *vault.Seed
	// Alone refuses a vault that other hosts use. Host is this keeper's part among them,
	// nil where it takes none.
	Alone bool
	Host  *Host
	// Refused is told in a sentence of what was changed from outside and is not taken
	// over; nil where nobody listens.
	Refused func(text string)
	// Lost takes the place of a damaged entry of the journal; see [vault.Options].
	Lost []byte
}

// File is where the vault in a file lies.
func (o Opening) File() vault.Options {
	return vault.Options{
		Path: cmp.Or(o.Path, filepath.Join(o.Places.StateDir, VaultFile)), KeyFile: filepath.Join(o.Places.StateDir, KeyFile),
		Keys: o.Keys, Existing: o.Existing, Seed: o.Seed, JournalAge: o.JournalAge(), Lost: o.Lost, Kinds: store.Kinds(), Socket: o.Places.Socket,
	}
}

// JournalAge is how old the journal's oldest entry may get, 0 for the usual.
func (o Opening) JournalAge() time.Duration {
	if o.Seed == nil {
		return 0
	}
	return transfer.Ageless
}

// Opener opens a vault.
type Opener func(Opening) (vault.Vault, error)

// Stores are what a program can keep accounts in, by the type of the store, beside
// the file that every program can.
type Stores map[string]Opener

// ErrStore says that this program does not keep accounts in what is configured.
var ErrStore = errors.New("this program does not keep accounts in such a store")

// ErrShared says that other hosts use the vault.
var ErrShared = errors.New("other hosts use it")

// Knows reports whether this program can keep accounts in a type of store.
func (s Stores) Knows(kind string) bool { return kind == config.StoreBolt || s[kind] != nil }

// Open opens the vault of the store that is configured.
func (s Stores) Open(o Opening) (vault.Vault, error) {
	if o.Store.Type == config.StoreBolt {
		v, err := vault.Open(o.File())
		if err != nil {
			return nil, err // not a *vault.File that is nil
		}
		return v, nil
	}
	open := s[o.Store.Type]
	if open == nil {
		return nil, ErrStore
	}
	return open(o)
}

// Begin opens the vault that a keeper is to keep, once nothing stands against it. What
// is refused in it is logged.
func (s Stores) Begin(o Opening, log zerolog.Logger) (vault.Vault, error) {
	if err := PrepareState(o.Places.StateDir); err != nil {
		return nil, fmt.Errorf("create the state directory: %w", err)
	}
	o.Lost = store.LostEntry()
	o.Refused = func(text string) {
		log.Error().Msg("the vault was changed from outside, which is not taken over: " + text)
	}
	v, err := s.Open(o)
	if errors.Is(err, ErrStore) {
		err = fmt.Errorf("%w: store.type: %w", ErrConfiguration, err)
	}
	if err != nil {
		return nil, err
	}
	if err := transfer.Usable(v); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// WatchStore tells of a vault that lies elsewhere and is not reached, until ctx ends.
func WatchStore(ctx context.Context, v vault.Vault, problems *account.Problems, log zerolog.Logger) {
	r, ok := v.(interface {
		Reach() (since time.Time, err error)
	})
	if !ok {
		return
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	told := ""
	for {
		since, err := r.Reach()
		why := ""
		if err != nil {
			why = strings.TrimPrefix(err.Error(), vault.ErrUnavailable.Error()+": ")
		}
		switch {
		case why != "" && why != told:
			problems.Set("etcd", fmt.Errorf("not to be reached since %s: %w; credentials are handed out as they were then, and nothing that changes can be kept until it is", since.UTC().Format(time.RFC3339), errors.New(why)))
			log.Error().Err(err).Msg("etcd is not to be reached")
		case why == "" && told != "":
			problems.Clear("etcd")
			log.Info().Msg("etcd is reached again")
		}
		told = why
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
