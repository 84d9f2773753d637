package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const canary = "canary-3c1d"

func write(t *testing.T, path string, mode os.FileMode, text string) string {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRule(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing")
	}
	managed, dir := t.TempDir(), t.TempDir()
	tests := []struct {
		mode os.FileMode
		dir  string
		want string // "" where it is read
	}{
		{0o600, dir, ""},
		{0o400, dir, ""},
		{0o700, dir, ""},
		{0o640, dir, "is open to others than its owner (mode 0640); run chmod 600 on it"},
		{0o440, dir, "is open to others than its owner (mode 0440)"},
		{0o620, dir, "is open to others than its owner (mode 0620)"},
		{0o601, dir, "is open to others than its owner (mode 0601)"},
		{0o602, dir, "is open to others than its owner (mode 0602)"},
		{0o604, dir, "is a world-readable secret (mode 0604); run chmod 600 on it"},
		{0o644, dir, "is a world-readable secret (mode 0644)"},
		{0o440, managed, ""},
		{0o640, managed, ""},
		{0o444, managed, "is a world-readable secret (mode 0444)"},
		{0o442, managed, "is open to others than its owner (mode 0442)"},
	}
	for _, tt := range tests {
		path := write(t, filepath.Join(tt.dir, "secret"), tt.mode, canary)
		data, err := (Reader{managed, os.Geteuid()}).Read(path)
		var bad *Error
		switch {
		case tt.want == "":
			if err != nil || string(data) != canary {
				t.Errorf("%04o: %q, %v", tt.mode, data, err)
			}
		case !errors.As(err, &bad) || !errors.Is(err, ErrExposed) || bad.Path != path || bad.Mode.Perm() != tt.mode:
			t.Errorf("%04o: %#v", tt.mode, err)
		case !strings.HasPrefix(err.Error(), path+" "+tt.want) || data != nil:
			t.Errorf("%04o: %v", tt.mode, err)
		}
		_ = os.Remove(path)
	}
	open := write(t, filepath.Join(dir, "x"), 0o640, "")
	for mode, want := range map[os.FileMode]string{0o700: "", 0o750: "run chmod 700 on it"} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := This().Judge(dir, info); (err == nil) != (want == "") || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("a directory with %04o: %v", mode, err)
		}
	}
	for mode, fine := range map[os.FileMode]bool{0o755: true, 0o775: false, 0o757: false, 0o777 | os.ModeSticky: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := This().JudgeDir(dir, info); (err == nil) != fine || !fine && !errors.Is(err, ErrExposed) {
			t.Errorf("a directory of others with %v: %v", mode, err)
		}
	}
	info, err := os.Stat(open)
	if err != nil || This().JudgeShared(open, info) != nil {
		t.Errorf("shared: %v", err)
	}
}

func TestKinds(t *testing.T) {
	dir := t.TempDir()
	long := write(t, filepath.Join(dir, "long"), 0o600, strings.Repeat(canary, MaxSize/len(canary)+1))
	full := write(t, filepath.Join(dir, "full"), 0o600, strings.Repeat("x", MaxSize))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(full, link); err != nil {
		link = full
	}
	for _, tt := range []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "none"), fs.ErrNotExist},
		{dir, ErrNotRegular},
		{os.DevNull, ErrNotRegular},
		{long, ErrTooLong},
		{full, nil},
		{link, nil},
	} {
		_, err := This().Read(tt.path)
		if !errors.Is(err, tt.want) || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want %v", tt.path, err, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{
		"": "", "\n": "", "\ufeff\r\n": "", "a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a",
		" a \n": " a ", "\ufeffa\n": "a", "a\ufeff\n": "a\ufeff", "a\nb\n": "a\nb",
	} {
		write(t, path, 0o600, content)
		if got, err := This().Text(path); err != nil || got != want {
			t.Errorf("%q: %q, %v", content, got, err)
		}
		if got, err := This().Read(path); err != nil || string(got) != content {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
	if got := Credentials(); got != "/run/credentials/x" {
		t.Error(got)
	}
	for path, want := range map[string]bool{"/c/a": true, "/c/b/a": true, "/c/../a": false, "/ca": false, "/": false, "a": false} {
		if within(path, filepath.FromSlash("/c")) != want || within(path, "") {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
