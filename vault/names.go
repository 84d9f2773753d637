package vault

import (
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// Callers use this package alone: what the packages below define and callers
// handle has its name here, too.
type (
	Error    = fault.Error
	Keys     = keys.Sources
	SlotInfo = keys.SlotInfo
	NewSlot  = keys.NewSlot
	Seed     = keys.Seed
	Rekeyed  = keys.Rekeyed
	Process  = bolt.Process
)

// The kinds of slots.
const (
	SlotKeyFile    = keys.KindKeyFile
	SlotFile       = keys.KindFile
	SlotPassphrase = keys.KindPassphrase
	SlotRecovery   = keys.KindRecovery
)

// The outcomes that a caller can tell apart, with errors.Is.
var (
	ErrInUse       = fault.ErrInUse
	ErrWrongKey    = fault.ErrWrongKey
	ErrKeyMissing  = fault.ErrKeyMissing
	ErrNewerSchema = fault.ErrNewerSchema
	ErrCorrupt     = fault.ErrCorrupt
	ErrExposed     = fault.ErrExposed
	ErrNoSpace     = fault.ErrNoSpace
	ErrStorage     = fault.ErrStorage
	ErrNotFound    = fault.ErrNotFound
	ErrConflict    = fault.ErrConflict
	ErrGap         = fault.ErrGap
	ErrReadOnly    = fault.ErrReadOnly
	ErrTooLarge    = fault.ErrTooLarge
	ErrClosed      = fault.ErrClosed
	ErrReplaced    = fault.ErrReplaced
	ErrGone        = fault.ErrGone
	ErrDenied      = fault.ErrDenied
	ErrUnavailable = fault.ErrUnavailable
	ErrNotOwner    = fault.ErrNotOwner

	ErrLastSlot     = keys.ErrLastSlot
	ErrAttended     = keys.ErrAttended
	ErrNotGiven     = keys.ErrNotGiven
	ErrRecoveryText = keys.ErrRecoveryText
	ErrWeak         = keys.ErrWeak
	ErrDropSlot     = keys.ErrDropSlot
)

// CredentialSource is the source of a slot that a credential of the service
// manager opens.
func CredentialSource(name string) string { return keys.CredentialSource(name) }

// HolderFile is the name of the file beside the vault that names its holder.
const HolderFile = bolt.HolderFile

// Holder returns what the last holder of the vault in dir wrote about itself.
// See [bolt.Holder].
func Holder(dir string) (Process, error) { return bolt.Holder(dir) }
