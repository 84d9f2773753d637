package config

import (
	_ "embed"
	"slices"
)

//go:embed example.toml
var example []byte

// Example returns a commented file with every key. What it sets is the
// default; what has none is commented out.
func Example() []byte { return slices.Clone(example) }
