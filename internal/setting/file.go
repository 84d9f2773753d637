package setting

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Reader returns what a file with a secret holds.
type Reader func(path string) (string, error)

// File is a file with a secret that a key names.
type File struct {
	Key, Path string
	// Form returns the secret in the file's text, or a [Fault].
	Form func(text string) (string, error)
}

// Read returns the secret in the file.
func (f File) Read(read Reader) (secret.String, error) {
	text, err := read(f.Path)
	if err == nil {
		text, err = f.Form(text)
	}
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(text), nil
}

// Word takes a secret that has no blanks in it, and no quotes around it: a token
// that was copied with them is refused by its service, which says nothing of why.
func Word(text string) (string, error) {
	if !plain(text) {
		return "", &Fault{"is no plain text", "save it as UTF-8, with the secret alone in it"}
	}
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return "", &Fault{"is empty", "put the secret into it"}
	case Quoted(text):
		return "", &Fault{"holds quotes around the secret", "write it without them"}
	case len(words) > 1:
		return "", &Fault{"holds more than one word", "put the secret alone into it, without blanks"}
	}
	return words[0], nil
}

// plain reports whether a text is one; what some editors save as text is another
// encoding, with a zero byte in each letter.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r == 0xfeff
	})
}

// Quoted reports whether a text begins or ends with a quote.
func Quoted(text string) bool {
	text = strings.TrimSpace(text)
	for _, pair := range []string{`""`, "''", "``", "“”", "‘’"} {
		open, size := utf8.DecodeRuneInString(pair)
		end, _ := utf8.DecodeRuneInString(pair[size:])
		if strings.HasPrefix(text, string(open)) || strings.HasSuffix(text, string(end)) {
			return true
		}
	}
	return false
}

// Line takes a line as it is: a password may begin with a blank.
func Line(text string) (string, error) {
	line := strings.TrimRight(text, "\r\n")
	switch {
	case line == "":
		return "", &Fault{"is empty", "put the password into it"}
	case strings.ContainsAny(line, "\r\n\x00"):
		return "", &Fault{"holds more than one line", "put the password alone into it"}
	}
	return line, nil
}

// URL takes a URL that is right by fault.
func URL(fault func(raw string) *Fault) func(text string) (string, error) {
	return func(text string) (string, error) {
		raw, err := Word(text)
		if err != nil {
			return "", err
		}
		if bad := fault(raw); bad != nil {
			return "", &Fault{"holds what " + bad.What, bad.Hint}
		}
		return raw, nil
	}
}

// Secrets are what the files of a table hold, by the keys that name them.
type Secrets map[string]secret.String

// ReadAll reads files. Its error names the key.
func ReadAll(files []File, read Reader) (Secrets, error) {
	secrets := make(Secrets, len(files))
	for _, f := range files {
		s, err := f.Read(read)
		if err != nil {
			return nil, fmt.Errorf("%s: %s %w", f.Key, f.Path, err)
		}
		secrets[f.Key] = s
	}
	return secrets, nil
}
