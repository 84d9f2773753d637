package openapi

import (
	"reflect"
	"strconv"
)

// Document is an OpenAPI document. Make one with [New].
type Document struct {
	OpenAPI    string                          `json:"openapi"`
	Info       Info                            `json:"info"`
	Servers    []Server                        `json:"servers"`
	Paths      map[string]map[string]Operation `json:"paths"`
	Components Components                      `json:"components"`
	// words are the values of fields that take a few words only, by
	// "Type.field"; err is the first type that has no schema.
	words map[string][]string
	err   error
}

// Info says what is described.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

// Server is where the API answers.
type Server struct {
	URL         string `json:"url"`
	Description string `json:"description,omitempty"`
}

// Components are the schemas of named types.
type Components struct {
	Schemas map[string]*Schema `json:"schemas"`
}

// Operation is one method of one path.
type Operation struct {
	ID          string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Description string              `json:"description,omitempty"`
	Parameters  []Parameter         `json:"parameters,omitempty"`
	RequestBody *Body               `json:"requestBody,omitempty"`
	Responses   map[string]Response `json:"responses"`
}

// Parameter is part of a path, of a query, or a header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body is what a request brings, by its media type.
type Body struct {
	Required bool             `json:"required,omitempty"`
	Content  map[string]Media `json:"content"`
}

// Response is one answer, by its media type; without content it has no body.
type Response struct {
	Description string           `json:"description"`
	Content     map[string]Media `json:"content,omitempty"`
}

// Media is content of one type.
type Media struct {
	Schema *Schema `json:"schema,omitempty"`
}

// New begins a document. words are the values of fields that take a few words
// only, by "Type.field".
func New(info Info, servers []Server, words map[string][]string) *Document {
	return &Document{
		OpenAPI: "3.1.0", Info: info, Servers: servers, Paths: map[string]map[string]Operation{},
		Components: Components{Schemas: map[string]*Schema{}}, words: words,
	}
}

// Add adds the operation of a method, in small letters, of a path.
func (d *Document) Add(path, method string, o Operation) {
	if d.Paths[path] == nil {
		d.Paths[path] = map[string]Operation{}
	}
	d.Paths[path][method] = o
}

// Err is the first type that has no schema.
func (d *Document) Err() error { return d.err }

// Answer is the content of JSON of a value's type; of several types it is one.
func (d *Document) Answer(values ...any) map[string]Media {
	return map[string]Media{"application/json": {Schema: d.any(values, false)}}
}

// Request is the content of a body of a value's type, or of one of several.
// Fields may be left out, and others than those are refused.
func (d *Document) Request(values ...any) map[string]Media {
	return map[string]Media{"application/json": {Schema: d.any(values, true)}}
}

func (d *Document) any(values []any, request bool) *Schema {
	if len(values) == 1 {
		return d.schema(reflect.TypeOf(values[0]), request)
	}
	s := &Schema{}
	for _, v := range values {
		s.AnyOf = append(s.AnyOf, d.schema(reflect.TypeOf(v), request))
	}
	return s
}

// Status is how a document names an HTTP status.
func Status(code int) string { return strconv.Itoa(code) }
