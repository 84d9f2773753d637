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
	"os/exec"
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
	maxMethods     = 25 // of a type
	maxFiles       = 20 // of a package, tests aside
	maxDaemonLines = 900
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
	if from == "daemon" && to == "daemon" {
		return checkFloor(f, spec, own)
	}
	// A program under packaging describes or builds what all rooms make together, and
	// bench measures it; nothing can import them.
	if (from == "packaging" || from == "bench") && f.ast.Name.Name == "main" {
		return nil
	}
	if from == to || rank(from) > rank(to) {
		return nil
	}
	if rank(from) == rank(to) {
		return []string{f.breach(spec.Pos(), "%s and %s do not know each other", from, to)}
	}
	return []string{f.breach(spec.Pos(), "imports go cmd, daemon, {passport, vault, notify}, internal; %s does not import %s", from, to)}
}

// floors are the rooms inside daemon from the top down: each imports those
// below it. doctor and agent work from outside, as other programs do.
func floors() [][]string {
	return [][]string{
		{"daemon"},
		{"daemon/parts"},
		{"daemon/control", "daemon/page", "daemon/metrics", "daemon/heartbeat"},
		{"daemon/health", "daemon/listener"},
		{"daemon/alert", "daemon/output", "daemon/upkeep"},
		{"daemon/handover"},
		{"daemon/keeper"},
		{"daemon/account"},
		{"daemon/loginqueue", "daemon/audit", "daemon/signin", "daemon/cluster"},
		{"daemon/store"},
		{"daemon/lifecycle", "daemon/schedule"},
		{"daemon/socket", "daemon/catalog"},
		{"daemon/input", "daemon/config"},
		{"daemon/client"},
	}
}

// outside are the rooms of daemon that use it through its client, and what
// they may import of it.
func outside() map[string][]string {
	return map[string][]string{
		"daemon/doctor": {"daemon/client", "daemon/config", "daemon/catalog"},
		"daemon/agent":  {"daemon/client", "daemon/config", "daemon/catalog"},
		"daemon/e2e":    nil,
	}
}

// within names the room that a folder belongs to: daemon/output/engine is a
// part of daemon/output.
func within(dir string) string {
	parts := strings.Split(dir, "/")
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

// floor is how far down a room of daemon lies, -1 where it has no place.
func floor(room string) int {
	return slices.IndexFunc(floors(), func(rooms []string) bool { return slices.Contains(rooms, room) })
}

// checkFloor keeps imports inside daemon to one direction. Tests may look
// upwards from an outer test package only, which the compiler sees to.
func checkFloor(f file, spec *ast.ImportSpec, own string) []string {
	from, to := within(f.dir), within(own)
	if from == to || f.test() {
		return nil
	}
	if allowed, ok := outside()[from]; ok {
		if slices.Contains(allowed, to) {
			return nil
		}
		return []string{f.breach(spec.Pos(), "%s works from outside and does not import %s", from, to)}
	}
	switch above, below := floor(from), floor(to); {
	case above < 0:
		return []string{f.breach(f.ast.Package, "%s has no place in the order of daemon's rooms", from)}
	case below < 0:
		return []string{f.breach(spec.Pos(), "nothing imports %s: it has no place in the order of daemon's rooms", to)}
	case above < below:
		return nil
	}
	return []string{f.breach(spec.Pos(), "imports inside daemon go downwards; %s does not import %s", from, to)}
}

// exceptions are the types and packages that are larger than the rules allow,
// each with its reason.
func exceptions() map[string]string {
	return map[string]string{
		"daemon/client Client": "one method for each route of the API: other programs look for them in one place",

		"daemon/input collector":      "a method for each format that is read",
		"daemon/lifecycle transition": "a method for each step that several inputs have in common",
	}
}

// declared is a type or an interface and the names of its methods.
type declared struct {
	at      file
	pos     token.Pos
	methods []string
}

// methodsOf collects the methods of all types outside tests, by "dir Type".
func methodsOf(files []file) map[string]declared {
	types := map[string]declared{}
	for _, f := range files {
		if f.test() {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || len(fn.Recv.List) == 0 {
				continue
			}
			key := f.dir + " " + receiver(fn.Recv.List[0].Type)
			t := types[key]
			if t.methods == nil {
				t.at, t.pos = f, fn.Pos()
			}
			t.methods = append(t.methods, signature(fn.Name.Name, fn.Type))
			types[key] = t
		}
	}
	return types
}

// signature is a method's name with how many values it takes and returns.
func signature(name string, f *ast.FuncType) string {
	return fmt.Sprintf("%s %d %d", name, f.Params.NumFields(), f.Results.NumFields())
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// checkTypes wants types that can be taken in at a glance.
func checkTypes(files []file) []string {
	var out []string
	types := methodsOf(files)
	for _, key := range slices.Sorted(maps.Keys(types)) {
		if t := types[key]; len(t.methods) > maxMethods && exceptions()[key] == "" {
			out = append(out, t.at.breach(t.pos, "%s has %d methods, at most %d", key, len(t.methods), maxMethods))
		}
	}
	return out
}

// checkInterfaces wants a second implementation of each interface: where there
// is one, the concrete type says more. An implementation is a type outside of tests
// that has all its methods, by name and by how many values each takes and returns; a
// function type with a method is one too. Interfaces for types from elsewhere stand in
// foreign.
func checkInterfaces(files []file) []string {
	var out []string
	byType := map[string]map[string]bool{}
	for key, t := range methodsOf(files) {
		byType[key] = map[string]bool{}
		for _, m := range t.methods {
			byType[key][m] = true
		}
	}
	for _, f := range files {
		if f.test() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			t, ok := spec.Type.(*ast.InterfaceType)
			if !ok || foreign()[f.dir+" "+spec.Name.Name] != "" {
				return true
			}
			var names []string
			for _, field := range t.Methods.List {
				for _, name := range field.Names {
					names = append(names, signature(name.Name, field.Type.(*ast.FuncType)))
				}
			}
			if len(names) == 0 {
				return true
			}
			n1 := 0
			for _, has := range byType {
				if !slices.ContainsFunc(names, func(name string) bool { return !has[name] }) {
					n1++
				}
			}
			if n1 < 2 {
				out = append(out, f.breach(spec.Pos(), "the interface %s has %d implementations; an interface has a second one", spec.Name.Name, n1))
			}
			return true
		})
	}
	return out
}

