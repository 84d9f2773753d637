package setting

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is what is wrong with a key, or with a file that it names, and the mend.
type Fault struct{ What, Hint string }

func (f *Fault) Error() string { return f.What + "; " + f.Hint }

// Found is a fault and the key that has it.
type Found struct {
	Key string
	Fault
}

// Faults collects what is wrong with the keys of a table. The zero value is that
// of the table at the top.
type Faults struct {
	table string
	found *[]Found
}

// Table returns the faults of a table or an entry below this one: "page" or
// "notify[0]". They are found with those of f.
func (f *Faults) Table(path string) *Faults {
	return &Faults{table: Join(f.table, path), found: f.list()}
}

func (f *Faults) list() *[]Found {
	if f.found == nil {
		f.found = new([]Found)
	}
	return f.found
}

// Found returns all faults, in the order in which they were added.
func (f *Faults) Found() []Found { return *f.list() }

// Add tells what is wrong with a key; "" is the table itself.
func (f *Faults) Add(key, what, hint string) {
	list := f.list()
	*list = append(*list, Found{Join(f.table, key), Fault{what, hint}})
}

// AddFault tells a fault of a key, unless it is nil.
func (f *Faults) AddFault(key string, fault *Fault) {
	if fault != nil {
		f.Add(key, fault.What, fault.Hint)
	}
}

// Word reports whether a word is one of those that are known, and tells if it is
// not.
func (f *Faults) Word(key, given string, known ...string) bool {
	if slices.Contains(known, given) {
		return true
	}
	hint := "one of: " + strings.Join(known, ", ")
	if near := Nearest(given, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	f.Add(key, fmt.Sprintf("%q is not known", Clip(given)), hint)
	return false
}

// Words checks a list of words, of which there must be one at least.
func (f *Faults) Words(key string, given []string, known ...string) {
	if len(given) == 0 {
		f.Add(key, "is empty", "name some of: "+strings.Join(known, ", "))
	}
	for i, word := range given {
		f.Word(fmt.Sprintf("%s[%d]", key, i), word, known...)
	}
}

// Within checks a number.
func (f *Faults) Within(key string, n, least, most int) {
	if n < least || n > most {
		f.Add(key, fmt.Sprintf("%d is out of range", n), fmt.Sprintf("from %d to %d", least, most))
	}
}

// Path checks a path as it is written.
func (f *Faults) Path(key, path string) {
	switch {
	case FromHome(path):
		f.Add(key, `starts with "~", which only a shell understands`, "write the directory out")
	case strings.ContainsRune(path, 0):
		f.Add(key, "holds a zero byte", "write a path")
	}
}

// File tells why a file cannot be used that a key names.
func (f *Faults) File(key, path string, err error) {
	if fault, ok := errors.AsType[*Fault](err); ok {
		f.Add(key, fmt.Sprintf("%s %s", path, fault.What), fault.Hint)
		return
	}
	f.Add(key, fmt.Sprintf("%s cannot be read: %v", path, err), "")
}

// FromHome reports whether a path counts on a shell.
func FromHome(path string) bool { return path == "~" || strings.HasPrefix(path, "~/") }

// Clip shortens a value that is quoted in a fault.
func Clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// Join puts a key behind the table that it is in.
func Join(table, key string) string {
	if table == "" || key == "" {
		return table + key
	}
	return table + "." + key
}
