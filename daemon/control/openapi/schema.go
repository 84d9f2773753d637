package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Schema is a JSON Schema of draft 2020-12, as far as answers need it.
type Schema struct {
	Ref        string             `json:"$ref,omitempty"`
	Type       Types              `json:"type,omitempty"`
	Format     string             `json:"format,omitempty"`
	Encoding   string             `json:"contentEncoding,omitempty"`
	Enum       []string           `json:"enum,omitempty"`
	Minimum    *int               `json:"minimum,omitempty"`
	Maximum    *int               `json:"maximum,omitempty"`
	Properties map[string]*Schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	// Additional is the schema of the fields that Properties does not name, or
	// false where there may be none.
	Additional any       `json:"additionalProperties,omitempty"`
	Items      *Schema   `json:"items,omitempty"`
	AnyOf      []*Schema `json:"anyOf,omitempty"`
}

// Types are the JSON types that a value may have. One is written as a word.
type Types []string

// MarshalJSON implements [json.Marshaler].
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// Of is the schema of a plain JSON type, "string" for example.
func Of(kind string) *Schema { return &Schema{Type: Types{kind}} }

// schema derives the schema of a type. Named structs become components.
func (d *Document) schema(t reflect.Type, request bool) *Schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &Schema{Type: Types{"string"}, Format: "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return &Schema{}
	case reflect.TypeFor[[]byte]():
		return &Schema{Type: Types{"string"}, Encoding: "base64"}
	}
	zero := 0
	switch t.Kind() {
	case reflect.String:
		return Of("string")
	case reflect.Bool:
		return Of("boolean")
	case reflect.Int, reflect.Int32, reflect.Int64:
		return Of("integer")
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: Types{"integer"}, Minimum: &zero}
	case reflect.Float64:
		return Of("number")
	case reflect.Pointer:
		return orNull(d.schema(t.Elem(), request))
	case reflect.Slice:
		return &Schema{Type: Types{"array"}, Items: d.schema(t.Elem(), request)}
	case reflect.Map:
		return &Schema{Type: Types{"object"}, Additional: d.schema(t.Elem(), request)}
	case reflect.Struct:
		if t.Name() == "" {
			s := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}, Additional: !request}
			d.fields(s, t, request)
			return s
		}
		return d.component(t, request)
	}
	if d.err == nil {
		d.err = fmt.Errorf("the type %s has no schema", t)
	}
	return &Schema{}
}

// orNull is a schema of a value that may be null.
func orNull(s *Schema) *Schema {
	if s.Ref != "" || len(s.AnyOf) > 0 {
		return &Schema{AnyOf: []*Schema{s, Of("null")}}
	}
	s.Type = append(s.Type, "null")
	return s
}

// component names a struct's schema and refers to it.
func (d *Document) component(t reflect.Type, request bool) *Schema {
	if _, known := d.Components.Schemas[t.Name()]; !known {
		s := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}}
		d.Components.Schemas[t.Name()] = s // first, for types that hold themselves
		if request {
			s.Additional = false
		}
		d.fields(s, t, request)
	}
	return &Schema{Ref: "#/components/schemas/" + t.Name()}
}

func (d *Document) fields(s *Schema, t reflect.Type, request bool) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			d.fields(s, f.Type, request)
			continue
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		property := d.schema(f.Type, request)
		if words := d.words[t.Name()+"."+name]; words != nil {
			property.Enum = words
		}
		s.Properties[name] = property
		if !request && !strings.Contains(options, "omit") {
			s.Required = append(s.Required, name)
		}
	}
}
