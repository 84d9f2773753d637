package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	// startTime is how long a service may take until it answers: a vault on a slow
	// disk takes its time.
	startTime = 30 * time.Second
	lookAgain = 100 * time.Millisecond

	// fallbackManager is what the library takes where it knows nothing else.
	fallbackManager = "unix-systemv"

	systemSocket = "/run/bilikeeper/control.sock"
	systemConfig = "/etc/bilikeeper/config.toml"
)

// chooseKeeper finds the keeper that runs, or asks whose it is to be.
func (s *setup) chooseKeeper(ctx context.Context) error {
	places := s.env.Places()
	own := kindUser
	if places.System {
		own = kindSystem
	}
	if s.o.keeper == kindUser {
		own = kindUser // root may want one that is not the machine's
	}
	if s.o.keeper != kindSystem || own == kindSystem {
		version, err := ask(ctx, places.Socket)
		if err == nil {
			s.kind, s.running = own, true
			s.env.Say("A keeper runs (%s) and is used.", version)
			return nil
		}
		if errors.Is(err, client.ErrNoPermission) {
			return err
		}
	}
	if own == kindUser && (s.o.keeper == "" || s.o.keeper == kindSystem) && runtime.GOOS == "linux" && s.env.Flags.Socket == "" && s.env.Getenv("BILIKEEPER_SOCKET") == "" {
		version, err := ask(ctx, systemSocket)
		if err == nil {
			s.kind, s.running, s.env.Flags.Socket = kindSystem, true, systemSocket
			s.env.Say("The machine's keeper runs (%s) and is used.", version)
			return nil
		}
		if errors.Is(err, client.ErrNoPermission) {
			return err // there is one, and nobody needs a second
		}
	}
	kind := s.o.keeper
	if kind == "" {
		if !s.person.yes {
			s.env.Say("No keeper runs yet. It can be yours (user), which runs as you; the machine's (system), which runs from the boot on; or you start it yourself (none).")
		}
		var err error
		known := func(answer string) bool { return slices.Contains([]string{kindUser, kindSystem, kindNone}, answer) }
		if kind, err = s.person.choose(ctx, "Whose is it to be?", own, known); err != nil {
			return err
		}
	}
	if kind == kindSystem && !places.System {
		return cli.Fail(cli.ExitNotPermitted, "run: sudo bilikeeper setup --keeper system", "the machine's keeper is set up by root")
	}
	s.kind = kind
	return nil
}

// ask asks the keeper on a socket for its version.
func ask(ctx context.Context, socket string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	health, err := (&client.Client{Socket: socket}).Health(ctx)
	return health.Version, err
}

// lookAtService asks the service manager what it knows. One that does not answer
// is none, and so is the one that the library falls back to.
func (s *setup) lookAtService() {
	if s.kind == kindNone {
		return
	}
	manager, running, err := s.parts.Service(s.env, s.kind == kindUser)
	if err == nil && (manager != fallbackManager || running || s.o.service) {
		s.manager, s.service = manager, running
	}
}

