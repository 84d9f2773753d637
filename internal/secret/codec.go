package secret

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
)

// Seal is where secrets become text on their way to a sealed place, and out of
// it again: Marshal writes them in the clear, Unmarshal reads them. Its result is
// for encryption and for nothing else.
//
// It handles structs, slices and pointers of them with a [String] in any depth;
// other values are written as encoding/json writes them.
type Seal struct{}

// Marshal is json.Marshal with the secrets revealed.
func (Seal) Marshal(v any) ([]byte, error) {
	from := reflect.ValueOf(v)
	to := reflect.New(plainType(from.Type())).Elem()
	reveal(to, from)
	return json.Marshal(to.Interface())
}

// Unmarshal is json.Unmarshal for what Marshal wrote. v is a pointer.
func (Seal) Unmarshal(data []byte, v any) error {
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("secret: %T is no pointer to read into", v)
	}
	from := reflect.New(plainType(to.Type().Elem()))
	if err := json.Unmarshal(data, from.Interface()); err != nil {
		return err
	}
	hide(to.Elem(), from.Elem())
	return nil
}

var (
	stringType = reflect.TypeFor[String]()
	plainTypes sync.Map // reflect.Type → reflect.Type
	fields     sync.Map // reflect.Type → []int
)

// written are the fields of a struct that are a part of the document.
func written(t reflect.Type) []int {
	if known, ok := fields.Load(t); ok {
		return known.([]int)
	}
	var list []int
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("json") != "-" {
			list = append(list, i)
		}
	}
	fields.Store(t, list)
	return list
}

// plainType is a type with text in the place of each [String]. A type that holds
// none is itself.
func plainType(t reflect.Type) reflect.Type {
	if t == stringType {
		return reflect.TypeFor[string]()
	}
	if known, ok := plainTypes.Load(t); ok {
		return known.(reflect.Type)
	}
	plain := t
	switch t.Kind() {
	case reflect.Slice:
		if e := plainType(t.Elem()); e != t.Elem() {
			plain = reflect.SliceOf(e)
		}
	case reflect.Pointer:
		if e := plainType(t.Elem()); e != t.Elem() {
			plain = reflect.PointerTo(e)
		}
	case reflect.Struct:
		plain = plainStruct(t)
	}
	plainTypes.Store(t, plain)
	return plain
}

func plainStruct(t reflect.Type) reflect.Type {
	fields, changed := make([]reflect.StructField, 0, t.NumField()), false
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			return t // it writes itself, as time.Time does
		}
		p := plainType(f.Type)
		changed = changed || p != f.Type
		// What is embedded is a part of the document, as in encoding/json. A type with
		// methods of its own cannot be embedded here.
		embedded := f.Anonymous && reflect.PointerTo(p).NumMethod() == 0
		fields = append(fields, reflect.StructField{Name: f.Name, Type: p, Tag: f.Tag, Anonymous: embedded})
	}
	if !changed {
		return t
	}
	return reflect.StructOf(fields)
}

func reveal(to, from reflect.Value) {
	walk(to, from, func(to, from reflect.Value) { to.SetString(from.Interface().(String).Reveal()) })
}

func hide(to, from reflect.Value) {
	walk(to, from, func(to, from reflect.Value) { to.Set(reflect.ValueOf(New(from.String()))) })
}

// walk copies a value into one of the type's other form, secrets by leaf.
func walk(to, from reflect.Value, leaf func(to, from reflect.Value)) {
	switch {
	case to.Type() == from.Type():
		to.Set(from)
	case to.Type() == stringType || from.Type() == stringType:
		leaf(to, from)
	case from.Kind() == reflect.Struct:
		for _, i := range written(from.Type()) {
			walk(to.Field(i), from.Field(i), leaf)
		}
	case from.IsNil():
	case from.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		walk(to.Elem(), from.Elem(), leaf)
	case from.Kind() == reflect.Slice:
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			walk(to.Index(i), from.Index(i), leaf)
		}
	}
}