// foreign are the interfaces without a second implementation among the types of this
// module, each with who implements it, or with what is to become of it.
func foreign() map[string]string {
	return map[string]string{
		"vault Vault": "vault.File and vault/etcd.Vault, each with some of its methods from what it embeds",
	}
}

// checkSizes wants packages that can be taken in at a glance, and daemon itself
// to be the wiring alone.
func checkSizes(files []file) []string {
	count, first, lines := map[string]int{}, map[string]file{}, 0
	for _, f := range files {
		if f.test() {
			continue
		}
		if count[f.dir]++; count[f.dir] == 1 {
			first[f.dir] = f
		}
		if f.dir == "daemon" {
			lines += f.lines
		}
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(count)) {
		if count[dir] > maxFiles && exceptions()[dir] == "" {
			out = append(out, first[dir].breach(first[dir].ast.Package, "%s has %d files, at most %d", dir, count[dir], maxFiles))
		}
	}
	if lines > maxDaemonLines {
		out = append(out, first["daemon"].breach(first["daemon"].ast.Package, "daemon is the wiring alone: it has %d lines, at most %d", lines, maxDaemonLines))
	}
	return out
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
	for _, breach := range slices.Concat(checkDocs(files), checkTypes(files), checkInterfaces(files), checkSizes(files), checkLinked(module, files)) {
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

// wide is n methods of a type a.
func wide(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "func (a) m%d() {}\n", i)
	}
	return b.String()
}

func TestSizes(t *testing.T) {
	of := func(dir string, n int, src string) (files []file) {
		for i := range n {
			f, err := parse(dir, fmt.Sprintf("f%d.go", i), []byte("package x\n"+src))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		return files
	}
	for _, tt := range []struct {
		name, want string
		files      []file
	}{
		{"full package", "", of("vault", maxFiles, "")},
		{"crowded package", "vault has 21 files", of("vault", maxFiles+1, "")},
		{"wiring", "", of("daemon", 1, strings.Repeat("\n", maxDaemonLines-2))},
		{"more than wiring", "daemon is the wiring alone", of("daemon", 2, strings.Repeat("\n", maxDaemonLines/2))},
	} {
		if got := strings.Join(checkSizes(tt.files), "\n"); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The rules themselves, on made-up files.
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
		{"a program of packaging", "packaging/x/a.go", doc + "package main\n\nimport \"m/cmd/x\"\n", ""},
		{"a package of packaging", "packaging/x/a.go", imports("m/cmd/x"), "packaging does not import cmd"},
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
		{"down inside daemon", "daemon/keeper/a.go", imports("m/daemon/account"), ""},
		{"down into a part", "daemon/control/a.go", imports("m/daemon/output/engine"), ""},
		{"up inside daemon", "daemon/account/a.go", imports("m/daemon/keeper"), "daemon/account does not import daemon/keeper"},
		{"up into the wiring", "daemon/keeper/a.go", imports("m/daemon"), "daemon/keeper does not import daemon"},
		{"sideways inside daemon", "daemon/audit/a.go", imports("m/daemon/loginqueue"), "does not import daemon/loginqueue"},
		{"from outside", "daemon/doctor/a.go", imports("m/daemon/client"), ""},
		{"from outside to the inside", "daemon/agent/a.go", imports("m/daemon/keeper"), "works from outside"},
		{"no place", "daemon/other/a.go", imports("m/daemon/client"), "daemon/other has no place"},
		{"one implementation", "vault/a.go", doc + "package x\ntype i interface{ m() }\ntype a struct{}\nfunc (a) m() {}\n", "has 1 implementations"},
		{"another method of that name", "vault/a.go", doc + "package x\ntype i interface{ m() }\ntype a struct{}\nfunc (a) m() {}\ntype b struct{}\nfunc (b) m(int) {}\n", "has 1 implementations"},
		{"two implementations", "vault/a.go", doc + "package x\ntype i interface{ m() }\ntype a struct{}\nfunc (a) m() {}\ntype b struct{}\nfunc (*b) m() {}\n", ""},
		{"wide type", "vault/a.go", doc + "package x\ntype a struct{}\n" + wide(maxMethods+1), "vault a has 26 methods"},
		{"full type", "vault/a.go", doc + "package x\ntype a struct{}\n" + wide(maxMethods), ""},
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
			files := []file{f}
			got := strings.Join(slices.Concat(checkFile("m", f), checkDocs(files), checkTypes(files), checkInterfaces(files)), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Several hosts on etcd are another program's: who does without it does not pay for it,
// in size, memory or the time that a command takes.
func TestWithoutEtcd(t *testing.T) {
	root, module := findModule(t)
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/bilikeeper")
	list.Dir = root
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, module+"/vault") {
		t.Errorf("these are not its packages: %d", len(packages))
	}
	for _, name := range packages {
		if strings.HasPrefix(name, "go.etcd.io/etcd") || strings.HasPrefix(name, "google.golang.org/grpc") || name == module+"/vault/etcd" {
			t.Errorf("bilikeeper links %s", name)
		}
	}
}
