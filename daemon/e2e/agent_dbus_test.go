//go:build dbus && linux

package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

const (
	notifications     = "org.freedesktop.Notifications"
	notificationsPath = "/org/freedesktop/Notifications"
)

// session is a desktop session: a bus, a notification service, a program that
// opens things, and an agent.
type session struct {
	t      *testing.T
	dir    string
	bus    string
	conn   *dbus.Conn
	screen *screen
	log    logbook
	agent  *exec.Cmd
}

// screen is the notification service, which keeps what it shows.
type screen struct {
	mu    sync.Mutex // guards all below
	last  uint32
	notes map[uint32]note
	calls int
}

type note struct {
	title    string
	replaced uint32
	actions  []string
	picture  bool
}

// GetCapabilities is what GNOME's says.
func (s *screen) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body", "body-markup", "icon-static", "persistence", "sound"}, nil
}

func (s *screen) Notify(_ string, replaces uint32, _, title, _ string, actions []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := replaces
	if id == 0 {
		s.last++
		id = s.last
	}
	_, picture := hints["image-data"]
	s.notes[id] = note{title: title, replaced: replaces, actions: actions, picture: picture}
	s.calls++
	return id, nil
}

func (s *screen) CloseNotification(id uint32) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.notes, id)
	return nil
}

// all returns what is shown now, and how often something was.
func (s *screen) all() (ids []uint32, notes []note, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.notes {
		ids, notes = append(ids, id), append(notes, n)
	}
	return ids, notes, s.calls
}

// only waits until one notification is shown, with this in its title, and
// returns its id.
func (s *session) only(title string) (id uint32, n note) {
	s.t.Helper()
	until(s.t, "the one notification "+title, func() bool {
		ids, notes, _ := s.screen.all()
		if len(ids) != 1 || !strings.Contains(notes[0].title, title) {
			return false
		}
		id, n = ids[0], notes[0]
		return true
	})
	return id, n
}

func newSession(t *testing.T) *session {
	t.Helper()
	dir, err := os.MkdirTemp("", "bk-session-")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, dir: dir, screen: &screen{notes: map[uint32]note{}}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the agent's log ends with\n%s", s.log.tail(40))
		}
		_ = os.RemoveAll(dir)
	})
	for _, name := range []string{"bin", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	open := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>%q\n", s.file("opened"))
	if err := os.WriteFile(s.file("bin", "xdg-open"), []byte(open), 0o700); err != nil {
		t.Fatal(err)
	}
	s.startBus()
	return s
}

func (s *session) file(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *session) startBus() {
	s.t.Helper()
	config := s.file("bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, s.file("bus")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	daemon := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address=1")
	out, err := daemon.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		s.t.Skipf("no dbus-daemon: %v", err)
	}
	s.t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	s.bus = strings.TrimSpace(line)
	if s.conn, err = dbus.Connect(s.bus); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.conn.Close() })
	if err := s.conn.Export(s.screen, notificationsPath, notifications); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.conn.RequestName(notifications, dbus.NameFlagDoNotQueue); err != nil {
		s.t.Fatal(err)
	}
}

// command is the agent in this session.
func (s *session) command(socket string, log *logbook) *exec.Cmd {
	cmd := exec.Command(binary, "--socket", socket, "agent")
	cmd.Env = append(environment(), "PATH="+s.file("bin")+":"+os.Getenv("PATH"), "HOME="+s.dir,
		"XDG_RUNTIME_DIR="+s.file("run"), "DBUS_SESSION_BUS_ADDRESS="+s.bus)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// start starts the agent, and returns once it knows where the journal stands.
func (s *session) start(socket string) {
	s.t.Helper()
	s.agent = s.command(socket, &s.log)
	if err := s.agent.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = s.agent.Process.Kill()
		_ = s.agent.Wait()
	})
	until(s.t, "the agent has met the keeper", func() bool {
		_, err := os.Stat(s.state())
		return err == nil
	})
}

func (s *session) state() string { return s.file(".local", "state", "bilikeeper", "agent.json") }

// end asks the agent to end.
func (s *session) end() {
	s.t.Helper()
	if err := s.agent.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.agent.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.t.Errorf("the agent ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Fatal("the agent does not end")
	}
}

// press presses the button of a notification, and returns what was opened.
func (s *session) press(id uint32) (target string) {
	s.t.Helper()
	before := s.opened()
	if err := s.conn.Emit(notificationsPath, notifications+".ActionInvoked", id, "open"); err != nil {
		s.t.Fatal(err)
	}
	until(s.t, "something is opened", func() bool {
		now := s.opened()
		if len(now) > len(before) {
			target = now[len(now)-1]
		}
		return target != ""
	})
	return target
}

