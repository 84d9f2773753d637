package transfer

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bilikeeper/bilikeeper/vault"
)

// Kind and key of the note in a vault that is filled from another, or that another was
// filled from. They are kept and never change.
const (
	Kind = "transfer"
	key  = "state"
)

// Stage says how far a transfer has come.
type Stage string

// The stages, as they are kept.
const (
	StageFilling Stage = "filling" // from the other
	StageFilled  Stage = "filled"  // and proven; the other is yet to be left
	StageLeft    Stage = "left"    // for the other
)

// State is the note.
type State struct {
	Stage Stage `json:"stage"`
	// Other is the other vault, in words.
	Other string `json:"other"`
	// Digest is that of all that was moved, "" before it is known.
	Digest string `json:"digest,omitempty"`
}

// What a vault is that nobody may keep accounts in.
var (
	ErrUnfinished = errors.New("it is being filled from another, which has not come to an end")
	ErrLeft       = errors.New("everything in it was moved elsewhere")
)

// StateOf returns the note of a vault; there is none in a vault that is used.
func StateOf(v vault.Vault) (s State, found bool, err error) {
	err = v.View(func(tx vault.Tx) error {
		r, err := tx.Get(Kind, key)
		if errors.Is(err, vault.ErrNotFound) {
			return nil
		}
		if err == nil {
			found, err = true, json.Unmarshal(r.Value, &s)
		}
		return err
	})
	return s, found, err
}

// Usable refuses a vault that is being filled, or that was left.
func Usable(v vault.Vault) error {
	s, found, err := StateOf(v)
	path, _ := v.Identity()
	switch {
	case err != nil || !found:
		return err
	case s.Stage == StageLeft:
		return fmt.Errorf("%s: %w: to %s", path, ErrLeft, s.Other)
	}
	return fmt.Errorf("%s: %w: %s", path, ErrUnfinished, s.Other)
}

// note writes the note.
func note(v vault.Vault, s State) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get(Kind, key)
		if err == nil || errors.Is(err, vault.ErrNotFound) {
			_, err = tx.Put(Kind, key, value, r.Revision)
		}
		return err
	})
}

// Leave notes in a vault that everything was moved to another.
func Leave(v vault.Vault, to, digest string) error {
	return note(v, State{Stage: StageLeft, Other: to, Digest: digest})
}

// Release lets a vault that is filled be used.
func Release(v vault.Vault) error {
	return v.Update(func(tx vault.Tx) error {
		r, err := tx.Get(Kind, key)
		if errors.Is(err, vault.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = tx.Delete(Kind, key, r.Revision)
		}
		return err
	})
}
