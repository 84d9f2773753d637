package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

// patience is how long the keeper and the service manager are waited for.
const patience = 5 * time.Second

// Options are what a visit needs to know.
type Options struct {
	Flags config.Flags
	// Env reads the environment.
	Env func(string) string
	// Located are the places before the configuration was read, Places with
	// those that it names, as far as it can be read.
	Located, Places config.Places
	Version         string
	// Checks are what is known of the configuration's parts.
	Checks config.Checks
	// VaultFile, KeyFile and CopyFile are names in the state directory; the last is
	// this host's copy of a vault that lies elsewhere.
	VaultFile, KeyFile, CopyFile string
	// StoreErr is why the program that looks cannot look at what the accounts are kept
	// in, nil where it can.
	StoreErr error
	// Store looks at it, nil where this program does not.
	Store StoreLooker
	// Holder says who wrote last that it holds the vault in a directory.
	Holder func(dir string) (Holder, bool)
	// Service asks a service manager other than systemd about the machine's
	// service. Nil where there is none.
	Service func() (manager string, s Service)
	// Text puts the findings into a person's language; see [Facts].
	Text func(format string, args ...any) string
}

// Examine looks and judges.
func Examine(ctx context.Context, o Options) Report {
	f := Look(ctx, o)
	return f.Judge()
}

// Look collects the facts.
func Look(ctx context.Context, o Options) Facts {
	f := Facts{
		Now: time.Now(), OS: runtime.GOOS, UID: os.Geteuid(), User: userName(), Version: o.Version,
		RuntimeDir: o.Env("XDG_RUNTIME_DIR"), Container: inContainer(o.Env),
		Flags: o.Flags, Places: o.Places, Text: o.Text,
	}
	for _, name := range []string{"BILIKEEPER_CONFIG", "BILIKEEPER_SOCKET", "BILIKEEPER_STATE_DIR"} {
		if value := o.Env(name); value != "" {
			f.Overrides = append(f.Overrides, Override{name, value})
		}
	}
	if dir := "/run/user/" + strconv.Itoa(f.UID); f.OS == "linux" && isDirectory(dir) {
		f.UserRuntimeDir = dir
	}
	lookAtConfiguration(&f, o.Located, o.Checks)
	f.Places.Socket = answering(f.Places.Socket, f.Places.OwnSockets(o.Env))
	f.Socket, f.Beside = see(f.Places.Socket), see(filepath.Dir(f.Places.Socket))
	ask(&f, ctx)
	lookAtProxies(&f, ctx, o.Env)
	lookAround(&f, ctx, o.Env)
	lookAtWays(&f, ctx)
	lookAtState(&f, o)
	if f.elsewhere() && o.Store != nil {
		seen := o.Store(ctx, f.Configuration.Value.Store, f.Places)
		f.Store = &seen
	}
	lookAtServices(&f, ctx, o)
	return f
}

func lookAtConfiguration(f *Facts, located config.Places, checks config.Checks) {
	_, err := os.Stat(located.Config)
	c := Configuration{Found: err == nil, Checks: checks}
	value, places, err := located.Load(checks)
	if c.Err = err; err == nil {
		c.Value, f.Places = &value, places
	} else if data, err := os.ReadFile(located.Config); err == nil {
		// A secret that cannot be read is no reason to check nothing else.
		if value, err := config.Parse(data, located.Config, checks); err == nil {
			c.Value = &value
		}
	}
	f.Configuration = c
	if c.Value == nil {
		return
	}
	for _, a := range c.Value.Control.Allow {
		if a.User != "" && !knownUser(a.User) {
			f.Unknown = append(f.Unknown, "user "+a.User)
		}
		if a.Group != "" && !knownGroup(a.Group) {
			f.Unknown = append(f.Unknown, "group "+a.Group)
		}
	}
	f.Directories = map[string]Directory{}
	for _, o := range c.Value.Output {
		if dir := outputDirectory(f, o); dir != "" {
			f.Directories[dir] = Directory{File: see(dir), Denied: denied(dir)}
		}
	}
}

