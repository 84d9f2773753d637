package program

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

const (
	prefix = "bilikeeper-exec-"
	// lockName is a file that is locked from the moment it has that name. A
	// directory without one is left alone.
	lockName = "lock"
)

// privateFile is a cookies.txt in a directory of its own.
type privateFile struct {
	dir, path string
	lock      *os.File
}

// writePrivate writes a cookies.txt that nobody else can read, below dir or,
// where that cannot be, in the directory for temporary files.
func writePrivate(dir string, cookies []byte) (*privateFile, error) {
	made, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		made, err = os.MkdirTemp("", prefix)
	}
	if err != nil {
		return nil, cli.Fail(cli.ExitFailed, "", "make a private directory for the cookies: %w", err)
	}
	p := &privateFile{dir: made, path: filepath.Join(made, "cookies.txt")}
	if p.lock, err = hold(made); err == nil {
		err = os.WriteFile(p.path, cookies, 0o600)
	}
	if err != nil {
		p.remove()
		return nil, cli.Fail(cli.ExitFailed, "", "write the cookies: %w", err)
	}
	return p, nil
}

// remove removes the file. A program that had none has none to remove.
func (p *privateFile) remove() {
	if p == nil {
		return
	}
	if p.lock != nil {
		_ = p.lock.Close()
	}
	_ = os.RemoveAll(p.dir)
}

// Sweep removes the private files that a killed process left behind, below dir
// and in the directory for temporary files.
func Sweep(dir string) {
	for _, below := range []string{dir, os.TempDir()} {
		if below == "" {
			continue
		}
		entries, _ := os.ReadDir(below)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), prefix) {
				continue
			}
			left := filepath.Join(below, e.Name())
			if info, err := os.Lstat(left); err == nil && mine(info) && abandoned(filepath.Join(left, lockName)) {
				_ = os.RemoveAll(left)
			}
		}
	}
}
