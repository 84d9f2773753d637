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

// Marshal is json.Marshal with the secrets revealed. A pointer is written as what it
// points to, and saves a copy.
func (Seal) Marshal(v any) ([]byte, error) {
	from := reflect.ValueOf(v)
	if from.Kind() != reflect.Pointer || from.IsNil() {
		at := reflect.New(from.Type())
		at.Elem().Set(from)
		from = at
	}
	return json.Marshal(plain(from))
}

// Unmarshal is json.Unmarshal for what Marshal wrote. v is a pointer.
func (Seal) Unmarshal(data []byte, v any) error {
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("secret: %T is no pointer to read into", v)
	}
	return json.Unmarshal(data, plain(to))
}

// plain returns the same memory as what has text in the place of its secrets, so that
// nothing is copied: a [String] lies in memory as the text in it does.
func plain(pointer reflect.Value) any {
	return reflect.NewAt(plainType(pointer.Type().Elem()), pointer.UnsafePointer()).Interface()
}

var (
	stringType = reflect.TypeFor[String]()
	plainTypes sync.Map // reflect.Type → reflect.Type
)

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
	return sameLayout(t, reflect.StructOf(fields))
}

// sameLayout returns the second of two structs, which must lie in memory as the first
// does.
func sameLayout(t, plain reflect.Type) reflect.Type {
	same := plain.Size() == t.Size() && plain.Align() == t.Align()
	for i := range t.NumField() {
		same = same && plain.Field(i).Offset == t.Field(i).Offset && plain.Field(i).Type.Size() == t.Field(i).Type.Size()
	}
	if !same {
		panic("secret: " + t.String() + " and its plain form differ in memory")
	}
	return plain
}
