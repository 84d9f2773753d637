package doctor

import (
	"errors"
	"io/fs"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// Facts is all that was seen. It holds no secret.
type Facts struct {
	Now     time.Time
	OS      string
	UID     int // -1 where users have no numbers
	User    string
	Version string // of this program
	// RuntimeDir is XDG_RUNTIME_DIR, UserRuntimeDir the one that this user has,
	// "" where there is none.
	RuntimeDir, UserRuntimeDir string
	Container                  bool

	// Flags are repeated in the commands that are proposed.
	Flags     config.Flags
	Places    config.Places
	Overrides []Override
	// Proxies are those that the environment names.
	Proxies []Proxy

	// Text puts the findings into a person's language, by the English format; nil
	// leaves them as they are.
	Text func(format string, args ...any) string

	Configuration Configuration
	// Unknown are the users and groups that the configuration lets in and that
	// this system does not know, "user name" or "group name".
	Unknown []string
	// Ways are the proxies that accounts go by, in the order of the configuration.
	Ways []Way
	// Directories are those that outputs write to, by path.
	Directories map[string]Directory

	State State
	// Store is what was seen of etcd, nil where the accounts are not kept there.
	Store    *Store
	Socket   File
	Beside   File // the socket's directory
	Keeper   Keeper
	Others   []Other
	Services Services
}

// Override is a variable of the environment that names a place.
type Override struct{ Name, Value string }

// Proxy is one that a variable of the environment names.
type Proxy struct {
	Name string
	// Address is the proxy's host and port.
	Address string
	// Err is why nothing answers there.
	Err error
	// Keeper is true where the running keeper has the variable, false where this
	// process does and the keeper's are not known.
	Keeper bool
	// Used is true where requests to the site go through it.
	Used bool
}

// Configuration is the file as it was read.
type Configuration struct {
	// Checks are what is known of its parts.
	Checks config.Checks
	Found  bool
	// Err is why it was not taken as it is.
	Err error
	// Value is nil where nothing could be made of the file. With Err it is the
	// file without the faults of other files that it names.
	Value *config.Config
}

// Way is the proxy that some accounts go to the site by.
type Way struct {
	// Host is where it is, without what is secret of its address.
	Host     string
	Accounts []string
	// Err is why it cannot be reached from here, or why there is no address.
	Err error
}

// File is what the file system says of a path.
type File struct {
	Path string
	// Err is why it was not seen; [fs.ErrNotExist] where nothing is there.
	Err  error
	Mode fs.FileMode
	// Owner is a user's number, -1 where the system does not tell.
	Owner    int
	Modified time.Time
}

// Directory is a directory that somebody writes to.
type Directory struct {
	File
	// Denied is why this process may not make a file there.
	Denied error
}

// State is what was seen of the state directory.
type State struct {
	// StoreErr is why nothing keeps the accounts here that keeps them elsewhere than in a
	// file.
	StoreErr              error
	Directory, Vault, Key File
	FileSystem            FileSystem
	Free                  uint64
	FreeErr               error
	// Holder is who holds the vault's lock; nil where nobody does, or where it
	// cannot be seen.
	Holder *Holder
}

// Holder is a process that holds a vault.
type Holder struct {
	PID    int
	Socket string
}

// Suitability says whether a file system will do for a vault.
type Suitability string

// The kinds of file systems.
const (
	Local   Suitability = "local"
	Network Suitability = "network" // locks and mapped files are not to be relied upon
	Bridged Suitability = "bridged" // depends on what is at the other end
	Passing Suitability = "passing" // gone with the next start
	Unclear Suitability = "unclear" // the system did not tell
)

// FileSystem is what a directory lies on.
type FileSystem struct {
	Name string
	Kind Suitability
}

// Keeper is what the keeper answered.
type Keeper struct {
	Status      *client.Status
	Err         error
	Channels    []client.Channel
	ChannelsErr error
	Outputs     []client.Output
	OutputsErr  error
	// Vault is nil where the keeper does not tell this user.
	Vault *client.VaultInfo
}

// Other is another keeper's socket at a place where keepers listen.
type Other struct {
	Socket, Version string
}

// Services are the service manager's answers.
type Services struct {
	// Manager is the service manager's name, "" where there is none.
	Manager string
	// System and Own are the machine's service and the user's; Own is nil for
	// root, and where the manager knows no such thing.
	System, Own *Service
	// Lingers is whether the user's services outlive the last session; nil
	// where that means nothing or cannot be seen.
	Lingers *bool
}

// Service is what the service manager says of one service.
type Service struct {
	// Err is why the manager could not be asked.
	Err       error
	Installed bool
	// Enabled, Active and Result are systemd's words, "" with other managers.
	Enabled, Active, Result string
	// Running is known of every manager.
	Running bool
	Stale   bool // the unit changed on the disk after it was read
	Unit    string
	// Outdated is true where a unit that this program installed is not the one
	// that it would install now.
	Outdated bool
	// Missing is the program of the unit where it is not there any more.
	Missing string
}

// answered reports whether the keeper said how it is.
func (f *Facts) answered() bool { return f.Keeper.Status != nil }

// absent reports whether there is no keeper, so that the files are all there is.
// A keeper that does not tell may go by other files than this user's.
func (f *Facts) absent() bool { return errors.Is(f.Keeper.Err, client.ErrNoKeeper) }

// keeperUID is whose keeper it is, -1 where that cannot be told.
func (f *Facts) keeperUID() int {
	switch {
	case f.answered() && f.Socket.Err == nil:
		return f.Socket.Owner
	case f.UID != 0:
		return f.UID
	}
	return -1
}
