package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// client returns the way to the keeper.
func (a *app) client() *client.Client {
	if a.keeper == nil {
		a.keeper = &client.Client{Socket: a.socket()}
	}
	return a.keeper
}

// socket is where the keeper listens: by a flag, the environment, the file, or
// the default. Only the places are read from the file, so a mistake elsewhere
// in it, or a secret that is not this user's to read, keeps nobody from asking
// the keeper.
func (a *app) socket() string { return a.places().Socket }

// places are where the socket and the state directory are, by the same rules.
func (a *app) places() config.Places {
	p := config.Locate(a.flags, a.env)
	named, err := namedPlaces(p.Config)
	if err != nil && (p.ConfigNamed || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)) {
		a.say("bilikeeper: warning: %s; the keeper is looked for at %s", err, p.Socket)
	}
	return p.With(named)
}

// namedPlaces reads the places from a file and nothing else. Relative ones
// start at the file's directory.
func namedPlaces(path string) (config.Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, err
	}
	var named struct {
		StateDir string `toml:"state_dir"`
		Socket   string `toml:"socket"`
	}
	if err := toml.Unmarshal(data, &named); err != nil {
		return config.Config{}, errors.New(path + " is no TOML")
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return config.Config{}, err
	}
	from := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	return config.Config{StateDir: from(named.StateDir), Socket: from(named.Socket)}, nil
}

// loadConfig reads the whole configuration. Whatever is wrong with it is the
// caller's to mend.
func (a *app) loadConfig() (config.Config, config.Places, error) {
	c, p, err := config.Locate(a.flags, a.env).Load(daemon.Checks())
	var wrong *config.Error
	if err == nil || errors.As(err, &wrong) {
		return c, p, err
	}
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "bilikeeper config init writes one there; without --config and BILIKEEPER_CONFIG none is needed"
	case errors.Is(err, fs.ErrPermission):
		hint = "it has to be readable by the user who runs this"
	}
	return c, p, &failure{code: exitUsage, err: err, hint: hint}
}
