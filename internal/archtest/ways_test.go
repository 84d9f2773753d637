package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The ways through the code that docs/architecture.md shows are as it says: each
// function is in the file that is named with it, and no way has more than twelve.
func TestWaysAreTrue(t *testing.T) {
	const longest = 12
	root, _ := findModule(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	hop := regexp.MustCompile("(?m)^[0-9]+\\. `([^`]+)` `([^`]+)`:? ")
	ways := 0
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		hops := hop.FindAllStringSubmatch(section, -1)
		if len(hops) == 0 || len(hops) > longest {
			t.Errorf("%s: %d hops, want 1 to %d", title, len(hops), longest)
		}
		if numbered := strings.Count(section, "\n1. ") + strings.Count(section, "\n2. "); numbered > 2 {
			t.Errorf("%s has more than one list", title)
		}
		for _, h := range hops {
			if !declares(t, root, h[1], h[2]) {
				t.Errorf("%s: %s has no function %s", title, h[1], h[2])
			}
		}
		ways++
	}
	if ways != 5 {
		t.Errorf("the page shows %d ways, want 5", ways)
	}
}

// declares reports whether a file has a function or method of that name.
func declares(t *testing.T, root, name, function string) bool {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Error(err)
		return false
	}
	f, err := parse(filepath.Dir(name), filepath.Base(name), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == function {
			return true
		}
	}
	return false
}
