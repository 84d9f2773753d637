// Package golden compares what a test made with a file of the test's own package.
// Nothing but tests and what helps them imports it; what is compared is for them to say.
//
// With UPDATE_GOLDEN=1 in the environment the files are written anew:
//
//	UPDATE_GOLDEN=1 go test ./daemon/output
//
// Guarantee: a failure shows where the two differ first, and how the file is
// written anew.
package golden

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// Equal fails the test where a file below testdata is not what the test got. Line
// ends are those of Unix, whatever a checkout made of them. What is empty has no
// file.
func Equal[T ~string | ~[]byte](t testing.TB, name string, got T) {
	t.Helper()
	if err := Compare(name, []byte(got)); err != nil {
		t.Error(err)
	}
}

// Compare is [Equal] for what is no test of its own, a command of a script for one.
func Compare(name string, got []byte) error {
	file := filepath.Join("testdata", filepath.FromSlash(name))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		return write(file, got)
	}
	want, err := os.ReadFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if bytes.Equal(got, want) {
		return nil
	}
	what := "is not what the test got"
	if missing {
		what = "is not there"
	}
	name = path.Join("testdata", name)
	return fmt.Errorf("%s %s:\n%sif this is meant: UPDATE_GOLDEN=1 go test %s", name, what,
		short(diff.Diff(name, want, "got", got)), testPackage())
}

func write(file string, got []byte) error {
	if len(got) == 0 {
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, got, 0o644)
}

// short is the beginning of a diff; the line that names the command is left out.
func short(diff []byte) string {
	const most = 24
	_, diff, _ = bytes.Cut(diff, []byte("\n"))
	lines := strings.SplitAfter(string(diff), "\n")
	if more := len(lines) - most; more > 1 {
		lines = append(lines[:most:most], fmt.Sprintf("… and %d lines more\n", more-1))
	}
	return strings.Join(lines, "")
}

// testPackage is the package whose test runs, as the module's root names it.
func testPackage() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
			continue
		}
		if below, err := filepath.Rel(root, dir); err == nil {
			return "./" + filepath.ToSlash(below)
		}
	}
	return "."
}
