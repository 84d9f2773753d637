package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// The file has the keys of a channel's type beside those of all channels, and the
// decoder wants to know all of them beforehand. A document is the [Config] with
// entries of [[notify]] that have every key of every type.

// documentType returns the type of a document in which channels have these keys.
func documentType(channels []reflect.Type) reflect.Type {
	var entry []reflect.StructField
	for f := range reflect.TypeFor[Notify]().Fields() {
		switch {
		case f.Name == "Keys":
			entry = append(entry, union(channels)...)
		case setting.KeyOf(f) != "":
			entry = append(entry, f)
		}
	}
	var tables []reflect.StructField
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Name == "Notify" {
			f.Type = reflect.SliceOf(reflect.StructOf(entry))
		}
		tables = append(tables, f)
	}
	return reflect.StructOf(tables)
}

// union returns the keys of all types, in an order that each of them has too. The
// types with the most keys of their own are the first; those that were added later
// have what many have, and so they are gone through from the end.
func union(types []reflect.Type) []reflect.StructField {
	var all []reflect.StructField
	for _, t := range slices.Backward(types) {
		before := len(all)
		for _, f := range slices.Backward(setting.Fields(t)) {
			key := setting.KeyOf(f)
			if i := slices.IndexFunc(all, func(known reflect.StructField) bool { return setting.KeyOf(known) == key }); i >= 0 {
				before = i
				continue
			}
			all = slices.Insert(all, before, reflect.StructField{
				// Two types may have called different keys the same.
				Name: strings.ToUpper(key), Type: f.Type, Tag: reflect.StructTag(`toml:"` + key + `,omitempty"`),
			})
		}
	}
	return all
}

func (k Checks) documentType() reflect.Type {
	var channels []reflect.Type
	for _, kind := range k.Channels {
		channels = append(channels, reflect.TypeOf(kind.New()).Elem())
	}
	return documentType(channels)
}

// document returns c as the file has it.
func (c Config) document() reflect.Value {
	var channels []reflect.Type
	for _, n := range c.Notify {
		if n.Keys != nil {
			channels = append(channels, reflect.TypeOf(n.Keys).Elem())
		}
	}
	d := reflect.New(documentType(channels)).Elem()
	copyKeys(d, reflect.ValueOf(c))
	list := d.FieldByName("Notify")
	for _, n := range c.Notify {
		entry := reflect.New(list.Type().Elem()).Elem()
		copyKeys(entry, reflect.ValueOf(n))
		if n.Keys != nil {
			copyKeys(entry, reflect.ValueOf(n.Keys).Elem())
		}
		list.Set(reflect.Append(list, entry))
	}
	return d
}

// fromDocument returns what a document says.
func (k Checks) fromDocument(d reflect.Value) Config {
	var c Config
	copyKeys(reflect.ValueOf(&c).Elem(), d)
	list := d.FieldByName("Notify")
	for i := range list.Len() {
		var n Notify
		copyKeys(reflect.ValueOf(&n).Elem(), list.Index(i))
		if kind, ok := k.kind(n.Type); ok {
			n.Keys = kind.New()
			own := reflect.ValueOf(n.Keys).Elem()
			copyKeys(own, list.Index(i))
			known := slices.Concat(keysOf(reflect.TypeFor[Notify]()), keysOf(own.Type()))
			n.strange = slices.DeleteFunc(setting.Given(list.Index(i).Interface()), func(key string) bool {
				return slices.Contains(known, key)
			})
		}
		c.Notify = append(c.Notify, n)
	}
	return c
}

// copyKeys sets the keys of a table that another has too, with the same type.
func copyKeys(to, from reflect.Value) {
	values := make(map[string]reflect.Value)
	for _, f := range setting.Fields(from.Type()) {
		values[setting.KeyOf(f)] = from.FieldByIndex(f.Index)
	}
	for _, f := range setting.Fields(to.Type()) {
		if v, ok := values[setting.KeyOf(f)]; ok && v.Type() == f.Type {
			to.FieldByIndex(f.Index).Set(v)
		}
	}
}
