package parts

import (
	"errors"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Opening says which vault is to be opened, and how.
type Opening struct {
	Store  config.Store
	Places config.Places
	Keys   vault.Keys
	// Existing refuses to make a new vault.
	Existing bool
	// Lost takes the place of a damaged entry of the journal; see [vault.Options].
	Lost []byte
}

// File is where the vault in a file lies.
func (o Opening) File() vault.Options {
	return vault.Options{
		Path: filepath.Join(o.Places.StateDir, VaultFile), KeyFile: filepath.Join(o.Places.StateDir, KeyFile),
		Keys: o.Keys, Existing: o.Existing, Lost: o.Lost, Kinds: store.Kinds(), Socket: o.Places.Socket,
	}
}

// Opener opens a vault.
type Opener func(Opening) (vault.Vault, error)

// Stores are what a program can keep accounts in, by the type of the store, beside
// the file that every program can.
type Stores map[string]Opener

// ErrStore says that this program does not keep accounts in what is configured.
var ErrStore = errors.New("this program does not keep accounts in such a store")

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
