package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/packaging"
)

const agentUnitName = "bilikeeper-agent.service"

// agentFile is a file that starts the agent with a session.
type agentFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// agentFiles are what is installed. Where the user's systemd runs that is a
// unit, and an entry as well: desktops that never reach graphical-session.target
// start the programs of the entries themselves.
func (a *app) agentFiles() ([]agentFile, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil, fail(exitFailed, "on this system use another notification channel, see NOTIFIERS in the README", "the agent needs D-Bus, which %s does not have", runtime.GOOS)
	}
	unit, entry, err := a.agentPaths()
	if err != nil {
		return nil, err
	}
	path, err := program()
	if err != nil {
		return nil, err
	}
	args, err := a.namedPaths()
	if err != nil {
		return nil, err
	}
	files := []agentFile{{entry, packaging.AgentEntry(a.userManager(), path, args...)}}
	if a.userManager() {
		files = append([]agentFile{{unit, packaging.AgentUnit(path, args...)}}, files...)
	}
	return files, nil
}

func (a *app) agentPaths() (unit, entry string, err error) {
	base := a.env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", fail(exitFailed, "set HOME", "there is no home directory: %w", err)
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "systemd", "user", agentUnitName), filepath.Join(base, "autostart", "bilikeeper-agent.desktop"), nil
}

// namedPaths are the flags that the agent is to be started with.
func (a *app) namedPaths() ([]string, error) {
	var args []string
	for _, f := range []struct{ flag, path string }{{"--config", a.flags.Config}, {"--socket", a.flags.Socket}} {
		if f.path == "" {
			continue
		}
		path, err := filepath.Abs(f.path)
		if err != nil {
			return nil, err
		}
		args = append(args, f.flag, path)
	}
	return args, nil
}

// userManager reports whether a systemd runs that belongs to this user.
func (a *app) userManager() bool {
	dir := a.env("XDG_RUNTIME_DIR")
	_, err := exec.LookPath("systemctl")
	return runtime.GOOS == "linux" && err == nil && filepath.IsAbs(dir) && exists(filepath.Join(dir, "systemd"))
}

// userSystemctl asks the user's systemd.
func userSystemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--user"}, args...)...).CombinedOutput()
	if err != nil {
		said := strings.Join(strings.Fields(string(out)), " ")
		return fail(exitFailed, "the files are in place; systemctl --user status "+agentUnitName+" may tell more",
			"systemctl --user %s: %w: %s", strings.Join(args, " "), err, dash(said))
	}
	return nil
}

func (a *app) printAgentFiles() error {
	files, err := a.agentFiles()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"files": files})
	}
	for i, f := range files {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "# %s\n%s", f.Path, f.Text)
	}
	return nil
}

func (a *app) installAgent(ctx context.Context) error {
	files, err := a.agentFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		err := durable.MkdirAll(filepath.Dir(f.Path), 0o755)
		if err == nil {
			err = durable.WriteFile(f.Path, []byte(f.Text), 0o644)
		}
		if err != nil {
			return fmt.Errorf("install the agent: %w", err)
		}
		a.say("Written: %s", f.Path)
	}
	if !a.userManager() {
		a.say("The agent starts with the next desktop session. To start it now: bilikeeper agent")
		return nil
	}
	if err := userSystemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if err := userSystemctl(ctx, "enable", agentUnitName); err != nil {
		return err
	}
	if userSystemctl(ctx, "is-active", "--quiet", "graphical-session.target") != nil {
		a.say("The agent starts with the next desktop session. To start it now: bilikeeper agent")
		return nil
	}
	// An older one that runs already is to be this one.
	if err := userSystemctl(ctx, "restart", agentUnitName); err != nil {
		return err
	}
	a.say("The agent runs, and starts with each desktop session.")
	return nil
}

func (a *app) uninstallAgent(ctx context.Context) error {
	unit, entry, err := a.agentPaths()
	if err != nil {
		return err
	}
	if a.userManager() && exists(unit) {
		if err := userSystemctl(ctx, "disable", "--now", agentUnitName); err != nil {
			return err
		}
	}
	removed := false
	for _, path := range []string{unit, entry} {
		switch err := os.Remove(path); {
		case err == nil:
			removed = true
			a.say("Removed: %s", path)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("uninstall the agent: %w", err)
		}
	}
	if !removed {
		a.say("The agent was not installed.")
		return nil
	}
	if a.userManager() {
		return userSystemctl(ctx, "daemon-reload")
	}
	return nil
}
