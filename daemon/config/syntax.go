package config

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// syntax is what is wrong with a file that is no TOML.
func (s *shape) syntax(err error) Problem {
	p := Problem{What: "is no TOML: " + err.Error(), Hint: syntaxMend(err.Error(), nil)}
	var bad *unstable.ParserError
	if errors.As(err, &bad) {
		p.Hint = syntaxMend(err.Error(), s.parser.Data()[s.parser.Range(bad.Highlight).Offset:])
		at := s.where(s.parser.Range(bad.Highlight))
		p.Line, p.Column = at.line, at.column
	}
	return p
}

// mends says how what the parser of TOML found is put right, by words of its error.
// The first that is found counts.
func mends() [][2]string {
	return [][2]string{
		{"close table name", "a table's name ends with ], as in [login]"},
		{"close array table name", "the name of one of several tables ends with ]], as in [[notify]]"},
		{"new lines", "the quote that ends the text is missing on this line"},
		{"unterminated", "the quote that ends the text is missing on this line"},
		{"not terminated", "the three quotes that end the text are missing"},
		{"escape", `write each backslash twice, or put the text in single quotes: 'C:\keeper'`},
		{`need a character after \`, `write each backslash twice, or put the text in single quotes: 'C:\keeper'`},
		{"after array value", "a list ends with ], and a comma stands between its items"},
		{"array is incomplete", "a list ends with ], and a comma stands between its items"},
		{"inline table", "a table in a line is { name = value, name = value }"},
		{"expected '=' after key", "write key = value"},
		{"at start of key", "a line is key = value, a [table], or a # comment"},
		{"expected key", "a line is key = value, a [table], or a # comment"},
		{"expected newline", "one key = value in a line; text goes in quotes"},
		{"UTF-8", "save the file as UTF-8"},
		{"carriage return", "save the file with plain line ends"},
		{"control characters", "a character that does not show stands there; remove it"},
		{"leading zeroes", "write the number without the zeroes before it, or as a text in quotes"},
		{"expected keyword", "write true or false in small letters"},
	}
}

// syntaxMend is how a fault in the file's syntax is put right. rest is the file
// from the fault on.
func syntaxMend(fault string, rest []byte) string {
	if value := startOfValue(fault, rest); value != "" {
		return value
	}
	for _, m := range mends() {
		if strings.Contains(fault, m[0]) {
			return m[1]
		}
	}
	return "text goes in quotes, a list in [ ]"
}

// startOfValue is for what stands where a value belongs.
func startOfValue(fault string, rest []byte) string {
	if !strings.Contains(fault, "at start of value") && !strings.Contains(fault, "expected value") {
		return ""
	}
	first, _ := utf8.DecodeRune(rest)
	word, _, _ := bytes.Cut(rest, []byte("\n"))
	word = bytes.TrimRight(word, " \t\r")
	switch {
	case len(word) == 0 || first == '#':
		return `a value is missing after the =; an empty text is ""`
	case strings.ContainsRune("“”„«»‘’＂＇「」", first):
		return `write the quotes plainly: "…"`
	case bytes.EqualFold(word, []byte("true")), bytes.EqualFold(word, []byte("false")):
		return "write " + strings.ToLower(string(word)) + ", in small letters"
	}
	return "put the text in quotes"
}

// plainly is the mend of a value of another kind: without its quotes where that is
// all that is wrong with it.
func plainly(v *unstable.Node, fits func(string) bool, otherwise string) string {
	if v.Kind == unstable.String && fits(string(v.Data)) {
		return "write it without quotes"
	}
	return otherwise
}

func isWhole(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

func isBool(text string) bool { return text == "true" || text == "false" }
