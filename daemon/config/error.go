package config

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with a configuration.
type Error struct {
	// File is the file's name as it was given.
	File     string
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	// Line and Column count from 1; 0 where there is no place in the file.
	Line   int
	Column int
	// Key is the offending key, "notify[0].url" for example, or "" where the
	// file is no TOML.
	Key string
	// What is wrong, and Hint the mend.
	What string
	Hint string
}

// Error prints the problems, one a line, each with the file and its place.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.in(e.File)
	}
	return strings.Join(lines, "\n")
}

func (p Problem) in(file string) string {
	var b strings.Builder
	b.WriteString(file)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	b.WriteString(p.String())
	return b.String()
}

// String returns the problem without the file and its place.
func (p Problem) String() string {
	text := p.What
	if p.Key != "" {
		text = p.Key + ": " + text
	}
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}
