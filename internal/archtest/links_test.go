package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a program must not link, because those who have no use for it would pay for it:
// etcd's client is a third of the program again.
func TestLinks(t *testing.T) {
	root, module := findModule(t)
	way := []string{}
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		way = append(way, dir)
		for _, name := range importsOf(t, filepath.Join(root, filepath.FromSlash(dir))) {
			if strings.HasPrefix(name, "go.etcd.io/etcd/") {
				t.Errorf("%s links %s", strings.Join(way, " → "), name)
			}
			if own, ok := strings.CutPrefix(name, module+"/"); ok {
				visit(own)
			}
		}
		way = way[:len(way)-1]
	}
	visit("cmd/bilikeeper")
	if !seen["daemon/keeper"] || !seen["vault/bolt"] {
		t.Error("the program's packages were not found")
	}
}

// importsOf are what the files of a package import, tests aside, for any system.
func importsOf(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parse(dir, name, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !slices.Contains(out, path) {
				out = append(out, path)
			}
		}
	}
	return out
}
