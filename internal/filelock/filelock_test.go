package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func want(t *testing.T, f *os.File, taken bool) {
	t.Helper()
	if got, err := Try(f); got != taken || err != nil {
		t.Errorf("taken is %v, want %v: %v", got, taken, err)
	}
}

func TestOneHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	want(t, first, true)
	want(t, second, false)
	if err := Release(first); err != nil {
		t.Fatal(err)
	}
	want(t, second, true)
	want(t, first, false)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, first, true)
}

func TestClosedFile(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "lock"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if taken, err := Try(f); taken || err == nil {
		t.Errorf("%v, %v", taken, err)
	}
}
