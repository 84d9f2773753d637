package setting

import (
	"iter"
	"reflect"
	"slices"
	"strings"
)

// KeyOf returns the key of a field, "" if it has none.
func KeyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return key
}

// Fields returns the fields of a table that have keys, those of embedded structs
// in their places.
func Fields(table reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(table), func(f reflect.StructField) bool {
		return f.Anonymous || KeyOf(f) == ""
	})
}

func fieldsOf(table reflect.Value) iter.Seq2[reflect.StructField, reflect.Value] {
	return func(yield func(reflect.StructField, reflect.Value) bool) {
		for _, f := range Fields(table.Type()) {
			if !yield(f, table.FieldByIndex(f.Index)) {
				return
			}
		}
	}
}

// Given returns the keys of a table that say something, in their order.
func Given(table any) []string {
	var keys []string
	for f, v := range fieldsOf(reflect.Indirect(reflect.ValueOf(table))) {
		if !Empty(v) {
			keys = append(keys, KeyOf(f))
		}
	}
	return keys
}

// Empty reports whether a value says nothing: a key that has it may as well be
// left out.
func Empty(v reflect.Value) bool {
	if kind := v.Kind(); kind == reflect.Slice || kind == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// Paths returns the keys of a table that name files with secrets, and where the
// table has their paths. Their keys end in _file, which is how people tell them.
func Paths(table any) iter.Seq2[string, *string] {
	return func(yield func(string, *string) bool) {
		for f, v := range fieldsOf(reflect.ValueOf(table).Elem()) {
			if key := KeyOf(f); strings.HasSuffix(key, "_file") && !yield(key, v.Addr().Interface().(*string)) {
				return
			}
		}
	}
}
