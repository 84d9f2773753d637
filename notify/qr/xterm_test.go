//go:build terminal

package qr_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/notify/qr"
)

// What a real terminal shows is read by a real reader, in all usual sizes of its
// font, on dark and on light.
func TestReadFromXterm(t *testing.T) {
	for _, program := range []string{"Xvfb", "xterm", "xwd", "convert", "zbarimg"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	const display = ":91"
	server := exec.Command("Xvfb", display, "-screen", "0", "1600x1000x24")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	text, err := qr.Terminal(loginURL, qr.TerminalOptions{Color: true, Width: 80, Height: 24})
	if err != nil {
		t.Fatal(err)
	}
	code := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(code, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "DISPLAY="+display, "LC_ALL=C.UTF-8")
	for end := time.Now().Add(30 * time.Second); !up(env); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the display does not come up")
		}
	}
	for _, size := range []string{"7", "8", "9", "10", "11", "12", "14"} {
		for _, ground := range []string{"black", "white"} {
			t.Run(size+" on "+ground, func(t *testing.T) {
				other := map[string]string{"black": "white", "white": "black"}[ground]
				window := exec.Command("xterm", "-u8", "-fa", "DejaVu Sans Mono", "-fs", size, "-bg", ground, "-fg", other, "-geometry", "80x24+0+0", "-e", "cat "+code+"; sleep 60")
				window.Env = env
				if err := window.Start(); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = window.Process.Kill(); _ = window.Wait() }()
				var said error
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
					if said = read(env); said == nil {
						return
					}
				}
				t.Error(said)
			})
		}
	}
}

// up reports whether the display answers.
func up(env []string) bool {
	shot := exec.Command("xwd", "-root", "-silent", "-out", os.DevNull)
	shot.Env = env
	return shot.Run() == nil
}

// read reads the code that is on the screen.
func read(env []string) error {
	shot := exec.Command("sh", "-c", "xwd -root -silent | convert xwd:- png:- | zbarimg -q --raw png:-")
	shot.Env = env
	out, err := shot.Output()
	if got := strings.TrimSpace(string(out)); got != loginURL {
		return fmt.Errorf("read %q: %w", got, err)
	}
	return nil
}
