package cli

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

// Client returns the connection to the keeper.
func (e *Env) Client() *client.Client {
	if e.keeper == nil {
		e.keeper = &client.Client{Socket: e.Places().Socket}
	}
	return e.keeper
}

// Places are where the socket and the state directory are: by a flag, the
// environment, the file, or the default. Only the places are read from the
// file, so a mistake elsewhere in it, or a secret that is not this user's to
// read, keeps nobody from asking the keeper.
func (e *Env) Places() config.Places {
	p := e.Located()
	named, err := NamedPlaces(p.Config)
	if err != nil && (p.ConfigNamed || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)) {
		e.Warn("%s; the keeper is looked for at %s", err, p.Socket)
	}
	return p.With(named)
}

// Located are the places by flags, environment and default alone.
func (e *Env) Located() config.Places { return config.Locate(e.Flags, e.Getenv) }

// NamedPlaces reads the places from a file and nothing else. Relative ones
// start at the file's directory.
func NamedPlaces(path string) (config.Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, err
	}
	var named struct {
		StateDir string `toml:"state_dir"`
		Socket   string `toml:"socket"`
	}
	if err := toml.Unmarshal(data, &named); err != nil {
		return config.Config{}, Fail(ExitUsage, "", "%s is no TOML", path)
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

// LoadConfig reads the whole configuration. Whatever is wrong with it is the
// caller's to mend.
func (e *Env) LoadConfig() (config.Config, config.Places, error) {
	c, p, err := e.Located().Load(daemon.Checks())
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
	return c, p, Fail(ExitUsage, hint, "%w", err)
}
