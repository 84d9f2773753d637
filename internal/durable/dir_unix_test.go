//go:build unix

package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLinksOnTheWay(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	err = errors.Join(os.MkdirAll(at("real/below"), 0o700), os.Mkdir(at("theirs"), 0o755),
		os.Symlink(at("real"), at("absolute")), os.Symlink("real/below/..", at("relative")), os.Symlink("loop", at("loop")),
		os.Symlink(at("real"), at("theirs/link")))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"real", "absolute", "relative", "absolute/below/..", "absolute/../real"} {
		if err := WriteFile(dir+"/"+path+"/file", []byte(path), 0o600); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		wantFile(t, at("real/file"), path, 0o600)
	}
	if err := WriteFile(at("loop/file"), nil, 0o600); err == nil {
		t.Error("a loop ended somewhere")
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root")
	}
	for _, who := range []struct{ uid, mode int }{{65534, 0o755}, {0, 0o777}} {
		if err := errors.Join(os.Chown(at("theirs"), who.uid, -1), os.Chmod(at("theirs"), os.FileMode(who.mode))); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(at("theirs/link/file"), []byte("lured"), 0o600); !errors.Is(err, ErrMovable) {
			t.Errorf("%v: %v", who, err)
		}
		// What is theirs by itself is no reason to refuse.
		if err := WriteFile(at("theirs/file"), []byte("x"), 0o600); err != nil {
			t.Errorf("%v: %v", who, err)
		}
	}
	wantFile(t, at("real/file"), "absolute/../real", 0o600)
}
