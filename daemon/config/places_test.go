package config

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func TestPlaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the table is written with slashes")
	}
	xdg := map[string]string{
		"HOME": "/home/me", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/1000",
	}
	with := func(more ...string) map[string]string {
		env := map[string]string{}
		for k, v := range xdg {
			env[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	user, root := client.Machine{OS: "linux", UID: 1000}, client.Machine{OS: "linux", UID: 0, Home: "/root"}
	tests := []struct {
		name                 string
		machine              client.Machine
		flags                Flags
		env                  map[string]string
		file                 Config
		config, state, sock  string
		configNamed, systems bool
	}{
		{name: "root", machine: root, env: xdg,
			config: "/etc/bilikeeper/config.toml", state: "/var/lib/bilikeeper", sock: "/run/bilikeeper/control.sock", systems: true},
		{name: "a service's own user", machine: user, env: with("STATE_DIRECTORY", "/var/lib/bilikeeper"),
			config: "/etc/bilikeeper/config.toml", state: "/var/lib/bilikeeper", sock: "/run/bilikeeper/control.sock", systems: true},
		{name: "by its runtime directory", machine: user, env: with("RUNTIME_DIRECTORY", "/run/bilikeeper:/run/other"),
			config: "/etc/bilikeeper/config.toml", state: "/var/lib/bilikeeper", sock: "/run/bilikeeper/control.sock", systems: true},
		{name: "a user's service", machine: user, env: with("STATE_DIRECTORY", "/home/me/.local/state/bilikeeper", "RUNTIME_DIRECTORY", "/run/user/1000/bilikeeper"),
			config: "/c/bilikeeper/config.toml", state: "/s/bilikeeper", sock: "/run/user/1000/bilikeeper/control.sock"},
		{name: "a user", machine: user, env: xdg,
			config: "/c/bilikeeper/config.toml", state: "/s/bilikeeper", sock: "/run/user/1000/bilikeeper/control.sock"},
		{name: "a user without XDG", machine: user, env: map[string]string{"HOME": "/home/me"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/home/me/.local/state/bilikeeper", sock: "/home/me/.local/state/bilikeeper/control.sock"},
		{name: "an empty environment", machine: client.Machine{OS: "linux", UID: 1000, Home: "/home/me"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/home/me/.local/state/bilikeeper", sock: "/home/me/.local/state/bilikeeper/control.sock"},
		{name: "relative XDG is ignored", machine: user, env: map[string]string{"HOME": "/home/me", "XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "run"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/home/me/.local/state/bilikeeper", sock: "/home/me/.local/state/bilikeeper/control.sock"},
		{name: "no home", machine: user,
			config: "/etc/bilikeeper/config.toml", state: "/var/lib/bilikeeper", sock: "/run/bilikeeper/control.sock", systems: true},
		{name: "environment over file", machine: user,
			env:    with(envConfig, "/e.toml", envStateDir, "/e", envSocket, "/e.sock"),
			file:   Config{StateDir: "/f", Socket: "/f.sock"},
			config: "/e.toml", state: "/e", sock: "/e.sock", configNamed: true},
		{name: "flag over environment", machine: user,
			flags:  Flags{Config: "/g.toml", StateDir: "/g", Socket: "/g.sock"},
			env:    with(envConfig, "/e.toml", envStateDir, "/e", envSocket, "/e.sock"),
			file:   Config{StateDir: "/f", Socket: "/f.sock"},
			config: "/g.toml", state: "/g", sock: "/g.sock", configNamed: true},
		{name: "file over default", machine: user, env: xdg, file: Config{StateDir: "/f", Socket: "/f.sock"},
			config: "/c/bilikeeper/config.toml", state: "/f", sock: "/f.sock"},
		{name: "the socket stays", machine: user, env: xdg, file: Config{StateDir: "/f"},
			config: "/c/bilikeeper/config.toml", state: "/f", sock: "/run/user/1000/bilikeeper/control.sock"},
		{name: "root's socket stays", machine: root, env: map[string]string{envStateDir: "/e"},
			config: "/etc/bilikeeper/config.toml", state: "/e", sock: "/run/bilikeeper/control.sock", systems: true},
		{name: "the socket follows the environment", machine: user, env: map[string]string{"HOME": "/home/me", envStateDir: "/e"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/e", sock: "/e/control.sock"},
		{name: "the socket follows the file", machine: user, env: map[string]string{"HOME": "/home/me"}, file: Config{StateDir: "/f"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/f", sock: "/f/control.sock"},
		{name: "a named socket does not follow", machine: user, env: map[string]string{"HOME": "/home/me", envSocket: "/e.sock"}, file: Config{StateDir: "/f"},
			config: "/home/me/.config/bilikeeper/config.toml", state: "/f", sock: "/e.sock"},
		{name: "macOS", machine: client.Machine{OS: "darwin", UID: 501}, env: map[string]string{"HOME": "/Users/me"},
			config: "/Users/me/Library/Application Support/bilikeeper/config.toml", state: "/Users/me/Library/Application Support/bilikeeper",
			sock: "/Users/me/Library/Application Support/bilikeeper/control.sock"},
		{name: "macOS root", machine: client.Machine{OS: "darwin", Home: "/var/root"},
			config: "/Library/Application Support/bilikeeper/config.toml", state: "/Library/Application Support/bilikeeper",
			sock: "/var/run/bilikeeper/control.sock", systems: true},
		{name: "Windows", machine: client.Machine{OS: "windows", UID: -1}, env: map[string]string{"USERPROFILE": "U", "APPDATA": "R", "LOCALAPPDATA": "L"},
			config: "R/bilikeeper/config.toml", state: "L/bilikeeper", sock: "L/bilikeeper/control.sock"},
		{name: "Windows service", machine: client.Machine{OS: "windows", UID: -1}, env: map[string]string{"USERPROFILE": `C:\Windows\system32\config\systemprofile`, "ProgramData": "P"},
			config: "P/bilikeeper/config.toml", state: "P/bilikeeper", sock: "P/bilikeeper/control.sock", systems: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.machine.Env = func(name string) string { return tt.env[name] }
			base := locate(tt.machine, tt.flags)
			p := base.With(tt.file)
			if p.Config != tt.config || p.StateDir != tt.state || p.Socket != tt.sock {
				t.Errorf("got  %s %s %s\nwant %s %s %s", p.Config, p.StateDir, p.Socket, tt.config, tt.state, tt.sock)
			}
			if p.ConfigNamed != tt.configNamed || p.System != tt.systems {
				t.Errorf("named %v, system %v", p.ConfigNamed, p.System)
			}
			if again := base.With(Config{}); again != base {
				t.Errorf("an empty file moves %+v", again)
			}
		})
	}
}

func TestPlacesLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	none := func(string) string { return "" }

	missing := Locate(Flags{}, none)
	missing.Config = path
	if c, _, err := missing.Load(Checks{}); err != nil || c.Check.Schedule != "@every 8h" {
		t.Errorf("no file at the default place: %v", err)
	}
	named := Locate(Flags{Config: path}, none)
	if _, _, err := named.Load(Checks{}); err == nil {
		t.Error("a named file that is missing is taken for the defaults")
	}
	write(t, path, 0o600, "state_dir = \"s\"\nsocket = \"k.sock\"\n")
	_, p, err := named.Load(Checks{})
	if err != nil {
		t.Fatal(err)
	}
	if p.StateDir != filepath.Join(dir, "s") || p.Socket != filepath.Join(dir, "k.sock") {
		t.Errorf("places are %+v", p)
	}
}

// Load alone tells the default place by its path.
func TestLoadWithoutAFile(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	place := Locate(Flags{}, noEnvConfig)
	if place.System {
		t.Skip("the default place is the system's own")
	}
	if _, err := Load(place.Config, Checks{}); err != nil {
		t.Error(err)
	}
	t.Setenv(envConfig, place.Config+"2")
	if _, err := Load(place.Config+"2", Checks{}); err == nil {
		t.Error("a file that the environment named is taken for the default one")
	}
}
