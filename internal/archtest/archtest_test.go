package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFileLines   = 500
	maxFuncLines   = 80
	maxMethods     = 3
	passporttest   = "passporttest"
	clientPackage  = "daemon/client"
	standardMarker = "."
)

// rank orders the rooms; imports go downwards, or stay inside a room. Rooms
// that are not named here stand beside passport, vault and notify.
func rank(room string) int {
	switch room {
	case "cmd":
		return 4
	case "daemon":
		return 3
	case "internal":
		return 1
	default:
		return 2
	}
}

func vagueNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "misc"}
}

// file is one parsed file. Its dir is relative to the module, with slashes.
type file struct {
	dir, name string
	set       *token.FileSet
	ast       *ast.File
	lines     int
}

func (f file) test() bool   { return strings.HasSuffix(f.name, "_test.go") }
func (f file) room() string { return strings.Split(f.dir, "/")[0] }

func (f file) breach(at token.Pos, rule string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", path.Join(f.dir, f.name), f.set.Position(at).Line, fmt.Sprintf(rule, args...))
}

func parse(dir, name string, src []byte) (file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	return file{dir: dir, name: name, set: set, ast: tree, lines: set.File(tree.FileStart).LineCount()}, nil
}

func checkFile(module string, f file) []string {
	out := checkImports(module, f)
	if slices.Contains(vagueNames(), f.ast.Name.Name) || slices.Contains(vagueNames(), path.Base(f.dir)) {
		out = append(out, f.breach(f.ast.Package, "a package is named for what it is for, not %s", f.ast.Name.Name))
	}
	if f.test() {
		return out
	}
	if f.lines > maxFileLines {
		out = append(out, f.breach(f.ast.Package, "the file has %d lines, at most %d", f.lines, maxFileLines))
	}
	return append(out, checkShape(f)...)
}

func checkImports(module string, f file) []string {
	var out []string
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		own, ours := strings.CutPrefix(name, module+"/")
		switch {
		case strings.HasPrefix(f.dir+"/", clientPackage+"/") && !f.test():
			// Paths of the standard library have no dot in their first part.
			if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, standardMarker) {
				out = append(out, f.breach(spec.Pos(), "%s imports the standard library only, not %s", clientPackage, name))
			}
		case !ours, f.test() && path.Base(own) == passporttest:
		default:
			out = append(out, checkDirection(f, spec, own)...)
		}
	}
	return out
}

func checkDirection(f file, spec *ast.ImportSpec, own string) []string {
	from, to := f.room(), strings.Split(own, "/")[0]
	if from == to || rank(from) > rank(to) {
		return nil
	}
	if rank(from) == rank(to) {
		return []string{f.breach(spec.Pos(), "%s and %s do not know each other", from, to)}
	}
	return []string{f.breach(spec.Pos(), "imports go cmd, daemon, {passport, vault, notify}, internal; %s does not import %s", from, to)}
}

func checkShape(f file) []string {
	logs := importName(f, "log")
	var out []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := f.lineCount(n); lines > maxFuncLines {
				out = append(out, f.breach(n.Pos(), "%s has %d lines, at most %d", n.Name.Name, lines, maxFuncLines))
			}
		case *ast.FuncLit:
			if lines := f.lineCount(n); lines > maxFuncLines {
				out = append(out, f.breach(n.Pos(), "a function has %d lines, at most %d", lines, maxFuncLines))
			}
		case *ast.InterfaceType:
			if methods := methodCount(n); methods > maxMethods {
				out = append(out, f.breach(n.Pos(), "the interface has %d methods, at most %d", methods, maxMethods))
			}
		case *ast.CallExpr:
			if f.room() != "cmd" && endsProgram(n, logs) {
				out = append(out, f.breach(n.Pos(), "only cmd ends the program: defers would not run, and the vault would stay open"))
			}
		}
		return true
	})
	return out
}

func (f file) lineCount(n ast.Node) int {
	return f.set.Position(n.End()).Line - f.set.Position(n.Pos()).Line + 1
}

// methodCount leaves embedded interfaces out: they are counted where they are
// declared.
func methodCount(t *ast.InterfaceType) int {
	n := 0
	for _, field := range t.Methods.List {
		n += len(field.Names)
	}
	return n
}

// importName returns what a file calls a package, "" where it does not import
// it.
func importName(f file, name string) string {
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == name {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(name)
		}
	}
	return ""
}

// endsProgram knows log.Fatal and its kin, and a logger's Fatal() and Panic()
// levels, which take no argument.
func endsProgram(call *ast.CallExpr, logs string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if x, ok := sel.X.(*ast.Ident); ok && logs != "" && x.Name == logs {
		return strings.HasPrefix(sel.Sel.Name, "Fatal") || strings.HasPrefix(sel.Sel.Name, "Panic")
	}
	return len(call.Args) == 0 && (sel.Sel.Name == "Fatal" || sel.Sel.Name == "Panic")
}

