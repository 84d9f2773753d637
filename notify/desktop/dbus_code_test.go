//go:build dbus && linux

package desktop

import (
	"bytes"
	"context"
	"image"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// screen is a session with a service, and a channel whose opener tells.
type screen struct {
	address string
	service *fakeService
	conn    *dbus.Conn
	channel *Channel
	dir     string
	opened  chan [2]string // target, token
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	s := &screen{service: &fakeService{next: 40}, opened: make(chan [2]string, 4), dir: filepath.Join(t.TempDir(), "pictures")}
	s.address, _ = startBus(t, filepath.Join(t.TempDir(), "bus"))
	s.conn = s.service.export(t, s.address)
	s.channel = s.another(t)
	return s
}

// another is a channel of a process of its own.
func (s *screen) another(t *testing.T) *Channel {
	t.Helper()
	c := newChannel(t, Config{Address: s.address, PictureDir: s.dir, Trouble: func(err error) { t.Error(err) }})
	c.open = func(_ context.Context, target, token string) error { s.opened <- [2]string{target, token}; return nil }
	return c
}

func (s *screen) emit(t *testing.T, signal string, body ...any) {
	t.Helper()
	if err := s.conn.Emit(objectPath, service+"."+signal, body...); err != nil {
		t.Fatal(err)
	}
}

func (s *screen) nextOpened(t *testing.T) (target, token string) {
	t.Helper()
	select {
	case got := <-s.opened:
		return got[0], got[1]
	case <-time.After(time.Minute):
		t.Fatal("nothing was opened")
		return "", ""
	}
}

// code is a message whose code has no page.
func code(t *testing.T, id string, side int) notify.Message {
	t.Helper()
	m := notifytest.CodeMessage()
	m.ID, m.Login.PageURL = id, ""
	m.Login.PNG = encoded(t, image.NewGray(image.Rect(0, 0, side, side)))
	return m
}

func send(t *testing.T, c *Channel, m notify.Message) notify.Handle {
	t.Helper()
	r, err := c.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return r.Handle
}

func replaced(calls []call) []uint32 {
	var ids []uint32
	for _, c := range calls {
		ids = append(ids, c.replaces)
	}
	return ids
}

// wantPicture checks the file that was opened.
func wantPicture(t *testing.T, file string, want []byte) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the picture's mode is %v", info.Mode())
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the picture is another one, %v", err)
	}
}

func wantNoPictures(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The life of a code without a page: a file for whoever presses the button, the
// next code in the same place and the same file, and the end.
func TestACodesLife(t *testing.T) {
	s := newScreen(t)
	first := code(t, "msg_1", 4)
	handle := send(t, s.channel, first)
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("a picture was written before anybody asked for it")
	}
	s.emit(t, "ActivationToken", uint32(41), "a-token")
	s.emit(t, "ActionInvoked", uint32(41), actionOpen)
	file, token := s.nextOpened(t)
	if token != "a-token" || filepath.Dir(file) != s.dir {
		t.Errorf("opened %s with %q", file, token)
	}
	wantPicture(t, file, first.Login.PNG)
	s.emit(t, "ActivationToken", uint32(40), "of another")
	s.emit(t, "ActionInvoked", uint32(41), actionDefault)
	if again, token := s.nextOpened(t); again != file || token != "" {
		t.Errorf("pressed again: %s with %q", again, token)
	}

	second := code(t, "msg_2", 8)
	r, err := s.channel.Replace(t.Context(), second, handle)
	if err != nil || r.Handle == handle {
		t.Fatalf("%+v, %v", r, err)
	}
	wantPicture(t, file, second.Login.PNG)

	end := code(t, "msg_3", 4)
	end.Type, end.Login = "login.succeeded", nil
	send(t, s.channel, end)
	wantNoPictures(t, s.dir)
	if got := replaced(s.service.got()); !slices.Equal(got, []uint32{0, 41, 41}) {
		t.Errorf("replaced %v", got)
	}
	// What took the code's place stays.
	for _, h := range []notify.Handle{handle, r.Handle} {
		if err := s.channel.Retract(t.Context(), h); err != nil {
			t.Error(err)
		}
	}
	if gone := s.service.gone(); len(gone) != 0 {
		t.Errorf("closed %v", gone)
	}
}

