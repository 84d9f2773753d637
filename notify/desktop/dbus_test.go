//go:build dbus && linux

package desktop

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// startBus runs a bus of the test's own.
func startBus(t *testing.T, path string) (address string, stop func()) {
	t.Helper()
	config := path + ".conf"
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, path), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no dbus-daemon: %v", err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), stop
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

// fakeService is org.freedesktop.Notifications.
type fakeService struct {
	mu    sync.Mutex // guards all below
	next  uint32
	calls []call
	// closed are the ids that were to be closed.
	closed []uint32
	fail   *dbus.Error
}

type call struct {
	app, title, body string
	replaces         uint32
	actions          []string
	hints            map[string]dbus.Variant
	timeout          int32
}

func (s *fakeService) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body", "body-markup"}, nil
}

func (s *fakeService) Notify(app string, replaces uint32, _, title, body string, actions []string, hints map[string]dbus.Variant, timeout int32) (uint32, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.calls = append(s.calls, call{app, title, body, replaces, actions, hints, timeout})
	if replaces != 0 {
		return replaces, nil
	}
	s.next++
	return s.next, nil
}

func (s *fakeService) CloseNotification(id uint32) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, id)
	// As a service does that does not have it any more.
	return dbus.NewError("org.freedesktop.Notifications.Error.InvalidId", nil)
}

func (s *fakeService) gone() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.closed)
}

func (s *fakeService) got() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *fakeService) export(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Export(s, objectPath, service); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(service, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestOnABus(t *testing.T) {
	address, _ := startBus(t, filepath.Join(t.TempDir(), "bus"))
	fake := &fakeService{next: 40}
	conn := fake.export(t, address)
	c := newChannel(t, Config{Address: address, AppName: "sample"})
	opened := make(chan string, 4)
	c.open = func(_ context.Context, page, _ string) error { opened <- page; return nil }

	m := notifytest.CodeMessage()
	m.Login.PNG = encoded(t, image.NewGray(image.Rect(0, 0, 4, 4)))
	receipt, err := c.Send(t.Context(), m)
	if err != nil || receipt.Answer != "notification 41" {
		t.Fatalf("%v, %v", receipt, err)
	}
	for _, thread := range []string{m.Thread, "another"} {
		m.Thread = thread
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	calls := fake.got()
	if calls[0].app != "sample" || calls[0].title != m.Title || calls[0].timeout < 1000 {
		t.Errorf("%+v", calls[0])
	}
	if got := []uint32{calls[0].replaces, calls[1].replaces, calls[2].replaces}; got[0] != 0 || got[1] != 41 || got[2] != 0 {
		t.Errorf("replaced %v", got)
	}
	// On this side a structure is a list of its fields: width, height, stride,
	// alpha, bits, channels, pixels.
	fields, ok := calls[0].hints["image-data"].Value().([]any)
	if !ok || len(fields) != 7 || fields[0] != int32(4) || fields[2] != int32(16) || len(fields[6].([]byte)) != 64 {
		t.Errorf("the picture came as %v", fields)
	}

	// Shapes that no service would send must do no harm.
	for _, body := range [][]any{{}, {"41", "open"}, {uint32(41)}, {uint32(99), "open"}, {uint32(41), "close"}, {uint32(41), "open"}} {
		if err := conn.Emit(objectPath, service+".ActionInvoked", body...); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case page := <-opened:
		if page != m.Login.PageURL || len(opened) != 0 {
			t.Errorf("opened %s and %d more", page, len(opened))
		}
	case <-time.After(time.Minute):
		t.Error("the page was not opened")
	}
}

func TestServiceErrors(t *testing.T) {
	address, _ := startBus(t, filepath.Join(t.TempDir(), "bus"))
	c := newChannel(t, Config{Address: address})
	send := func() (text string, retry bool) {
		_, err := c.Send(t.Context(), notifytest.CodeMessage())
		sendErr, ok := err.(*notify.SendError)
		if !ok {
			t.Fatalf("%v", err)
		}
		return err.Error(), sendErr.Retry
	}
	if text, retry := send(); text != ErrNoService.Error() || !retry {
		t.Errorf("no service: %s", text)
	}
	fake := &fakeService{fail: dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"canary"})}
	fake.export(t, address)
	if text, retry := send(); retry || strings.Contains(text, "canary") {
		t.Errorf("refused: %s", text)
	}
	fake.mu.Lock()
	fake.fail = dbus.NewError("org.freedesktop.Notifications.MaxNotificationsExceeded", []any{"canary"})
	fake.mu.Unlock()
	if text, retry := send(); !retry || strings.Contains(text, "canary") {
		t.Errorf("too many: %s", text)
	}
}

func TestTheSessionComesAndGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	c := newChannel(t, Config{Address: "unix:path=" + path})
	for round := range 2 {
		address, stop := startBus(t, path)
		fake := &fakeService{next: 7}
		fake.export(t, address)
		for range 2 {
			if _, err := c.Send(t.Context(), notifytest.CodeMessage()); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		// An id of the old session must not be used in the new one.
		if calls := fake.got(); calls[0].replaces != 0 || calls[1].replaces != 8 {
			t.Errorf("round %d replaced %d and %d", round, calls[0].replaces, calls[1].replaces)
		}
		stop()
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Send(t.Context(), notifytest.CodeMessage()); err == nil {
		t.Error("a closed channel sends")
	}
}