// checkDocs wants one file of each package to say what it is for.
func checkDocs(files []file) []string {
	first, said := map[string]file{}, map[string]bool{}
	for _, f := range files {
		if f.test() {
			continue
		}
		if _, ok := first[f.dir]; !ok {
			first[f.dir] = f
		}
		if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
			said[f.dir] = true
		}
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(first)) {
		if !said[dir] {
			out = append(out, first[dir].breach(first[dir].ast.Package, "the package does not say what it is for"))
		}
	}
	return out
}

func TestArchitecture(t *testing.T) {
	root, module := findModule(t)
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // somebody's temporary file
			}
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(dir), d.Name(), src)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, breach := range checkFile(module, f) {
			t.Error(breach)
		}
	}
	for _, breach := range checkDocs(files) {
		t.Error(breach)
	}
}

func findModule(t *testing.T) (root, module string) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			for line := range strings.Lines(string(text)) {
				if name, ok := strings.CutPrefix(line, "module "); ok {
					return dir, strings.TrimSpace(name)
				}
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// The rules themselves, on a house of paper.
func TestRules(t *testing.T) {
	const doc = "// Package x is an example.\n"
	long := strings.Repeat("\n", maxFuncLines)
	imports := func(name string) string { return doc + "package x\nimport _ \"" + name + "\"\n" }
	tests := []struct {
		name, path, src, want string
	}{
		{"downwards", "daemon/a.go", imports("m/vault"), ""},
		{"far downwards", "cmd/x/a.go", imports("m/internal/y"), ""},
		{"inside a room", "daemon/control/a.go", imports("m/daemon/output"), ""},
		{"inside internal", "internal/x/a.go", imports("m/internal/y"), ""},
		{"to the root of the world", "vault/a.go", imports("go.etcd.io/bbolt"), ""},
		{"upwards", "vault/a.go", imports("m/daemon"), "vault/a.go:3: imports go cmd"},
		{"upwards from internal", "internal/x/a.go", imports("m/vault"), "internal does not import vault"},
		{"upwards in a test", "vault/a_test.go", imports("m/daemon"), "vault does not import daemon"},
		{"sideways", "notify/mail/a.go", imports("m/passport"), "notify and passport do not know each other"},
		{"cmd from daemon", "daemon/a.go", imports("m/cmd/x"), "daemon does not import cmd"},
		{"the simulator in a test", "notify/a_test.go", imports("m/passport/passporttest"), ""},
		{"the simulator elsewhere", "notify/a.go", imports("m/passport/passporttest"), "do not know each other"},
		{"client, standard", "daemon/client/a.go", imports("net/http"), ""},
		{"client, foreign", "daemon/client/a.go", imports("github.com/rs/zerolog"), "standard library only"},
		{"client, ours", "daemon/client/a.go", imports("m.example/vault"), "standard library only"},
		{"vague name", "internal/util/a.go", doc + "package util\n", "internal/util/a.go:2: a package is named"},
		{"long file", "vault/a.go", doc + "package x\n" + strings.Repeat("\n", maxFileLines), "at most 500"},
		{"long test", "vault/a_test.go", doc + "package x\n" + strings.Repeat("\n", maxFileLines), ""},
		{"long function", "vault/a.go", doc + "package x\nfunc f() {" + long + "}\n", "vault/a.go:3: f has 81 lines"},
		{"full function", "vault/a.go", doc + "package x\nfunc f() {" + long[1:] + "}\n", ""},
		{"long closure", "vault/a.go", doc + "package x\nvar f = func() {" + long + "}\n", "a function has 81 lines"},
		{"wide interface", "vault/a.go", doc + "package x\ntype i interface{ a(); b(); c(); d() }\n", "has 4 methods"},
		{"embedding", "vault/a.go", doc + "package x\ntype i interface{ j; a(); b(); c() }\n", ""},
		{"log.Fatal", "vault/a.go", doc + "package x\nimport \"log\"\nfunc f() { log.Fatalf(\"x\") }\n", "vault/a.go:4: only cmd"},
		{"log.Panic, renamed", "vault/a.go", doc + "package x\nimport l \"log\"\nfunc f() { l.Panicln() }\n", "only cmd"},
		{"log.Print", "vault/a.go", doc + "package x\nimport \"log\"\nfunc f() { log.Print() }\n", ""},
		{"fatal level", "vault/a.go", doc + "package x\nfunc f() { logger.Fatal().Msg(\"x\") }\n", "only cmd"},
		{"panic level", "vault/a.go", doc + "package x\nfunc f() { logger.Panic().Msg(\"x\") }\n", "only cmd"},
		{"fatal in cmd", "cmd/x/a.go", doc + "package x\nfunc f() { logger.Fatal().Msg(\"x\") }\n", ""},
		{"fatal in a test", "vault/a_test.go", doc + "package x\nfunc f() { t.Fatal() }\n", ""},
		{"no doc", "vault/a.go", "package x\n", "vault/a.go:1: the package does not say"},
		{"a test without doc", "vault/a_test.go", "package x\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := parse(path.Dir(tt.path), path.Base(tt.path), []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(append(checkFile("m", f), checkDocs([]file{f})...), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