// answering is the first socket that takes a connection, as the other commands
// find it, and the one where a keeper would be made where none does.
func answering(own string, sockets []string) string {
	for _, path := range sockets {
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = conn.Close()
			return path
		}
	}
	return own
}

// ask asks the keeper everything that it tells without asking the site.
func ask(f *Facts, ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := client.Client{Socket: f.Places.Socket}
	status, err := c.Status(ctx)
	if err != nil {
		f.Keeper = Keeper{Err: err, ChannelsErr: err, OutputsErr: err}
		return
	}
	f.Keeper.Status = &status
	f.Keeper.Channels, f.Keeper.ChannelsErr = c.Channels(ctx)
	f.Keeper.Outputs, f.Keeper.OutputsErr = c.Outputs(ctx)
	if info, err := c.Vault(ctx); err == nil {
		f.Keeper.Vault = &info
	}
}

// lookAround finds other keepers at the places where keepers listen.
func lookAround(f *Facts, ctx context.Context, env func(string) string) {
	var paths []string
	switch f.OS {
	case "linux":
		paths = []string{"/run/bilikeeper/control.sock", filepath.Join(env("HOME"), ".local/state/bilikeeper/control.sock")}
		users := strconv.Itoa(f.UID)
		if f.UID == 0 {
			users = "*"
		}
		found, _ := filepath.Glob("/run/user/" + users + "/bilikeeper/control.sock")
		paths = append(paths, found...)
	case "darwin":
		paths = []string{"/var/run/bilikeeper/control.sock", filepath.Join(env("HOME"), "Library/Application Support/bilikeeper/control.sock")}
	}
	ours, _ := os.Stat(f.Places.Socket)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || path == f.Places.Socket || os.SameFile(info, ours) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		health, err := (&client.Client{Socket: path}).Health(ctx)
		cancel()
		if err == nil {
			f.Others = append(f.Others, Other{path, health.Version})
		}
	}
}

func lookAtState(f *Facts, o Options) {
	dir, file := f.Places.StateDir, o.VaultFile
	elsewhere := f.elsewhere()
	if elsewhere {
		file = o.CopyFile
	}
	if f.answered() && !elsewhere {
		// Where the keeper's vault lies the keeper knows best.
		dir, file = filepath.Dir(f.Keeper.Status.Daemon.Vault.Path), filepath.Base(f.Keeper.Status.Daemon.Vault.Path)
	}
	s := State{StoreErr: o.StoreErr, Directory: see(dir), Vault: see(filepath.Join(dir, file)), Key: see(filepath.Join(dir, o.KeyFile))}
	if s.Directory.Err == nil {
		s.FileSystem = fileSystem(dir)
		s.Free, s.FreeErr = durable.FreeSpace(dir)
	}
	if pid, ok := lockHolder(s.Vault.Path); ok {
		s.Holder = &Holder{PID: pid}
		if said, ok := o.Holder(dir); ok && said.PID == pid {
			s.Holder.Socket = said.Socket
		}
	}
	f.State = s
}

func see(path string) File {
	info, err := os.Stat(path)
	if err != nil {
		// The path is in the finding already.
		if bad, ok := errors.AsType[*fs.PathError](err); ok {
			err = bad.Err
		}
		return File{Path: path, Err: err, Owner: -1}
	}
	return File{Path: path, Mode: info.Mode(), Owner: ownerOf(info), Modified: info.ModTime()}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}

// knownUser takes a number for a user, as the keeper does.
func knownUser(name string) bool {
	_, err := user.Lookup(name)
	return err == nil || isNumber(name)
}

func knownGroup(name string) bool {
	_, err := user.LookupGroup(name)
	return err == nil || isNumber(name)
}

func isNumber(name string) bool {
	_, err := strconv.ParseUint(name, 10, 32)
	return err == nil
}

// inContainer knows the marks that container runtimes leave.
func inContainer(env func(string) string) bool {
	if env("container") != "" || env("KUBERNETES_SERVICE_HOST") != "" {
		return true
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Lstat(mark); err == nil {
			return true
		}
	}
	return false
}
