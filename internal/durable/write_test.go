package durable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func wantFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
		t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, mode)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	// The umask takes nothing away, and the old mode has no say.
	for _, mode := range []os.FileMode{0o600, 0o640, 0o666, 0o400, 0o600} {
		text := mode.String()
		if err := WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, text, mode)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the directory holds %v", got)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, dangling, folder := filepath.Join(dir, "link"), filepath.Join(dir, "dangling"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink(target, link), os.Symlink(filepath.Join(dir, "nothing"), dangling)); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	tests := []struct {
		path string
		opts []Option
		want error
	}{
		{link, nil, ErrSymlink},
		{dangling, nil, ErrSymlink},
		{folder, nil, ErrNotRegular},
		{target, []Option{Exclusive()}, fs.ErrExist},
		{filepath.Join(dir, "no", "such"), nil, fs.ErrNotExist},
	}
	for _, tt := range tests {
		if err := WriteFile(tt.path, []byte("new"), 0o600, tt.opts...); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.path, err, tt.want)
		}
	}
	wantFile(t, target, "old", 0o600)
	if got := names(t, dir); !slices.Equal(got, before) {
		t.Errorf("the directory holds %v, before %v", got, before)
	}
}

// Nobody sees a temporary file that is wider than the file will be, and one
// that fails is gone.
func TestWhileWriting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	err := Write(path, 0o640, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		wantFile(t, path, "old", 0o600)
		for _, name := range names(t, dir) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm()&^0o640 != 0 && runtime.GOOS != "windows" {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		return mine
	})
	if err != mine {
		t.Errorf("error %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = Write(path, 0o600, func(io.Writer) error { panic("mine") })
	}()
	wantFile(t, path, "old", 0o600)
	if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the directory holds %v", got)
	}
}

func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := WriteFile(path, []byte("x"), 0o640, Owner(os.Getuid(), os.Getgid())); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	wantFile(t, path, "x", 0o640)
	if os.Geteuid() != 0 {
		if err := WriteFile(path, []byte("y"), 0o600, Owner(0, -1)); err == nil {
			t.Error("a file was given away")
		}
		wantFile(t, path, "x", 0o640)
	}
}

// Readers see one content or the other, never part of one.
func TestReplacedInOnePiece(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	contents := [][]byte{bytes.Repeat([]byte("a"), 50_000), bytes.Repeat([]byte("b"), 50_000)}
	if err := WriteFile(path, contents[0], 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
				t.Errorf("read %d bytes, %v", len(got), err)
				return
			}
		}
	})
	for i := range 30 {
		if err := WriteFile(path, contents[i%2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestExclusiveHasOneWinner(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = WriteFile(path, []byte{byte(i)}, 0o600, Exclusive()) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("%d and %d both won", winner, i)
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("%d: %v", i, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || len(got) != 1 || int(got[0]) != winner {
		t.Errorf("the file holds %v, %v; %d won", got, err, winner)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the directory holds %v", got)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	keep := []string{".a.tmp", ".a.x", ".b.X.tmp", "a.X.tmp", ".a.b.X.tmp"}
	for _, name := range append([]string{".a.X.tmp", filepath.Base(TempName(path))}, keep...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := Sweep(path)
	if err != nil || len(removed) != 2 {
		t.Errorf("removed %v, %v", removed, err)
	}
	slices.Sort(keep)
	if got := names(t, dir); !slices.Equal(got, keep) {
		t.Errorf("left %v, want %v", got, keep)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		if err := MkdirAll(deep, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{deep, filepath.Dir(deep), filepath.Join(dir, "a")} {
		info, err := os.Stat(d)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, info.Mode(), err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := MkdirAll(path, 0o700); err == nil {
			t.Errorf("%s was made over a file", path)
		}
	}
}

func TestFreeSpace(t *testing.T) {
	free, err := FreeSpace(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || free == 0 {
		t.Errorf("%d, %v", free, err)
	}
	if _, err := FreeSpace(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
