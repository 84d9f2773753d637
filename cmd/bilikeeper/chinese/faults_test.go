package chinese

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentence is English that was left: a format that fits too much keeps what it
// does not know.
var sentence = regexp.MustCompile(`[a-z]+ [a-z]+ [a-z]+`)

// ours is a command line of this program.
var ours = regexp.MustCompile(`bilikeeper( [a-z-]+)+`)

// madeUp are texts of which too much is put together to make a sample.
var madeUp = []string{"x x: there are x", "x, only x, x", "template: x"}

// TestFaults: what can be wrong with a configuration and what the keeper answers
// is said in Chinese, too, whoever says it.
func TestFaults(t *testing.T) {
	files, found := token.NewFileSet(), 0
	for _, dir := range []string{
		"daemon/config", "daemon/catalog", "daemon/output", "daemon/schedule", "daemon/input", "internal/setting", "notify",
		"daemon/account", "daemon/keeper", "daemon/lifecycle", "daemon/alert", "daemon/store", "daemon/control/page.go", "daemon/control/pool.go",
	} {
		err := filepath.WalkDir(filepath.Join("..", "..", "..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "notifytest") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				for _, e := range faultTexts(n) {
					text, ok := sample(e)
					// What a request of one's own is told is for programmers.
					if !ok || !speaks(text) || strings.HasPrefix(text, "the parameter ") || slices.Contains(madeUp, text) {
						continue
					}
					found++
					if told := Formed(text); told == text || sentence.MatchString(ours.ReplaceAllString(told, "")) {
						t.Errorf("%s: no Chinese for %q", files.Position(e.Pos()), text)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 150 {
		t.Errorf("only %d texts were found", found)
	}
}

// faultTexts are the parts of a fault, where a node makes one.
func faultTexts(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			switch {
			case f.Sel.Name == "Add" && len(n.Args) == 3:
				return n.Args[1:]
			case (f.Sel.Name == "wrong" || f.Sel.Name == "kind") && len(n.Args) > 3:
				return n.Args[len(n.Args)-2:]
			default:
				return answered(f.Sel.Name, n.Args)
			}
		case *ast.Ident:
			switch {
			case f.Name == "fileFault":
				return n.Args
			case f.Name == "append" && named(n.Args[0], "w"): // the configuration's warnings
				return n.Args[1:]
			}
			return answered(f.Name, n.Args)
		}
	case *ast.AssignStmt:
		if f, ok := n.Lhs[0].(*ast.SelectorExpr); ok && (f.Sel.Name == "Hint" || f.Sel.Name == "Detail" || f.Sel.Name == "Title") {
			return n.Rhs
		}
	case *ast.ValueSpec:
		if strings.HasPrefix(n.Names[0].Name, "hint") {
			return n.Values
		}
	case *ast.CompositeLit:
		if !named(n.Type, "Fault") && !named(n.Type, "Error") && !named(n.Type, "Problem") {
			return nil
		}
		var list []ast.Expr
		for _, e := range n.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			switch {
			case !ok:
				list = append(list, e)
			case named(kv.Key, "What"), named(kv.Key, "Hint"), named(kv.Key, "Title"), named(kv.Key, "Detail"):
				list = append(list, kv.Value)
			}
		}
		return list
	}
	return nil
}

// answered is what a function puts into an answer of the keeper.
func answered(name string, args []ast.Expr) []ast.Expr {
	at, ok := map[string]int{"BadRequest": 0, "badRequest": 0, "notFound": 0, "NeedsLogin": 1, "endLogin": 1}[name]
	if !ok || at >= len(args) {
		return nil
	}
	text, ok := sample(args[at])
	if !ok {
		return nil
	}
	return []ast.Expr{&ast.BasicLit{ValuePos: args[at].Pos(), Kind: token.STRING, Value: strconv.Quote(verb().ReplaceAllString(text, "x"))}}
}

// named reports whether an expression is a name, in this package or in another.
func named(e ast.Expr, name string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == name
	case *ast.SelectorExpr:
		return e.Sel.Name == name
	}
	return false
}

// sample is a text as it may come out of an expression, with something in the
// place of each value.
func sample(e ast.Expr) (string, bool) {
	if text, ok := literal(e); ok {
		return text, true
	}
	switch e := e.(type) {
	case *ast.CallExpr:
		if named(e.Fun, "Sprintf") {
			format, ok := sample(e.Args[0])
			return verb().ReplaceAllStringFunc(format, func(v string) string {
				if v == "%d" {
					return "7"
				}
				return "x"
			}), ok
		}
	case *ast.BinaryExpr:
		left, ok := sample(e.X)
		if !ok {
			left = "x"
		}
		right, also := sample(e.Y)
		if !also {
			right = "x"
		}
		return left + right, ok || also
	}
	return "", false
}
