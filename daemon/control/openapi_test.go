package control

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// object is JSON as a reader of the document has it.
type object = map[string]any

func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, key := range path {
		o, ok := v.(object)
		if !ok || o[key] == nil {
			t.Fatalf("there is no %s in %v", key, path)
		}
		v = o[key]
	}
	return v
}

func documentOf(t *testing.T, s *Server) object {
	t.Helper()
	w := do(s, socket.Peer{UID: 5001, Known: true}, "GET", "/v1/openapi.json", "")
	var d object
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != 200 {
		t.Fatalf("%d, %v", w.Code, err)
	}
	return d
}

// The document has each route that is served and no other, with the parameters
// that it takes; and each route is described.
func TestDocumentHasTheRoutes(t *testing.T) {
	d := documentOf(t, bare())
	if d["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", d["openapi"])
	}
	var documented, served []string
	for path, methods := range at(t, d, "paths").(object) {
		for method := range methods.(object) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	texts, ids := described(), map[string]bool{}
	for _, rt := range bare().routes() {
		key := rt.method + " " + rt.path
		if texts[key].summary == "" {
			t.Errorf("%s is not described", key)
		}
		delete(texts, key)
		served = append(served, key)
		o := at(t, d, "paths", rt.path, strings.ToLower(rt.method)).(object)
		if id := o["operationId"].(string); ids[id] {
			t.Errorf("%s: the id %s is another's, too", key, id)
		} else {
			ids[id] = true
		}
		var query, inPath []string
		list, _ := o["parameters"].([]any)
		for _, p := range list {
			switch p := p.(object); p["in"] {
			case "query":
				query = append(query, p["name"].(string))
			case "path":
				inPath = append(inPath, "{"+p["name"].(string)+"}")
			}
		}
		if !slices.Equal(query, rt.query) {
			t.Errorf("%s: the parameters are %v, documented are %v", key, rt.query, query)
		}
		for _, name := range inPath {
			if !strings.Contains(rt.path, name) {
				t.Errorf("%s: %s is not in the path", key, name)
			}
		}
		if len(inPath) != strings.Count(rt.path, "{") {
			t.Errorf("%s: the path's parameters are %v", key, inPath)
		}
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented are\n%v\nserved are\n%v", documented, served)
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		t.Errorf("%s is described and no route", key)
	}
}

// problemTypes are the values of the constants Problem… of the client.
func problemTypes(t *testing.T) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), "../client/problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Problem") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, value)
		}
		return true
	})
	return list
}

// Each problem type is some route's, with the status that it is answered with; a
// method that does not fit is nobody's.
func TestDocumentHasTheProblems(t *testing.T) {
	d := documentOf(t, bare())
	found := map[string]bool{client.ProblemMethod: true}
	for path, methods := range at(t, d, "paths").(object) {
		for method, o := range methods.(object) {
			for status, response := range at(t, o, "responses").(object) {
				content, _ := response.(object)["content"].(object)
				problem, ok := content["application/problem+json"]
				if !ok {
					continue
				}
				for _, kind := range at(t, problem, "schema", "properties", "type", "enum").([]any) {
					found[kind.(string)] = true
					if want, _, ok := meaning(kind.(string)); !ok || strconv.Itoa(want) != status {
						t.Errorf("%s %s: %s with status %s", method, path, kind, status)
					}
				}
			}
		}
	}
	if want := problemTypes(t); len(want) < 15 || !slices.Equal(slices.Sorted(maps.Keys(found)), slices.Sorted(slices.Values(want))) {
		t.Errorf("documented are %v, there are %v", slices.Sorted(maps.Keys(found)), want)
	}
}

// What is really answered is what the document says.
func TestAnswersFitTheDocument(t *testing.T) {
	d := documentOf(t, bare())
	for _, rt := range bare().routes() {
		run(t, func(f *fixture) {
			s := f.owned()
			name := rt.method + " " + rt.path
			check := func(target, body string) {
				w := do(s, owner, rt.method, target, body)
				responses := at(t, d, "paths", rt.path, strings.ToLower(rt.method), "responses").(object)
				response, ok := responses[strconv.Itoa(w.Code)]
				if !ok {
					t.Fatalf("%s: the status %d is not documented", name, w.Code)
				}
				kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
				content, _ := response.(object)["content"].(object)
				if kind == "" {
					if len(content) > 0 {
						t.Errorf("%s: no body where %v is documented", name, content)
					}
					return
				}
				media, ok := content[kind]
				if !ok {
					t.Fatalf("%s: %d with %s is not documented", name, w.Code, kind)
				}
				schema, ok := media.(object)["schema"]
				if !ok {
					return
				}
				var v any
				if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
					t.Fatal(name, err)
				}
				for _, fault := range fits(d, schema.(object), v, "answer") {
					t.Error(name, fault)
				}
			}
			target, body := f.address(rt), f.body(rt)
			check(target, body)
			separator := "?"
			if strings.Contains(target, "?") {
				separator = "&"
			}
			check(target+separator+"teapot=1", body)
		})
	}
}

// fits compares a value with a schema, as far as the document uses schemas.
func fits(d, schema object, v any, path string) []string {
	var faults []string
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		faults = append(faults, fits(d, d["components"].(object)["schemas"].(object)[name].(object), v, path)...)
	}
	if list, ok := schema["anyOf"].([]any); ok {
		if !slices.ContainsFunc(list, func(s any) bool { return len(fits(d, s.(object), v, path)) == 0 }) {
			faults = append(faults, path+" is none of those that it may be")
		}
	}
	if kinds := schema["type"]; kinds != nil && !strings.Contains(fmt.Sprint(kinds), kindOf(v)) {
		return append(faults, fmt.Sprintf("%s is a %s and not a %v", path, kindOf(v), kinds))
	}
	if words, ok := schema["enum"].([]any); ok && v != nil && !slices.Contains(words, v) {
		faults = append(faults, fmt.Sprintf("%s is %v and not one of %v", path, v, words))
	}
	switch v := v.(type) {
	case []any:
		if items, ok := schema["items"].(object); ok {
			for i, item := range v {
				faults = append(faults, fits(d, items, item, fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
	case object:
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				faults = append(faults, path+"."+name.(string)+" is missing")
			}
		}
		properties, _ := schema["properties"].(object)
		for name, value := range v {
			property, ok := properties[name].(object)
			if other, more := schema["additionalProperties"].(object); !ok && more {
				property, ok = other, true
			}
			switch {
			case ok:
				faults = append(faults, fits(d, property, value, path+"."+name)...)
			case schema["type"] != nil:
				faults = append(faults, path+"."+name+" is not documented")
			}
		}
	}
	return faults
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "object"
}
