package channels

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

const suite = "github.com/bilikeeper/bilikeeper/notify/notifytest"

// TestEachRunsTheSuite: a test of each channel's package runs the conformance suite,
// and not only where somebody asks for it by a tag.
func TestEachRunsTheSuite(t *testing.T) {
	untagged := build.Default
	untagged.GOOS, untagged.BuildTags = "linux", nil
	for _, kind := range Kinds() {
		folder := path.Base(reflect.TypeOf(kind.New()).Elem().PkgPath())
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		runs := false
		for _, file := range files {
			always, err := untagged.MatchFile(filepath.Dir(file), filepath.Base(file))
			if err != nil {
				t.Fatal(err)
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			runs = runs || always && runsSuite(tree)
		}
		if !runs {
			t.Errorf("no test of notify/%s calls notifytest.Run: %s is not held to what the pipeline counts on; do as its neighbours do", folder, kind.Name)
		}
	}
}

// runsSuite reports whether a file calls Run of the suite.
func runsSuite(file *ast.File) bool {
	if !slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == strconv.Quote(suite) }) {
		return false
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || f.Sel.Name != "Run" {
			return true
		}
		x, ok := f.X.(*ast.Ident)
		found = found || ok && x.Name == path.Base(suite)
		return true
	})
	return found
}
