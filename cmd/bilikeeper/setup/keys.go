package setup

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify/channels"
)

// key is one that a type of channel has, as a person is asked for it.
type key struct {
	name string
	// about is what the example file says of it, value what it has there.
	about, value string
	required     bool
	// instead is the key of which one is enough, "" where there is none.
	instead string
}

func (k key) secret() bool { return strings.HasSuffix(k.name, "_file") }

// label is what a person is asked for: of a file with a secret, the secret.
func (k key) label() string { return strings.TrimSuffix(k.name, "_file") }

func kindNames() []string {
	var names []string
	for _, k := range channels.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

func kindOf(name string) (setting.Kind, bool) {
	name = strings.ToLower(name)
	for _, k := range channels.Kinds() {
		if k.Name == name || slices.Contains(k.Also, name) {
			return k, true
		}
	}
	return setting.Kind{}, false
}

// general are keys that every type has, and that few people need.
func general() []string {
	return []string{"name", "type", "events", "accounts", "fallback", "rate", "allow_http"}
}

// keysOf are the keys of a type that a person is asked for: what it needs, and then
// what else its example names, in the order of the example.
func keysOf(kind setting.Kind) []key {
	var list []key
	var about []string
	for text := range strings.Lines(kind.Example) {
		text = strings.TrimSuffix(text, "\n")
		if comment, ok := strings.CutPrefix(text, "# "); ok {
			about = append(about, comment)
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(text, "#"), " = ")
		if ok && !slices.Contains(general(), name) && !slices.ContainsFunc(list, func(k key) bool { return k.name == name }) {
			list = append(list, key{name: name, about: strings.Join(about, " "), value: value})
		}
		about = nil
	}
	for _, need := range kind.Needs {
		alternatives := slices.DeleteFunc(strings.Split(need, "|"), func(name string) bool {
			return !slices.ContainsFunc(list, func(k key) bool { return k.name == name })
		})
		for i := range list {
			if slices.Contains(alternatives, list[i].name) {
				list[i].required = len(alternatives) == 1
				if len(alternatives) > 1 {
					list[i].instead = need
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b key) int {
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		}
		return 1
	})
	return list
}

// written is a value as TOML has it, by the type of its key.
func written(kind setting.Kind, name, value string) string {
	for _, f := range setting.Fields(reflect.TypeOf(kind.New()).Elem()) {
		if setting.KeyOf(f) != name {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Slice:
			var items []string
			for item := range strings.SplitSeq(value, ",") {
				items = append(items, quoted(strings.TrimSpace(item)))
			}
			return "[" + strings.Join(items, ", ") + "]"
		case reflect.Bool:
			return value
		case reflect.Int, reflect.Int64:
			if _, err := strconv.ParseInt(value, 10, 64); err == nil {
				return value
			}
		}
		break
	}
	return quoted(value)
}
