package client

import (
	"cmp"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what the default places depend on.
type Machine struct {
	OS  string // as runtime.GOOS
	UID int
	// Home is used where the environment does not name one.
	Home string
	Env  func(string) string
}

// ThisMachine is the one on which this process runs, with an environment.
func ThisMachine(env func(string) string) Machine {
	m := Machine{OS: runtime.GOOS, UID: os.Geteuid(), Env: env}
	if u, err := user.Current(); err == nil {
		m.Home = u.HomeDir
	}
	return m
}

// Places are where a keeper keeps its things that was not told otherwise. macOS
// and Windows have their own places of the same kinds.
type Places struct {
	Config, StateDir string
	// Socket is "" where it lies in the state directory.
	Socket string
	// System is true where these are the machine's keeper's: for root, and within
	// the system's own service. Root comes before XDG_RUNTIME_DIR because a root
	// shell may or may not have one, and both have to mean the same keeper.
	System bool
}

const socketName = "control.sock"

// Places returns the default places.
func (m Machine) Places() Places {
	home := cmp.Or(absolute(m.Env("HOME")), absolute(m.Home))
	system := m.UID == 0 || home == "" || ofService(m.Env)
	switch m.OS {
	case "windows":
		return m.windowsPlaces()
	case "darwin", "ios":
		const support = "Library/Application Support/bilikeeper"
		if system {
			base := "/" + support
			return Places{System: true, Config: base + "/config.toml", StateDir: base, Socket: m.machinesSocket()}
		}
		base := filepath.Join(home, support)
		return Places{Config: filepath.Join(base, "config.toml"), StateDir: base}
	}
	if system {
		return Places{System: true, Config: "/etc/bilikeeper/config.toml", StateDir: "/var/lib/bilikeeper", Socket: m.machinesSocket()}
	}
	p := Places{
		Config:   filepath.Join(cmp.Or(absolute(m.Env("XDG_CONFIG_HOME")), filepath.Join(home, ".config")), "bilikeeper", "config.toml"),
		StateDir: filepath.Join(cmp.Or(absolute(m.Env("XDG_STATE_HOME")), filepath.Join(home, ".local", "state")), "bilikeeper"),
	}
	if dir := absolute(m.Env("XDG_RUNTIME_DIR")); dir != "" {
		p.Socket = filepath.Join(dir, "bilikeeper", socketName)
	}
	return p
}

// machinesSocket is where the machine's keeper listens.
func (m Machine) machinesSocket() string {
	switch m.OS {
	case "windows":
		return filepath.Join(cmp.Or(m.Env("ProgramData"), `C:\ProgramData`), "bilikeeper", socketName)
	case "darwin", "ios":
		return "/var/run/bilikeeper/" + socketName
	}
	return "/run/bilikeeper/" + socketName
}

// usersSocket is where a user's keeper listens that systemd started, also where
// this process was started without the session's variables; "" elsewhere.
func (m Machine) usersSocket() string {
	if m.OS != "linux" || m.UID <= 0 || m.Places().System {
		return ""
	}
	return filepath.Join("/run/user", strconv.Itoa(m.UID), "bilikeeper", socketName)
}

// absolute drops a relative directory, which the XDG specification tells to
// ignore.
func absolute(dir string) string {
	if !strings.HasPrefix(dir, "/") {
		return ""
	}
	return dir
}

// ofService reports whether systemd's system manager started this process under
// a user of its own. A user's manager sets the same variables, but names
// directories in the home and in /run/user.
func ofService(env func(string) string) bool {
	state, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":")
	run, _, _ := strings.Cut(env("RUNTIME_DIRECTORY"), ":")
	return strings.HasPrefix(state, "/var/lib/") ||
		strings.HasPrefix(run, "/run/") && !strings.HasPrefix(run, "/run/user/")
}

// windowsPlaces knows a service by its profile, which lies in the system's own
// directory.
func (m Machine) windowsPlaces() Places {
	profile := strings.ToLower(m.Env("USERPROFILE"))
	if profile == "" || strings.Contains(profile, `\systemprofile`) || strings.Contains(profile, `\serviceprofiles\`) {
		base := filepath.Join(cmp.Or(m.Env("ProgramData"), `C:\ProgramData`), "bilikeeper")
		return Places{System: true, Config: filepath.Join(base, "config.toml"), StateDir: base}
	}
	roaming := cmp.Or(m.Env("APPDATA"), filepath.Join(m.Env("USERPROFILE"), "AppData", "Roaming"))
	local := cmp.Or(m.Env("LOCALAPPDATA"), filepath.Join(m.Env("USERPROFILE"), "AppData", "Local"))
	return Places{Config: filepath.Join(roaming, "bilikeeper", "config.toml"), StateDir: filepath.Join(local, "bilikeeper")}
}
