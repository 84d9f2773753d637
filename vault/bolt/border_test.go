package bolt

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// The file is behind this package: no other package of the vault uses bbolt, and
// this one knows no seal and no key.
func TestBorder(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		inside := filepath.Base(filepath.Dir(path)) == "bolt"
		for _, i := range f.Imports {
			if !inside && strings.Contains(i.Path.Value, "go.etcd.io/bbolt") {
				t.Errorf("%s imports bbolt", path)
			}
			if inside && (strings.Contains(i.Path.Value, "/vault/seal") || strings.Contains(i.Path.Value, "/vault/keys")) {
				t.Errorf("%s imports %s", path, i.Path.Value)
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
}
