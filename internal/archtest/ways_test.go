package archtest

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The ways through the code that docs/architecture.md shows are as it says: each
// function is in the file that is named with it, no way has more than twelve hops,
// and none enters a room twice.
func TestWaysAreTrue(t *testing.T) {
	const longest = 12
	root, _ := findModule(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	hop := regexp.MustCompile("(?m)^[0-9]+\\. `([^`]+)` `([^`]+)`:? ")
	asked := regexp.MustCompile("`(\\w+)` in `([a-z/_]+\\.go)`")
	ways := 0
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		section, _, _ = strings.Cut(section, "\n## ")
		title, _, _ := strings.Cut(section, "\n")
		hops := hop.FindAllStringSubmatch(section, -1)
		if len(hops) == 0 || len(hops) > longest {
			t.Errorf("%s: %d hops, want 1 to %d", title, len(hops), longest)
		}
		if numbered := strings.Count(section, "\n1. ") + strings.Count(section, "\n2. "); numbered > 2 {
			t.Errorf("%s has more than one list", title)
		}
		var rooms []string
		for _, h := range hops {
			if !declares(t, root, h[1], h[2]) {
				t.Errorf("%s: %s has no function %s", title, h[1], h[2])
			}
			rooms = append(rooms, path.Dir(h[1]))
		}
		if room := enteredTwice(rooms); room != "" {
			t.Errorf("%s enters %s twice", title, room)
		}
		for _, a := range asked.FindAllStringSubmatch(section, -1) {
			if !declares(t, root, a[2], a[1]) {
				t.Errorf("%s: %s has no function %s", title, a[2], a[1])
			}
		}
		ways++
	}
	if ways != 5 {
		t.Errorf("the page shows %d ways, want 5", ways)
	}
}

// enteredTwice is a room that a way leaves and comes back to, "" where there is none.
// Hops of a room that follow each other are one stay.
func enteredTwice(rooms []string) string {
	stays := slices.Compact(slices.Clone(rooms))
	for i, room := range stays {
		if slices.Contains(stays[:i], room) {
			return room
		}
	}
	return ""
}

func TestEnteredTwice(t *testing.T) {
	for way, want := range map[string]string{"": "", "a": "", "a a b b c": "", "a b a": "a", "a b c c b": "b", "a a/b a/c": ""} {
		if got := enteredTwice(strings.Fields(way)); got != want {
			t.Errorf("%q: got %q, want %q", way, got, want)
		}
	}
}

// What the page's table names is there: files, packages, and the functions and types
// that stand before "in" and a file.
func TestTableIsTrue(t *testing.T) {
	root, _ := findModule(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n| you want | you touch |\n")
	if !ok {
		t.Fatal("there is no table of what is added where")
	}
	named := 0
	for row := range strings.Lines(table) {
		for _, m := range regexp.MustCompile("`([a-z]+(?:/[a-z_*<>]+)+(?:\\.[a-z]+)?)/?`").FindAllStringSubmatch(row, -1) {
			pattern := regexp.MustCompile("<[a-z]+>").ReplaceAllString(m[1], "*")
			if found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern))); err != nil || len(found) == 0 {
				t.Errorf("there is no %s, %v", m[1], err)
			}
			named++
		}
		for _, m := range regexp.MustCompile("`(\\w+)` in `([a-z/_]+\\.go)`").FindAllStringSubmatch(row, -1) {
			if !declares(t, root, m[2], m[1]) {
				t.Errorf("%s has no %s", m[2], m[1])
			}
			named++
		}
	}
	if named < 30 {
		t.Errorf("only %d names were found", named)
	}
}

// declares reports whether a file has a function, a method, a type or a variable of
// that name.
func declares(t *testing.T, root, file, name string) bool {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		t.Error(err)
		return false
	}
	f, err := parse(path.Dir(file), path.Base(file), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if typ, ok := spec.(*ast.TypeSpec); ok && typ.Name.Name == name {
					return true
				}
				if values, ok := spec.(*ast.ValueSpec); ok && values.Names[0].Name == name {
					return true
				}
			}
		}
	}
	return false
}