// open reads the configuration that the keeper uses.
func (s *setup) open(ctx context.Context) (err error) {
	located := s.env.Located()
	path, mode := located.Config, os.FileMode(0o600)
	if s.served() {
		mode = 0o644 // the service's user is not known, and no secret is in it
	}
	if s.kind == kindSystem && !located.System && !located.ConfigNamed && runtime.GOOS == "linux" {
		path = systemConfig
	}
	if s.running && !located.ConfigNamed {
		path = cmp.Or(s.named(ctx), path)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	s.file, err = openFile(path, mode, s.confined())
	return err
}

// named is the configuration that the running keeper was started with by name, ""
// where it was not, or where that cannot be seen.
func (s *setup) named(ctx context.Context) string {
	status, err := s.env.Client().Status(ctx)
	if err != nil {
		return ""
	}
	process := fmt.Sprintf("/proc/%d/", status.Daemon.PID)
	words := func(file string) []string {
		text, _ := os.ReadFile(process + file)
		return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	}
	argv, path := words("cmdline"), ""
	if !slices.Contains(argv, "daemon") {
		return "" // another machine's number
	}
	for _, variable := range words("environ") {
		if value, ok := strings.CutPrefix(variable, "BILIKEEPER_CONFIG="); ok {
			path = value
		}
	}
	for i, arg := range argv {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		} else if arg == "--config" && i+1 < len(argv) {
			path = argv[i+1]
		}
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	at, err := os.Readlink(process + "cwd")
	if err != nil {
		return ""
	}
	return filepath.Join(at, path)
}

// startService installs and starts the service, where that is wanted.
func (s *setup) startService(ctx context.Context) error {
	switch {
	case s.kind == kindNone || s.o.noService:
		return nil
	case s.service && s.running:
		s.env.Say("The service runs.")
		return nil
	case s.running && s.o.service:
		return cli.Fail(cli.ExitFailed, "stop it and run this again", "a keeper runs that is not the service, and there can be one only")
	case s.running:
		return nil
	case s.manager == "" && s.o.service:
		return cli.Fail(cli.ExitFailed, "run bilikeeper daemon under whatever starts programs here", "no service manager was found")
	case s.manager == "":
		s.env.Say("No service manager was found. Start the keeper with: bilikeeper daemon")
		return nil
	}
	own := !s.env.Located().ConfigNamed
	if !own {
		s.env.Warn("a service reads the configuration at its usual place, and not %s", s.file.path)
	}
	if !s.o.service {
		wanted, err := s.person.confirm(ctx, "Install the keeper as a service and start it?", own)
		if err != nil || !wanted {
			return err
		}
	}
	user := s.kind == kindUser
	if err := s.parts.Install(s.env, user); err != nil {
		return err
	}
	if err := s.reread(); err != nil {
		return err
	}
	action := "start"
	if s.service { // it runs and does not answer
		action = "restart"
	}
	if err := s.parts.Control(s.env, action, user); err != nil {
		return err
	}
	if err := s.await(ctx); err != nil {
		return err
	}
	s.service, s.changed, s.restart = true, false, false
	s.lingering(user)
	return nil
}

// lingering says how a user's service outlives the session.
func (s *setup) lingering(user bool) {
	name := s.env.Getenv("USER")
	if !user || s.manager != cli.Systemd || name == "" {
		return
	}
	if _, err := os.Stat("/var/lib/systemd/linger/" + name); err != nil {
		s.env.Say("It runs while you are logged in to this machine. So that it runs always: loginctl enable-linger %s", name)
	}
}

// await waits until the keeper answers.
func (s *setup) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	socket := s.env.Places().Socket
	for {
		if _, err := ask(ctx, socket); err == nil {
			s.running = true
			return nil
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return cli.Fail(cli.ExitNoKeeper, "bilikeeper doctor looks for the reason", "the service was started, and no keeper answers on %s", socket)
		}
	}
}

// takeUp lets the running keeper take up what was written. What it does not take
// is taken back.
func (s *setup) takeUp(ctx context.Context) error {
	if !s.changed || !s.running {
		return nil
	}
	s.changed = false
	if s.restart && s.service {
		s.restart = false
		if err := s.reread(); err != nil {
			return err
		}
		if err := s.parts.Control(s.env, "restart", s.kind == kindUser); err != nil {
			return err
		}
		return s.await(ctx)
	}
	r, err := s.env.Client().Reload(ctx)
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Type == client.ProblemBadRequest:
		return cli.Fail(cli.ExitUsage, "", "the keeper does not take the configuration, which is as before again: %w", errors.Join(err, s.file.undo()))
	case err != nil:
		return cli.Fail(s.env.Code(err), "", "let the keeper read its configuration anew: %w", err)
	}
	if s.file.before != nil && len(r.Changed)+len(r.NeedsRestart) == 0 {
		s.env.Warn("the keeper read its configuration anew, and nothing changed for it: it uses another file than %s; name its own with --config", s.file.path)
	} else if len(r.NeedsRestart) > 0 {
		s.env.Say("Waits for a restart of the keeper: %s", strings.Join(r.NeedsRestart, ", "))
	}
	s.file.before = nil
	return nil
}
