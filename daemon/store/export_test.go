package store

import (
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// TellAt enters events into the history as of a time.
func TellAt(s *Store, at time.Time, events ...Event) error {
	return s.vault.Update(func(tx vault.Tx) error { return chronicle(tx, at, events) })
}
