// Package openapi writes an OpenAPI 3.1 document of an HTTP API: operations as
// they are handed in, and JSON schemas derived from Go types as encoding/json
// writes them.
//
// Which routes there are, and what each takes and answers, is the matter of the
// package that serves them. Nothing of the keeper comes in.
//
// Guarantees: a schema says of a type what encoding/json does with it; a type
// that JSON cannot carry is an error and no gap.
package openapi