func (s *session) opened() []string {
	data, err := os.ReadFile(s.file("opened"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return slices.Collect(strings.Lines(strings.TrimSuffix(string(data), "\n")))
}

// pictures are the files that the agent has in the session's directory.
func (s *session) pictures() []string {
	s.t.Helper()
	list, err := filepath.Glob(s.file("run", "bilikeeper-agent", "*.png"))
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestAgent follows an incident on the desktop, from the death of a session to
// the scan, with the code's picture in a file, over a restart of the keeper.
func TestAgent(t *testing.T) {
	t.Parallel()
	s, desk := newStage(t, nil), newSession(t)
	s.configure(settings{})
	s.start()
	s.login(mid)
	s.message(client.EventLoginSucceeded, 1)
	desk.start(s.socket())

	s.site.QR.SetCodeLifetime(5 * time.Second)
	s.site.Kill(mid)
	id, n := desk.only("scan to log in")
	if !n.picture || len(n.actions) != 4 || n.actions[1] != "Show the code" {
		t.Errorf("the code is shown as %+v", n)
	}
	s.site.QR.SetCodeLifetime(3 * time.Minute)
	file := desk.press(id)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || filepath.Dir(file) != desk.file("run", "bilikeeper-agent") {
		t.Fatalf("opened %q: %v, %v", file, info, err)
	}
	picture := func() string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return decodeQR(t, data)
	}
	first := picture()
	if codes := s.site.QR.Codes(); !slices.Contains(codes, first) {
		t.Error("the picture is not the site's code")
	}

	until(t, "the next code in the same picture", func() bool { return picture() != first })
	second := picture()
	if again, n := desk.only("scan to log in"); again != id || n.replaced != id {
		t.Errorf("the next code is notification %d in the place of %d, want %d", again, n.replaced, id)
	}

	_, _, before := desk.screen.all()
	s.stop()
	until(t, "the agent misses the keeper", func() bool { return strings.Contains(desk.log.String(), "waiting") })
	s.start()
	until(t, "the agent has found it again", func() bool { return strings.Contains(desk.log.String(), "the keeper answers") })
	s.answer(second, mid)
	if again, n := desk.only("logged in"); again != id || n.picture || len(n.actions) != 0 {
		t.Errorf("the end is notification %d, %+v", again, n)
	}
	if _, _, calls := desk.screen.all(); calls != before+1 {
		t.Errorf("%d notifications since the keeper was restarted", calls-before)
	}
	until(t, "the picture that is over is gone", func() bool { return len(desk.pictures()) == 0 })
	desk.end()
	kept, err := os.ReadFile(desk.state())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first, second} {
		if strings.Contains(string(kept), secret) || strings.Contains(desk.log.String(), secret) {
			t.Error("a code is in the agent's file or log")
		}
	}
	s.stop()
}

// TestAgentAndPage: an agent that comes when an incident is open already shows
// the code, and its button opens the page. Restarted, it shows nothing twice.
func TestAgentAndPage(t *testing.T) {
	t.Parallel()
	s, base := pageStage(t)
	desk := newSession(t)
	s.login(mid)
	s.site.Kill(mid)
	link := s.message(client.EventLoginCode, 1).Login.PageURL

	desk.start(s.socket())
	id, _ := desk.only("scan to log in")
	if _, _, calls := desk.screen.all(); calls != 1 {
		t.Errorf("%d notifications for one code", calls)
	}
	if target := desk.press(id); target != link || !strings.HasPrefix(target, base) {
		t.Errorf("the button opened %q", target)
	}
	if left := desk.pictures(); len(left) != 0 {
		t.Errorf("there is a page, and pictures as well: %v", left)
	}

	var log logbook
	second := desk.command(s.socket(), &log)
	if err := second.Run(); second.ProcessState.ExitCode() != 1 || !strings.Contains(log.String(), "another agent runs") {
		t.Errorf("a second agent: %v: %s", err, log.String())
	}

	desk.end()
	desk.start(s.socket())
	until(t, "the agent is back", func() bool { return strings.Count(desk.log.String(), "showing a keeper's messages") == 2 })
	s.answer(s.site.QR.Codes()[len(s.site.QR.Codes())-1], mid)
	// What is over is taken away though another process had shown it.
	desk.only("logged in")
	if _, _, calls := desk.screen.all(); calls != 2 {
		t.Errorf("%d notifications for a code and its end", calls)
	}
	desk.end()
	s.stop()
}

// busConfig is a session bus that starts no services: the machine's own would
// answer in the place of the test's.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`
