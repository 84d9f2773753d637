package upkeep

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/vault"
)

// The names of copies sort by their times.
const (
	prefix = "vault-"
	suffix = ".db"
	stamp  = "20060102T150405.000Z"
)

// Pattern is what the names of copies look like, for [filepath.Match].
const Pattern = prefix + "*" + suffix

// copyOf is a copy that was made of the vault.
type copyOf struct {
	path string
	at   time.Time
}

func nameAt(at time.Time) string { return prefix + at.UTC().Format(stamp) + suffix }

// copies returns the copies in a directory, the newest first. One that cannot be
// listed has none.
func copies(dir string) []copyOf {
	entries, _ := os.ReadDir(dir)
	var list []copyOf
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if text, ok = strings.CutSuffix(text, suffix); !ok {
			continue
		}
		if at, err := time.Parse(stamp, text); err == nil {
			list = append(list, copyOf{filepath.Join(dir, e.Name()), at})
		}
	}
	slices.SortFunc(list, func(a, b copyOf) int { return b.at.Compare(a.at) })
	return list
}

// sweep removes what a crash left of copies that were being made. In a directory that
// other hosts may use one of theirs may be on its way.
func (u *Upkeep) sweep() {
	left, _ := filepath.Glob(filepath.Join(u.dir, "."+Pattern+".*.tmp"))
	for _, path := range left {
		if info, err := os.Stat(path); u.file != nil || u.own || err == nil && time.Since(info.ModTime()) > again {
			_ = os.Remove(path)
		}
	}
}

// rotate removes the oldest copies until keep are left.
func rotate(dir string, keep int) error {
	var failed error
	for i, c := range copies(dir) {
		if i < keep {
			continue
		}
		if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	return failed
}

// WayBack is the command that puts the newest good copy in the vault's place, ""
// where there is none: of those in the directory, and of those that a restore or a
// repair left beside the vault. What opens the vault has to open the copy.
func WayBack(o vault.Options, dir string) string {
	candidates := copies(dir)
	beside, _ := filepath.Glob(o.Path + ".before-*")
	for _, path := range beside {
		if info, err := os.Stat(path); err == nil && !strings.HasSuffix(path, "-rekey") {
			candidates = append(candidates, copyOf{path, info.ModTime()})
		}
	}
	slices.SortStableFunc(candidates, func(a, b copyOf) int { return b.at.Compare(a.at) })
	for _, c := range candidates {
		if _, err := vault.Examine(o, c.path); err == nil {
			return "bilikeeper vault restore " + c.path
		}
	}
	return ""
}
