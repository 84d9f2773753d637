package config

import (
	"reflect"
	"slices"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// Changes returns the keys whose values differ between c and next, in the
// order of the alphabet. An entry of a list of tables is named as a whole, by
// its name: "notify.phone".
func (c Config) Changes(next Config) []string {
	keys := changes(reflect.ValueOf(c.whole()), reflect.ValueOf(next.whole()), "")
	slices.Sort(keys)
	return slices.Compact(keys)
}

func changes(a, b reflect.Value, path string) []string {
	var keys []string
	for f := range a.Type().Fields() {
		key := setting.Join(path, setting.KeyOf(f))
		was, is := a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)
		switch {
		case reflect.DeepEqual(was.Interface(), is.Interface()):
		case f.Type.Kind() == reflect.Slice && was.Len() == 0 && is.Len() == 0: // nil or not
		case f.Type.Kind() == reflect.Struct && !textual(f.Type):
			keys = append(keys, changes(was, is, key)...)
		case f.Type.Kind() == reflect.Slice && named(f.Type.Elem()):
			keys = append(keys, entryChanges(was, is, key)...)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

func entryChanges(a, b reflect.Value, path string) []string {
	was, is := entriesByName(a), entriesByName(b)
	var keys []string
	for name, entry := range was {
		if other, ok := is[name]; !ok || !reflect.DeepEqual(entry, other) {
			keys = append(keys, setting.Join(path, name))
		}
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			keys = append(keys, setting.Join(path, name))
		}
	}
	return keys
}

func entriesByName(list reflect.Value) map[string]any {
	entries := make(map[string]any, list.Len())
	for i := range list.Len() {
		entries[list.Index(i).FieldByName("Name").String()] = list.Index(i).Interface()
	}
	return entries
}

func named(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	_, ok := t.FieldByName("Name")
	return ok
}
