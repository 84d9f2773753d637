package cli

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/bilikeeper/bilikeeper/daemon"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/vault"
)

// Client returns the connection to the keeper: the one that is named, or the
// first that answers of the user's own and the machine's. It may be called from
// several goroutines.
func (e *Env) Client() *client.Client {
	e.connecting.Lock()
	defer e.connecting.Unlock()
	if e.keeper == nil {
		e.places = e.Places()
		e.keeper = &client.Client{Sockets: e.places.Sockets(e.Getenv)}
	}
	return e.keeper
}

// OwnClient is Client for what is about the vault at the user's own places: the
// machine's keeper has another.
func (e *Env) OwnClient() *client.Client {
	return &client.Client{Sockets: e.Places().OwnSockets(e.Getenv)}
}

// startHint says what to do where no keeper answered. Nobody is told to start one
// while one runs.
func startHint(e *Env) Message {
	start := Format("start one: bilikeeper daemon, or as a service: bilikeeper service install && bilikeeper service start")
	if e.keeper == nil {
		return start
	}
	// One that was named is the only one that was tried.
	others := config.Locate(config.Flags{}, func(name string) string {
		if name == "BILIKEEPER_SOCKET" {
			return ""
		}
		return e.Getenv(name)
	}).Sockets(e.Getenv)
	for _, path := range others {
		if runs(path) {
			return Format("a keeper runs on %s; name that one, with --socket or BILIKEEPER_SOCKET, or none", path)
		}
	}
	if holder, err := vault.Holder(e.places.StateDir); err == nil && client.Lives(holder.PID) {
		return Format("process %d holds the vault in %s and was to listen on %s: wait for it, or read its log; bilikeeper doctor tells more",
			holder.PID, e.places.StateDir, holder.Socket)
	}
	if hint, ok := someonesKeeper("/run/user"); ok {
		return hint
	}
	return start
}

// runs reports whether somebody listens on a socket.
func runs(socket string) bool {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// someonesKeeper is what to do where another user's keeper runs, as far as its place
// can be seen: root sees all of them.
func someonesKeeper(runtimes string) (Message, bool) {
	found, _ := filepath.Glob(filepath.Join(runtimes, "*", "bilikeeper", "control.sock"))
	for _, path := range found {
		id := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if !runs(path) || id == strconv.Itoa(os.Getuid()) {
			continue
		}
		name := id
		if u, err := user.LookupId(id); err == nil {
			name = u.Username
		}
		return Format("the keeper of %s runs: use it as that user, or name its socket with --socket %s", name, path), true
	}
	return Message{}, false
}

// Places are where the socket and the state directory are: by a flag, the
// environment, the file, or the default. Only the places are read from the
// file, so a mistake elsewhere in it, or a secret that is not this user's to
// read, keeps nobody from asking the keeper.
func (e *Env) Places() config.Places {
	p := e.Located()
	named, err := NamedPlaces(p.Config)
	missing, closed := errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission)
	expected := missing && e.MakesConfig || (missing || closed) && !p.ConfigNamed
	if err != nil && !expected {
		e.Warn("%s; the keeper is looked for at %s", err, p.Socket)
	}
	return p.With(named)
}

// Located are the places by flags, environment and default alone.
func (e *Env) Located() config.Places { return config.Locate(e.Flags, e.Getenv) }

// NamedPlaces reads the places and the type of the store from a file and nothing else.
// Relative ones start at the file's directory.
func NamedPlaces(path string) (config.Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, err
	}
	var named struct {
		StateDir string `toml:"state_dir"`
		Socket   string `toml:"socket"`
		Store    any    `toml:"store"`
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
	c := config.Config{StateDir: from(named.StateDir), Socket: from(named.Socket)}
	table, _ := named.Store.(map[string]any)
	c.Store.Type, _ = table["type"].(string)
	return c, nil
}

// LoadConfig reads the whole configuration. Whatever is wrong with it is the
// caller's to mend.
func (e *Env) LoadConfig() (config.Config, config.Places, error) {
	return LoadConfig(e, func(p config.Places) (config.Config, config.Places, error) { return p.Load(daemon.Checks()) })
}

// LoadConfig is [Env.LoadConfig] for a way of reading it.
func LoadConfig(e *Env, load func(config.Places) (config.Config, config.Places, error)) (config.Config, config.Places, error) {
	c, p, err := load(e.Located())
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
