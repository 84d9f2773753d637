package config

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// The environment's variables that name a place.
const (
	envConfig   = "BILIKEEPER_CONFIG"
	envSocket   = "BILIKEEPER_SOCKET"
	envStateDir = "BILIKEEPER_STATE_DIR"
)

// Flags are the places that the command line names, "" where it does not.
type Flags struct{ Config, Socket, StateDir string }

// Places says where things are. A path is never "".
type Places struct {
	Config   string
	StateDir string
	Socket   string
	// ConfigNamed is true where a flag or the environment named the file,
	// which must exist then.
	ConfigNamed bool
	// System is true where the places are those of a system service.
	System bool

	// What a flag or the environment named, the file does not move. The socket
	// follows the state directory where it has no place of its own.
	stateNamed, socketNamed, socketFollows bool
	// socketInFile is true where the file named the socket.
	socketInFile bool
}

const socketName = "control.sock"

// Locate returns where this process finds things, before any file is read: a
// flag comes before the environment, and that before the default. What the
// file says is added by [Places.With].
func Locate(flags Flags, env func(string) string) Places {
	return locate(client.ThisMachine(env), flags)
}

// Load reads the configuration at p.Config and returns it with the places as
// they are then. No file is [Default], unless it was named. A reload starts from
// what [Locate] returned, as [Places.With] does.
func (p Places) Load(k Checks) (Config, Places, error) { return p.load(k, true) }

// Read is Load for who builds the parts of the configuration one by one: the
// secrets' files are left to the parts that need them, so that one file that is
// missing is no fault of the whole.
func (p Places) Read(k Checks) (Config, Places, error) { return p.load(k, false) }

func (p Places) load(k Checks, files bool) (Config, Places, error) {
	if !p.ConfigNamed {
		if _, err := os.Stat(p.Config); errors.Is(err, fs.ErrNotExist) {
			return Default(), p, nil
		}
	}
	data, err := readFile(p.Config)
	if err != nil {
		return Config{}, p, err
	}
	c, err := load(data, p, k, files)
	if err != nil {
		return Config{}, p, err
	}
	return c, p.With(c), nil
}

// With returns p with the places that the file names, where neither a flag nor
// the environment named one. Call it on what [Locate] returned, so that a place
// which the file no longer names is the default one again.
func (p Places) With(c Config) Places {
	if c.StateDir != "" && !p.stateNamed {
		p.StateDir = c.StateDir
		if p.socketFollows {
			p.Socket = filepath.Join(p.StateDir, socketName)
		}
	}
	if c.Socket != "" && !p.socketNamed {
		p.Socket, p.socketInFile = c.Socket, true
	}
	return p
}

// Backups is where the keeper puts copies of its vault.
func (p Places) Backups(c Config) string {
	return cmp.Or(c.Backup.Dir, filepath.Join(p.StateDir, "backups"))
}

func locate(m client.Machine, flags Flags) Places {
	d := m.Places()
	p := Places{Config: d.Config, StateDir: d.StateDir, Socket: d.Socket, System: d.System}
	if named := cmp.Or(flags.Config, m.Env(envConfig)); named != "" {
		p.Config, p.ConfigNamed = named, true
	}
	if named := cmp.Or(flags.StateDir, m.Env(envStateDir)); named != "" {
		p.StateDir, p.stateNamed = named, true
	}
	if p.Socket == "" {
		p.Socket, p.socketFollows = filepath.Join(p.StateDir, socketName), true
	}
	if named := cmp.Or(flags.Socket, m.Env(envSocket)); named != "" {
		p.Socket, p.socketNamed, p.socketFollows = named, true, false
	}
	return p
}

// OwnSockets are where the calling user's own keeper is looked for: on the socket
// that was named, and there alone, or where one may be that was not told
// otherwise.
func (p Places) OwnSockets(env func(string) string) []string {
	if p.socketNamed || p.socketInFile {
		return []string{p.Socket}
	}
	return client.ThisMachine(env).OwnSockets(p.Socket, p.StateDir)
}

// Sockets are where a keeper is looked for: the user's own, then the machine's.
func (p Places) Sockets(env func(string) string) []string {
	list := p.OwnSockets(env)
	if p.socketNamed || p.socketInFile {
		return list
	}
	return append(list, client.ThisMachine(env).OthersSocket()...)
}
