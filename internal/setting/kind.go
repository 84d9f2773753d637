package setting

import (
	"reflect"
	"slices"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Keys are what an entry of one kind has beside the keys that all of them have: a
// pointer to a struct whose fields have toml tags.
type Keys interface {
	// Check tells what is wrong with the values. That a key is missing or has no
	// meaning is known by its [Kind].
	Check(f *Faults)
}

// former is Keys with a file whose text has a form of its own.
type former interface {
	// Form returns the secret in the text of the file that key names.
	Form(key, text string) (string, error)
}

// Kind is a type of channel: what an entry of [[notify]] with that type can say.
type Kind struct {
	// Name is what an entry's type says.
	Name string
	// Also are what people may look for that this kind does.
	Also []string
	// Needs must be given: of alternatives, which a bar parts, one.
	Needs []string
	// SecretURL is set where a URL is a secret as a whole.
	SecretURL bool
	// New returns keys of which none is given.
	New func() Keys
	// Example are commented entries for the example file, which say what each key
	// means that not all kinds have.
	Example string
}

// address are the two ways to give a URL.
const address = "url|url_file"

// Check tells what is wrong with an entry. strange are the keys that it gives and
// that are none of this kind's.
func (k Kind) Check(keys Keys, strange []string, f *Faults) {
	k.checkKeys(keys, f)
	for _, key := range strange {
		f.Add(key, "means nothing to a channel of type "+k.Name, "remove it")
	}
	for key, path := range Paths(keys) {
		f.Path(key, *path)
	}
	keys.Check(f)
}

// checkKeys looks for keys that are missing, and for alternatives that are both
// given.
func (k Kind) checkKeys(keys Keys, f *Faults) {
	given := Given(keys)
	choices := k.Needs
	if !slices.Contains(choices, address) {
		choices = append(slices.Clip(choices), address)
	}
	for i, alternatives := range choices {
		choice := strings.Split(alternatives, "|")
		found := slices.DeleteFunc(slices.Clone(choice), func(key string) bool { return !slices.Contains(given, key) })
		switch {
		case len(found) > 1:
			f.Add(found[1], "is given beside "+found[0], "remove one of them")
		case len(found) == 0 && i < len(k.Needs):
			f.Add(choice[0], "is missing", k.wanted(choice))
		}
	}
}

// wanted says how a missing key is written.
func (k Kind) wanted(choice []string) string {
	if k.SecretURL {
		choice = choice[1:] // a file is the better place for it
	}
	forms := make([]string, len(choice))
	for i, key := range choice {
		forms[i] = key + " = " + k.form(key)
	}
	return "write " + strings.Join(forms, " or ")
}

func (k Kind) form(key string) string {
	if key == "url" {
		return `"https://…"`
	}
	for _, f := range Fields(reflect.TypeOf(k.New()).Elem()) {
		switch kind := f.Type.Kind(); {
		case KeyOf(f) != key:
		case kind == reflect.Slice:
			return `["…"]`
		case kind != reflect.String:
			return "…"
		}
	}
	return `"…"`
}

// Files returns the files that the entry names, which hold a word each unless the
// keys know better, and a password a line.
func Files(keys Keys) []File {
	var files []File
	for key, path := range Paths(keys) {
		if *path == "" {
			continue
		}
		form := Word
		if own, ok := keys.(former); ok {
			form = func(text string) (string, error) { return own.Form(key, text) }
		} else if key == "password_file" {
			form = Line
		}
		files = append(files, File{Key: key, Path: *path, Form: form})
	}
	return files
}

// Address returns the URL of an entry, be it in url or, by its secrets, in
// url_file.
func (s Secrets) Address(url string) secret.String {
	if inFile, ok := s["url_file"]; ok {
		return inFile
	}
	return secret.New(strings.TrimSpace(url))
}
