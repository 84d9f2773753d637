package client

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/golden"
)

// fill sets every field to something, so that nothing is left out as empty.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"k":"v"}`)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]int{"text": 7}))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Uint8:
		v.SetUint(7)
	default:
		panic("a wire type with a " + v.Kind().String())
	}
}

// Each name of an event is in the list of them, but for that of a gap, which is in
// streams only.
func TestEventTypesAreListed(t *testing.T) {
	tree, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Event") && spec.Names[0].Name != "EventGap" {
			name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return true
	})
	if !slices.Equal(names, EventTypes()) {
		t.Errorf("declared are\n%q\nand listed are\n%q", names, EventTypes())
	}
}

// The JSON names are a promise. This file changes by additions only.
func TestWireNames(t *testing.T) {
	var out bytes.Buffer
	for _, v := range []any{
		&Account{}, &Next{}, &Status{}, &AccountList{}, &AccountPatch{}, &Daemon{}, &Vault{}, &CheckRequest{}, &CheckResult{},
		&LoginRequest{}, &Login{}, &Event{}, &Channel{}, &ChannelList{}, &ChannelTest{}, &Reloaded{}, &Health{}, &Problem{}, &MessageList{}, &MessageMember{}, &MessageLogin{}, &Output{}, &OutputList{}, &VaultInfo{}, &VaultCheck{}, &VaultSlotRequest{}, &VaultSlotAdded{},
	} {
		empty, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fill(reflect.ValueOf(v).Elem())
		full, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		name := reflect.TypeOf(v).Elem().Name()
		out.WriteString(name + "\nempty: " + string(empty) + "\nfull: " + string(full) + "\n\n")

		again := reflect.New(reflect.TypeOf(v).Elem())
		if err := json.Unmarshal(full, again.Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := json.MarshalIndent(again.Interface(), "", "  ")
		if err != nil || !bytes.Equal(back, full) {
			t.Errorf("%s does not come back the same: %v\n%s", name, err, back)
		}
	}
	golden.Equal(t, "wire.golden", out.Bytes())
}
