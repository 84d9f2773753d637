package keys

import "github.com/bilikeeper/bilikeeper/vault/seal"

// Seed is what a vault is begun with. Made of another vault, it is opened by what opens
// that one, and its journal goes on where that one's does.
type Seed struct {
	ID, DataKey []byte
	Slots       []Slot
	// First is the id that the journal's first entry gets.
	First uint64
}

// String keeps the data key out of texts.
func (Seed) String() string { return "what a vault is begun with" }

// GoString keeps it out of those for programmers.
func (s Seed) GoString() string { return s.String() }

// NewSeed makes the data key of a vault that is new, and its first slot.
func (s Sources) NewSeed(keyFile string, vaultID []byte) (Seed, error) {
	dataKey := seal.NewKey()
	slot, _, err := s.Make(NewSlot{Kind: KindKeyFile}, keyFile, dataKey, vaultID)
	return Seed{ID: vaultID, DataKey: dataKey, Slots: []Slot{slot}, First: 1}, err
}
