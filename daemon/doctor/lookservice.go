package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/lazyregexp"
	"github.com/bilikeeper/bilikeeper/internal/plain"
	"github.com/bilikeeper/bilikeeper/packaging"
)

const (
	unitName = "bilikeeper.service"
	systemd  = "systemd"
)

// errNoSession says why a user's manager was not asked.
var errNoSession = errors.New("XDG_RUNTIME_DIR is not set, so the user's service manager cannot be asked")

func lookAtServices(f *Facts, ctx context.Context, o Options) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var system Service
	if f.OS == "linux" {
		system = askSystemd(ctx, false)
	}
	// The directory is how systemd itself says that it runs.
	if f.OS != "linux" || system.Err != nil && !isDirectory("/run/systemd/system") {
		if o.Service != nil {
			manager, s := o.Service()
			f.Services = Services{Manager: manager, System: &s}
		}
		return
	}
	f.Services.Manager = systemd
	f.Services.System = &system
	if f.Places.System {
		return
	}
	own := Service{Err: errNoSession}
	if f.RuntimeDir != "" {
		own = askSystemd(ctx, true)
	}
	f.Services.Own = &own
	f.Services.Lingers = lingers(f.User)
}

func askSystemd(ctx context.Context, own bool) Service {
	args := []string{"show", unitName, "--property=LoadState,ActiveState,UnitFileState,Result,FragmentPath,NeedDaemonReload"}
	if own {
		args = append([]string{"--user"}, args...)
	}
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		if reason := plain.Line(said.String()); reason != "" {
			err = errors.New(reason)
		}
		if ctx.Err() != nil {
			err = errors.New("it did not answer")
		}
		return Service{Err: fmt.Errorf("systemctl: %w", err)}
	}
	s := readShow(string(out))
	s.lookAtUnit(own)
	return s
}

// readShow reads what systemctl show prints.
func readShow(text string) Service {
	said := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[key] = value
	}
	if said["LoadState"] == "" {
		return Service{Err: errors.New("systemctl did not say whether the service is there")}
	}
	return Service{
		Installed: said["LoadState"] != "not-found", Unit: said["FragmentPath"],
		Enabled: said["UnitFileState"], Active: said["ActiveState"], Result: said["Result"],
		Running: said["ActiveState"] == "active", Stale: said["NeedDaemonReload"] == "yes",
	}
}

var startLine = lazyregexp.New(`(?m)^ExecStart=(/[^\s"]+) daemon((?: --[a-z-]+ [^\s"]+)*)$`)

// lookAtUnit compares a unit that this program installed with the one that it
// would install now. Those of a package are the package's business.
func (s *Service) lookAtUnit(own bool) {
	if s.Unit == "" {
		return
	}
	text, err := os.ReadFile(s.Unit)
	if err != nil {
		return
	}
	start := startLine().FindStringSubmatch(string(text))
	if start == nil {
		return // written by somebody else
	}
	if _, err := os.Stat(start[1]); errors.Is(err, fs.ErrNotExist) {
		s.Missing = start[1]
	}
	program := packaging.Program{Path: start[1]}
	words := strings.Fields(start[2])
	for i := 0; i+1 < len(words); i += 2 {
		switch words[i] {
		case "--config":
			program.Config = words[i+1]
		case "--socket":
			program.Socket = words[i+1]
		case "--state-dir":
			program.StateDir = words[i+1]
		}
	}
	want := packaging.SystemUnit(program)
	if own {
		want = packaging.UserUnit(program)
	}
	dir := filepath.Dir(s.Unit)
	ours := dir == "/etc/systemd/system" || own && strings.HasSuffix(dir, "/.config/systemd/user")
	s.Outdated = ours && string(text) != want
}

// lingers reads logind's own mark: to ask logind needs a bus.
func lingers(user string) *bool {
	const dir = "/var/lib/systemd/linger"
	_, err := os.Stat(filepath.Join(dir, user))
	switch {
	case err == nil:
		yes := true
		return &yes
	case errors.Is(err, fs.ErrNotExist) && isDirectory(filepath.Dir(dir)):
		no := false
		return &no
	}
	return nil
}