func TestRetractAndClose(t *testing.T) {
	s := newScreen(t)
	for i, end := range []func(h notify.Handle) error{
		func(h notify.Handle) error { return s.channel.Retract(t.Context(), h) },
		func(notify.Handle) error { return s.channel.Close() },
	} {
		m := code(t, "msg", 4)
		m.Thread = string(rune('a' + i))
		h := send(t, s.channel, m)
		s.emit(t, "ActionInvoked", uint32(41+i), actionOpen)
		file, _ := s.nextOpened(t)
		wantPicture(t, file, m.Login.PNG)
		if err := end(h); err != nil {
			t.Error(err)
		}
		wantNoPictures(t, s.dir)
	}
	if gone := s.service.gone(); !slices.Equal(gone, []uint32{41}) {
		t.Errorf("closed %v", gone)
	}
}

func TestACodeExpires(t *testing.T) {
	s := newScreen(t)
	s.channel.linger = 0
	m := code(t, "msg", 4)
	m.Login.ExpiresAt = time.Now().Add(3 * time.Second)
	send(t, s.channel, m)
	s.emit(t, "ActionInvoked", uint32(41), actionOpen)
	s.nextOpened(t)
	for over := time.Now().Add(time.Minute); len(s.service.gone()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("an expired code stays")
		}
	}
	wantNoPictures(t, s.dir)
	s.emit(t, "ActionInvoked", uint32(41), actionOpen)
	later := code(t, "msg_later", 4)
	send(t, s.channel, later)
	s.emit(t, "ActionInvoked", uint32(42), actionOpen)
	if file, _ := s.nextOpened(t); len(s.opened) != 0 {
		t.Error("a dead code was opened")
	} else {
		wantPicture(t, file, later.Login.PNG)
	}
}

// A handle outlives the process that was given it, but not the service.
func TestHandlesOverRestarts(t *testing.T) {
	s := newScreen(t)
	old := send(t, s.channel, code(t, "msg_1", 4))
	if err := s.channel.Close(); err != nil {
		t.Fatal(err)
	}
	next := s.another(t)
	r, err := next.Replace(t.Context(), code(t, "msg_2", 4), old)
	if err != nil {
		t.Fatal(err)
	}
	third := s.another(t)
	if err := third.Retract(t.Context(), r.Handle); err != nil {
		t.Error(err)
	}
	if gone := s.service.gone(); !slices.Equal(gone, []uint32{41}) {
		t.Errorf("closed %v", gone)
	}

	if _, err := s.conn.ReleaseName(service); err != nil {
		t.Fatal(err)
	}
	if err := third.Retract(t.Context(), r.Handle); err != nil {
		t.Errorf("there is no service to retract from: %v", err)
	}
	other := &fakeService{next: 40}
	other.export(t, s.address)
	if _, err := next.Replace(t.Context(), code(t, "msg_3", 4), r.Handle); err != nil {
		t.Fatal(err)
	}
	if err := next.Retract(t.Context(), r.Handle); err != nil {
		t.Error(err)
	}
	if got := replaced(other.got()); !slices.Equal(got, []uint32{0}) || len(other.gone()) != 0 {
		t.Errorf("in another service: replaced %v, closed %v", got, other.gone())
	}
	if got := replaced(s.service.got()); !slices.Equal(got, []uint32{0, 41}) {
		t.Errorf("replaced %v", got)
	}
}

func TestAButtonThatOpensNothing(t *testing.T) {
	s := newScreen(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	trouble := make(chan error, 2)
	c := newChannel(t, Config{Address: s.address, PictureDir: filepath.Join(blocked, "below"), Trouble: func(err error) { trouble <- err }})
	send(t, c, code(t, "msg", 4))
	s.emit(t, "ActionInvoked", uint32(41), actionOpen)
	t.Setenv("PATH", t.TempDir())
	withPage := notifytest.CodeMessage()
	withPage.Thread = "another"
	send(t, c, withPage)
	s.emit(t, "ActionInvoked", uint32(42), actionOpen)
	for range 2 {
		select {
		case err := <-trouble:
			if bytes.Contains([]byte(err.Error()), []byte("canary")) {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("nobody was told")
		}
	}
}
