//go:build linux || freebsd || netbsd || openbsd || dragonfly

package desktop

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/notify/notifytest"
)

// noBus is a session without a bus.
func noBus(t *testing.T) *Channel {
	t.Helper()
	return newChannel(t, Config{Address: "unix:path=" + filepath.Join(t.TempDir(), "none")})
}

func newChannel(t *testing.T, cfg Config) *Channel {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	notifytest.Run(t, notifytest.Harness{Away: func(t *testing.T) notify.Channel { return noBus(t) }})
}

func TestNoSessionBus(t *testing.T) {
	_, err := noBus(t).Send(t.Context(), notifytest.CodeMessage())
	if !errors.Is(err, ErrNoSessionBus) || !strings.Contains(err.Error(), "bilikeeper agent") {
		t.Errorf("%v", err)
	}
}

func TestFindingTheBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/sample-bus")
	if address, ok := sessionBus(); !ok || address != "unix:path=/tmp/sample-bus" {
		t.Errorf("%q", address)
	}
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	for _, value := range []string{"", "autolaunch:"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", value)
		if address, ok := sessionBus(); ok && strings.Contains(address, dir) {
			t.Errorf("%q where there is no socket", address)
		}
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if address, ok := sessionBus(); !ok || !strings.HasSuffix(address, "/bus") {
		t.Errorf("%q", address)
	}
}

// A bus that accepts and says nothing must not keep a Send past its context.
func TestABusThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			accepted <- conn
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := newChannel(t, Config{Address: "unix:path=" + path}).Send(ctx, notifytest.CodeMessage())
		done <- err
	}()
	conn := <-accepted
	defer conn.Close()
	cancel()
	select {
	case err := <-done:
		var sendErr *notify.SendError
		if !errors.As(err, &sendErr) || !sendErr.Retry || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Send did not end with its context")
	}
}

func TestPicture(t *testing.T) {
	// A picture that does not begin at the origin, in two colours.
	img := image.NewPaletted(image.Rect(5, 7, 8, 9), color.Palette{color.White, color.Black})
	img.SetColorIndex(6, 8, 1)
	rgba, err := picture(encoded(t, img))
	if err != nil {
		t.Fatal(err)
	}
	white, black := []byte{255, 255, 255, 255}, []byte{0, 0, 0, 255}
	want := bytes.Join([][]byte{white, white, white, white, black, white}, nil)
	if !bytes.Equal(rgba.Pix, want) || rgba.Stride != 12 || rgba.Rect != image.Rect(0, 0, 3, 2) {
		t.Errorf("%v, stride %d, %v", rgba.Pix, rgba.Stride, rgba.Rect)
	}
	whole := encoded(t, image.NewGray(image.Rect(0, 0, 40, 40)))
	for name, data := range map[string][]byte{
		"nothing": nil, "not a picture": []byte("canary"), "cut short": whole[:len(whole)-20],
		"huge": encoded(t, image.NewPaletted(image.Rect(0, 0, 2000, 1), color.Palette{color.White})),
	} {
		if _, err := picture(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestCompose(t *testing.T) {
	m := notifytest.CodeMessage()
	m.Text = "a < b & c"
	m.Login.PNG = encoded(t, image.NewGray(image.Rect(0, 0, 4, 4)))
	now := m.Login.ExpiresAt.Add(-30 * time.Second)
	t.Setenv("XDG_RUNTIME_DIR", "")
	cfg := Config{}.withDefaults()

	n := compose(cfg, m, []string{"actions", "body-markup"}, now)
	if n.timeout != 30_000 || n.body != "a &lt; b &amp; c" || n.page != m.Login.PageURL || len(n.actions) != 4 {
		t.Errorf("%+v", n)
	}
	if _, ok := n.hints["image-data"]; !ok || n.hints["urgency"].Value() != byte(2) {
		t.Errorf("hints %v", n.hints)
	}

	n = compose(cfg, m, nil, now)
	if n.body != m.Text || n.page != "" || n.actions == nil || len(n.actions) != 0 {
		t.Errorf("a service that can do nothing: %+v", n)
	}

	long := m
	long.Text = "open " + m.Login.PageURL
	if n := compose(cfg, long, []string{"actions"}, now); strings.Contains(n.body, m.Login.PageURL) || !strings.HasPrefix(n.body, "open https://") {
		t.Errorf("beside the button: %q", n.body)
	}
	if n := compose(cfg, long, nil, now); n.body != long.Text {
		t.Errorf("without a button: %q", n.body)
	}

	for _, page := range []string{"", "file:///etc/passwd", "javascript:alert(1)", "-e", "https://"} {
		m.Login.PageURL = page
		if n := compose(cfg, m, []string{"actions"}, now); n.page != "" || len(n.actions) != 0 {
			t.Errorf("page %q gets an action", page)
		}
	}

	// A directory for pictures makes up for the page.
	withFiles := Config{PictureDir: t.TempDir()}.withDefaults()
	if n := compose(withFiles, m, []string{"actions"}, now); n.page != "" || !bytes.Equal(n.png, m.Login.PNG) || len(n.actions) != 4 {
		t.Errorf("no page and a directory: %+v", n)
	}
	if n := compose(withFiles, m, []string{"actions", buttonForDefault}, now); !slices.Equal(n.actions, []string{actionDefault, withFiles.OpenLabel}) {
		t.Errorf("where the default action has a button there are %q", n.actions)
	}
	if n := compose(withFiles, m, nil, now); n.png != nil || len(n.actions) != 0 {
		t.Error("a button where the service has none")
	}
	broken := m
	broken.Login = &notify.Login{PNG: []byte("canary"), ExpiresAt: m.Login.ExpiresAt}
	if n := compose(withFiles, broken, []string{"actions"}, now); n.png != nil || len(n.actions) != 0 {
		t.Error("a button for a picture that is none")
	}

	m.Login, m.Type = nil, "login.succeeded"
	n = compose(cfg, m, nil, now)
	if _, ok := n.hints["image-data"]; ok || n.timeout != -1 || n.hints["urgency"].Value() != byte(1) {
		t.Errorf("%+v", n)
	}
}

func FuzzPicture(f *testing.F) {
	f.Add(encoded(f, image.NewGray(image.Rect(0, 0, 3, 3))))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := picture(data)
		if err == nil && (img.Rect.Dx() > maxSide || img.Rect.Dy() > maxSide) {
			t.Errorf("%v", img.Rect)
		}
	})
}

func TestHandles(t *testing.T) {
	h := handle{session: "0123abcd:1.7", id: 41, message: "msg_a/b_1"}
	if back, err := parseHandle(h.text()); err != nil || back != h {
		t.Errorf("%+v, %v", back, err)
	}
	for _, text := range []notify.Handle{"", "a", "a/b", "a/b/c", "a/0/c", "a/-1/c", "a/99999999999/c"} {
		_, err := parseHandle(text)
		sendErr, ok := errors.AsType[*notify.SendError](err)
		if !ok || sendErr.Retry {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPicturesLeftBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := preparePictures(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	old := time.Now().Add(-2 * leftBehind)
	for name, at := range map[string]time.Time{"code-old.png": old, "code-new.png": time.Now(), "agent.lock": old, "code-old.txt": old} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := preparePictures(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == "code-old.png" }) {
		t.Errorf("%v, %v", left, err)
	}
}
