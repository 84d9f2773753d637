package config

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
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
}

const socketName = "control.sock"

// Locate returns where this process finds things, before any file is read: a
// flag comes before the environment, and that before the default. What the
// file says is added by [Places.With].
func Locate(flags Flags, env func(string) string) Places {
	m := machine{os: runtime.GOOS, uid: os.Geteuid()}
	if u, err := user.Current(); err == nil {
		m.home = u.HomeDir
	}
	return m.locate(flags, env)
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
		p.Socket = c.Socket
	}
	return p
}

// Backups is where the keeper puts copies of its vault.
func (p Places) Backups(c Config) string {
	return cmp.Or(c.Backup.Dir, filepath.Join(p.StateDir, "backups"))
}

// machine is what the default places depend on, beside the environment.
type machine struct {
	os  string
	uid int
	// home is used where the environment does not name one.
	home string
}

func (m machine) locate(flags Flags, env func(string) string) Places {
	p := m.defaults(env)
	if named := cmp.Or(flags.Config, env(envConfig)); named != "" {
		p.Config, p.ConfigNamed = named, true
	}
	if named := cmp.Or(flags.StateDir, env(envStateDir)); named != "" {
		p.StateDir, p.stateNamed = named, true
	}
	if p.Socket == "" {
		p.Socket, p.socketFollows = filepath.Join(p.StateDir, socketName), true
	}
	if named := cmp.Or(flags.Socket, env(envSocket)); named != "" {
		p.Socket, p.socketNamed, p.socketFollows = named, true, false
	}
	return p
}

// defaults returns the default places; Socket is "" where it follows the state
// directory.
func (m machine) defaults(env func(string) string) Places {
	home := cmp.Or(absolute(env("HOME")), absolute(m.home))
	system := m.uid == 0 || home == "" || ofService(env)
	switch m.os {
	case "windows":
		return windowsPlaces(env)
	case "darwin", "ios":
		const support = "Library/Application Support/bilikeeper"
		if system {
			base := "/" + support
			return Places{System: true, Config: base + "/config.toml", StateDir: base, Socket: "/var/run/bilikeeper/" + socketName}
		}
		base := filepath.Join(home, support)
		return Places{Config: filepath.Join(base, "config.toml"), StateDir: base}
	}
	if system {
		return Places{
			System:   true,
			Config:   "/etc/bilikeeper/config.toml",
			StateDir: "/var/lib/bilikeeper",
			Socket:   "/run/bilikeeper/" + socketName,
		}
	}
	p := Places{
		Config:   filepath.Join(cmp.Or(absolute(env("XDG_CONFIG_HOME")), filepath.Join(home, ".config")), "bilikeeper", "config.toml"),
		StateDir: filepath.Join(cmp.Or(absolute(env("XDG_STATE_HOME")), filepath.Join(home, ".local", "state")), "bilikeeper"),
	}
	if dir := absolute(env("XDG_RUNTIME_DIR")); dir != "" {
		p.Socket = filepath.Join(dir, "bilikeeper", socketName)
	}
	return p
}

// absolute drops a relative directory, which the XDG specification tells to
// ignore.
func absolute(dir string) string {
	if !strings.HasPrefix(dir, "/") {
		return ""
	}
	return dir
}

// ofService reports whether systemd's system manager started this process
// under a user of its own. A user's manager sets the same variables, but names
// directories in the home and in /run/user.
func ofService(env func(string) string) bool {
	state, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":")
	run, _, _ := strings.Cut(env("RUNTIME_DIRECTORY"), ":")
	return strings.HasPrefix(state, "/var/lib/") ||
		strings.HasPrefix(run, "/run/") && !strings.HasPrefix(run, "/run/user/")
}

// windowsPlaces knows a service by its profile, which lies in the system's
// own directory.
func windowsPlaces(env func(string) string) Places {
	profile := strings.ToLower(env("USERPROFILE"))
	if profile == "" || strings.Contains(profile, `\systemprofile`) || strings.Contains(profile, `\serviceprofiles\`) {
		base := filepath.Join(cmp.Or(env("ProgramData"), `C:\ProgramData`), "bilikeeper")
		return Places{System: true, Config: filepath.Join(base, "config.toml"), StateDir: base}
	}
	roaming := cmp.Or(env("APPDATA"), filepath.Join(env("USERPROFILE"), "AppData", "Roaming"))
	local := cmp.Or(env("LOCALAPPDATA"), filepath.Join(env("USERPROFILE"), "AppData", "Local"))
	return Places{
		Config:   filepath.Join(roaming, "bilikeeper", "config.toml"),
		StateDir: filepath.Join(local, "bilikeeper"),
	}
}
