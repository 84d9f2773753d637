//go:build unix

package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/bilikeeper/bilikeeper/daemon/output"
	"github.com/bilikeeper/bilikeeper/internal/durable"
	"github.com/bilikeeper/bilikeeper/internal/ownfile"
)

func newTarget(t *testing.T, o Output) *file {
	t.Helper()
	if o.Mode == 0 {
		o.Mode = DefaultMode
	}
	f, err := newFile(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func body(text string) output.Rendered { return output.Rendered{Body: []byte(text)} }

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	for _, inPlace := range []bool{false, true} {
		path := filepath.Join(dir, map[bool]string{false: "renamed", true: "in-place"}[inPlace])
		f := newTarget(t, Output{Path: path, Mode: 0o640, InPlace: inPlace})
		steps := []struct {
			content  string
			before   func() error
			changed  bool
			newInode bool // where the file is not written in place
		}{
			{"first, the longest", nil, true, false},
			{"first, the longest", nil, false, false},
			{"second", nil, true, true},
			{"second", func() error { return os.Chmod(path, 0o666) }, true, true},
			{"third!", func() error { return os.Chmod(path, 0o666) }, true, true},
			{"third!", func() error { return os.WriteFile(path, []byte("a tool's own, longer than ours"), 0) }, true, true},
			{"", nil, true, true},
			{"fourth", nil, true, true},
		}
		var last uint64
		for i, step := range steps {
			if step.before != nil {
				if err := step.before(); err != nil {
					t.Fatal(err)
				}
			}
			changed, err := f.deliver(t.Context(), body(step.content))
			if err != nil || changed != step.changed {
				t.Errorf("in place %t, step %d: changed %t, %v", inPlace, i, changed, err)
			}
			wantFile(t, path, step.content)
			info, err := os.Lstat(path)
			if err != nil || info.Mode() != 0o640 || !f.settled() {
				t.Errorf("in place %t, step %d: %v, %v", inPlace, i, info.Mode(), err)
			}
			if now := inode(t, path); i > 0 && inPlace && now != last {
				t.Errorf("step %d: the file is another one", i)
			} else {
				last = now
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Symlink(victim, path("link")), os.Symlink(path("none"), path("dangling")), os.Mkdir(path("folder"), 0o700),
		syscall.Mkfifo(path("pipe"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		want error
		text string
	}{
		{"link", durable.ErrSymlink, "symbolic link"}, {"dangling", durable.ErrSymlink, "symbolic link"},
		{"folder", durable.ErrNotRegular, "regular"}, {"pipe", durable.ErrNotRegular, "regular"},
		{"no/such/file", fs.ErrNotExist, "mkdir -p"}, {"victim/file", syscall.ENOTDIR, "not a directory"},
	}
	for _, inPlace := range []bool{false, true} {
		for _, tt := range tests {
			f := newTarget(t, Output{Path: path(tt.name), InPlace: inPlace})
			changed, err := f.deliver(t.Context(), body("new"))
			if changed || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%s: %t, %v", tt.name, changed, err)
			}
		}
	}
	wantFile(t, victim, "mine")
	if _, err := os.Lstat(path("no")); err == nil {
		t.Error("a directory was made")
	}
	// Between the look and the write, somebody puts a link into the file's place.
	f := newTarget(t, Output{Path: path("link"), InPlace: true})
	in, err := durable.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := f.rewrite(in, "link", []byte("new"), -1, -1); err == nil {
		t.Error("a link was followed")
	}
	wantFile(t, victim, "mine")
}

// The keeper's own files are never written, nor, in place, a file that has other
// names.
func TestOwnFiles(t *testing.T) {
	dir := t.TempDir()
	vault, hard, link := filepath.Join(dir, "vault.db"), filepath.Join(dir, "hard"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(vault, []byte("mine"), 0o600), os.Link(vault, hard), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	own := ownfile.Files{{What: "the vault", Path: vault}}
	for _, inPlace := range []bool{false, true} {
		for _, path := range []string{vault, hard, filepath.Join(link, "vault.db")} {
			f := newTarget(t, Output{Path: path, InPlace: inPlace, Own: own})
			changed, err := f.deliver(t.Context(), body("new"))
			if e, ok := errors.AsType[*Error](err); changed || !ok || !e.permanent || !errors.Is(err, ownfile.ErrOwn) || !strings.Contains(e.Reason, "the vault") {
				t.Errorf("%s: %t, %v", path, changed, err)
			}
			if _, err := prepare(Output{Name: "x", Account: "main", Path: path, Format: "header", Own: own}); !errors.Is(err, ownfile.ErrOwn) {
				t.Errorf("%s: prepared: %v", path, err)
			}
		}
	}
	f := newTarget(t, Output{Path: hard, InPlace: true})
	if changed, err := f.deliver(t.Context(), body("new")); changed || !errors.Is(err, errNames) {
		t.Errorf("several names: %t, %v", changed, err)
	}
	wantFile(t, vault, "mine")
}

func TestOwner(t *testing.T) {
	dir := t.TempDir()
	for _, owner := range []string{"no-such-user-here", ":no-such-group-here", "0:no-such-group-here"} {
		f := newTarget(t, Output{Path: filepath.Join(dir, "x"), Owner: owner})
		if _, err := f.deliver(t.Context(), body("new")); err == nil || !strings.Contains(err.Error(), "there is no ") {
			t.Errorf("%s: %v", owner, err)
		}
	}
	if os.Geteuid() != 0 {
		f := newTarget(t, Output{Path: filepath.Join(dir, "x"), Owner: "0"})
		if _, err := f.deliver(t.Context(), body("new")); err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("got %v", err)
		}
		t.Skip("the rest needs root")
	}
	for _, inPlace := range []bool{false, true} {
		for _, owner := range []string{"65534", "65534:65533", ":65533", "root", "nobody"} {
			path := filepath.Join(dir, strings.ReplaceAll(owner, ":", "-")+map[bool]string{true: "!"}[inPlace])
			f := newTarget(t, Output{Path: path, Owner: owner, InPlace: inPlace})
			uid, gid, err := f.ids()
			if err != nil {
				t.Fatal(err)
			}
			for _, content := range []string{"one", "two", "two"} {
				if _, err := f.deliver(t.Context(), body(content)); err != nil {
					t.Fatal(err)
				}
				info, err := os.Lstat(path)
				if err != nil || !durable.Owned(info, uid, gid) || !f.settled() || info.Mode() != 0o600 {
					t.Errorf("%s: %+v, %v", owner, info.Sys(), err)
				}
				wantFile(t, path, content)
			}
		}
	}
}

// A crash between the write and its record leaves the file right and the
// commands due.
func TestCrashBeforeTheRecord(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		o := headerFile(dir, "a")
		ran := filepath.Join(dir, "ran")
		o.OnChange = []Command{{"sh", "-c", `echo "$BILIKEEPER_GENERATION" >> ` + ran}}
		lines := func() int {
			text, _ := os.ReadFile(ran)
			return strings.Count(string(text), "\n")
		}
		s.led.forgets = true
		s.start(o)
		waitFor(t, "the command", func() bool { return lines() == 1 && s.state("a") == StateOK })
		before := inode(t, o.Path)
		// What a crash in the middle of a write leaves beside the file.
		left := filepath.Join(dir, ".a.txt.LEFTOVER.tmp")
		if err := os.WriteFile(left, []byte("half of "+canary), 0o600); err != nil {
			t.Fatal(err)
		}
		s.stop()
		s.led.forgets = false
		s.start(o)
		waitFor(t, "the command, again", func() bool { return lines() == 2 && s.state("a") == StateOK })
		if inode(t, o.Path) != before {
			t.Error("a file that was right was written again")
		}
		if _, err := os.Stat(left); err == nil {
			t.Error("the unfinished file is still there")
		}
		s.stop()
		s.start(o)
		waitFor(t, "the start", func() bool { return s.state("a") == StateOK })
		s.stop()
		if lines() != 2 || inode(t, o.Path) != before {
			t.Errorf("%d runs of a command that had succeeded", lines())
		}
	})
}

// Another place or another format is a change, too.
func TestAnotherConfiguration(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		dir := t.TempDir()
		o := headerFile(dir, "a")
		s.start(o)
		synctest.Wait()
		s.stop()
		o.Path = filepath.Join(dir, "elsewhere")
		s.start(o)
		synctest.Wait()
		wantFile(t, o.Path, s.header())
		s.stop()
		o.Format = "toolpro"
		s.start(o)
		synctest.Wait()
		s.stop()
		o.Mode = 0o640
		s.start(o)
		synctest.Wait()
		if info, err := os.Stat(o.Path); err != nil || info.Mode() != 0o640 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		s.stop()
		if told := s.led.told(); len(told) != 4 {
			t.Errorf("told %+v", told)
		}
	})
}
