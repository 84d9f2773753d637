// Package reference makes the reference of the configuration, as a page of docs/
// and as the manual's bilikeeper.toml(5), from the example that the program itself
// writes with config init. That example is the one place where a key is described.
//
// What a key means may not be said here, and nothing of the example is left out.
package reference

import (
	"strings"
)

// section is a table of the configuration, or one entry of a list of tables, with
// what the example says about it.
type section struct {
	// Name is as the file has it, "[check]" or "[[output]]"; "" stands before the
	// first table.
	Name string
	Text string
	Keys []key
}

// key is what is said about one key. Where several share a text, the first has it.
type key struct{ Name, Value, Text string }

// list reports whether there can be several of a section.
func (s section) list() bool { return strings.HasPrefix(s.Name, "[[") }

// parse reads the example: a text in comments belongs to the table or key that
// follows it, and a comment without a blank is a key, or a table, that is not set.
func parse(example []byte) []section {
	sections := []section{{}}
	var text []string
	take := func() string {
		taken := strings.Join(text, " ")
		text = nil
		return taken
	}
	for line := range strings.Lines(string(example)) {
		line = strings.TrimRight(line, "\n")
		comment, ok := strings.CutPrefix(line, "# ")
		code := strings.TrimPrefix(line, "#")
		name, value, assigned := strings.Cut(code, " = ")
		switch current := &sections[len(sections)-1]; {
		case ok:
			text = append(text, comment)
		case strings.HasPrefix(code, "["):
			sections = append(sections, section{Name: code, Text: take()})
		case assigned:
			current.Keys = append(current.Keys, key{Name: name, Value: value, Text: take()})
		case len(text) > 0:
			// A text that stands by itself introduces what follows it.
			sections = append(sections, section{Text: take()})
		}
	}
	return sections
}
