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

// The arguments that are texts for people, by the name of the function that takes
// them; last and every stand for those whose number differs.
const (
	last  = -1
	every = -2
)

var printing = map[string][]int{
	"Say": {0}, "Working": {0}, "Print": {0}, "Warn": {0}, "remark": {1}, "Text": {0}, "Told": {0}, "Format": {0}, "Heads": {every},
	"Fail": {1, 2}, "FailWith": {2}, "Exit": {1}, "Confirm": {2}, "ask": {1}, "choose": {1}, "confirm": {1}, "secret": {1}, "note": {0},
	"Group": {1, 2}, "One": {0}, "New": {0}, "Errorf": {0},
	"say": {0}, "told": {0}, "untold": {0}, "act": {0}, "good": {0}, "bad": {0}, "headline": {0},
	"Var": {last}, "BoolVar": {last}, "StringVar": {last}, "IntVar": {last}, "DurationVar": {last}, "StringSliceVar": {last},
	"VarP": {last}, "BoolVarP": {last}, "StringVarP": {last}, "IntVarP": {last}, "DurationVarP": {last},
}

// fields are those of structs that hold texts for people.
var fields = []string{"Short", "Long", "Example", "Hint", "short", "done", "note"}

// found is a text of the source.
type found struct{ text, at string }

// source is what was read of some directories.
type source struct {
	t     *testing.T
	files *token.FileSet
	// strict tells of texts that cannot be looked up.
	strict bool
	// printed are the texts that people read, literals all there are.
	printed  []found
	literals map[string]bool
	// named are the texts of a file's constants and variables.
	named map[string][]string
}

func read(t *testing.T, strict bool, dirs ...string) *source {
	t.Helper()
	s := &source{t: t, strict: strict, files: token.NewFileSet(), literals: map[string]bool{}}
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join("..", "..", "..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "chinese" {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(s.files, path, nil, 0)
			if err == nil {
				s.file(file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *source) file(file *ast.File) {
	s.named = map[string][]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, value := range n.Values {
				s.name(n.Names[min(i, len(n.Names)-1)], value)
			}
		case *ast.AssignStmt:
			for i, value := range n.Rhs {
				s.name(n.Lhs[i], value)
			}
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				s.literals[unquoted(n)] = true
			}
		case *ast.BinaryExpr:
			if text, ok := literal(n); ok {
				s.literals[text] = true
			}
		case *ast.CallExpr:
			s.call(n)
		case *ast.CompositeLit:
			s.composite(n)
		}
		return true
	})
}

func (s *source) name(left, right ast.Expr) {
	name, ok := left.(*ast.Ident)
	if text, plain := literal(right); ok && plain {
		s.named[name.Name] = append(s.named[name.Name], text)
	}
}

func (s *source) call(call *ast.CallExpr) {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "lazyregexp" {
			return // nobody reads an expression
		}
		name = f.Sel.Name
	}
	for _, i := range printing[name] {
		switch {
		case i == every:
			for _, arg := range call.Args {
				s.print(arg)
			}
		case i == last && len(call.Args) > 0:
			s.print(call.Args[len(call.Args)-1])
		case i >= 0 && i < len(call.Args):
			s.print(call.Args[i])
		}
	}
}

// composite looks for fields with texts, by their names, and by their places where
// entries of a list have no names.
func (s *source) composite(c *ast.CompositeLit) {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && slices.Contains(fields, key.Name) {
				s.print(kv.Value)
			}
		}
	}
	array, ok := c.Type.(*ast.ArrayType)
	if !ok {
		return
	}
	places := map[int]bool{}
	switch elt := array.Elt.(type) {
	case *ast.StructType:
		i := 0
		for _, field := range elt.Fields.List {
			for _, name := range field.Names {
				places[i] = slices.Contains(fields, name.Name)
				i++
			}
		}
	case *ast.SelectorExpr:
		places[2] = elt.Sel.Name == "Known"
	}
	for _, e := range c.Elts {
		entry, ok := e.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for i, value := range entry.Elts {
			if places[i] {
				s.print(value)
			}
		}
	}
}

// print notes the texts of an expression that people read.
func (s *source) print(e ast.Expr) {
	at := s.files.Position(e.Pos()).String()
	if text, ok := literal(e); ok {
		s.printed = append(s.printed, found{text, at})
		return
	}
	switch e := e.(type) {
	case *ast.Ident:
		for _, text := range s.named[e.Name] {
			s.printed = append(s.printed, found{text, at})
		}
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			s.print(e.Args[0])
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD && s.strict {
			s.t.Errorf("%s: a text is put together with +, and cannot be looked up: make it a format", at)
		}
	}
}

// literal is the text of an expression that is one.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return unquoted(e), e.Kind == token.STRING
	case *ast.ParenExpr:
		return literal(e.X)
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, also := literal(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}

func unquoted(l *ast.BasicLit) string {
	text, _ := strconv.Unquote(l.Value)
	return text
}

var letters = regexp.MustCompile(`[A-Za-z]{2}`)

// speaks reports whether there are words in a text.
func speaks(text string) bool {
	return !strings.HasPrefix(text, "/") && letters.MatchString(verb().ReplaceAllString(text, ""))
}
