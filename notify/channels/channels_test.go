package channels

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/notify"
)

// common are the keys that an entry has beside those of its type.
var common = []string{"name", "type", "events", "accounts", "fallback", "rate"}

func TestKinds(t *testing.T) {
	types, names := make(map[string]reflect.Type), make(map[string]bool)
	for _, kind := range Kinds() {
		names[kind.Name] = true
	}
	for _, kind := range Kinds() {
		keys, ok := kind.New().(notify.Keys)
		if !ok {
			t.Errorf("no %s can be made", kind.Name)
			continue
		}
		if len(setting.Given(keys)) > 0 || kind.New() == setting.Keys(keys) && kind.Name != "desktop" {
			t.Errorf("the keys of %s are not new", kind.Name)
		}
		var own []string
		for _, f := range setting.Fields(reflect.TypeOf(keys).Elem()) {
			key := setting.KeyOf(f)
			own = append(own, key)
			if slices.Contains(common, key) || !regexp.MustCompile(`^[a-z_]+$`).MatchString(key) {
				t.Errorf("%s cannot call a key %q", kind.Name, key)
			}
			// A file is read before the type of an entry is known.
			if was, ok := types[key]; ok && was != f.Type {
				t.Errorf("%s has %s as %s, another as %s", kind.Name, key, f.Type, was)
			}
			types[key] = f.Type
		}
		for _, choice := range kind.Needs {
			for key := range strings.SplitSeq(choice, "|") {
				if !slices.Contains(own, key) {
					t.Errorf("%s needs %s, which it has not", kind.Name, key)
				}
			}
		}
		for _, service := range kind.Also {
			if names[service] {
				t.Errorf("%s is said to be %s as well", service, kind.Name)
			}
			names[service] = true
		}
		if !strings.Contains(kind.Example, "\n#type = \""+kind.Name+"\"\n") || !strings.HasPrefix(kind.Example, "#") || !strings.HasSuffix(kind.Example, "\n") {
			t.Errorf("the example of %s is\n%s", kind.Name, kind.Example)
		}
		for line := range strings.Lines(kind.Example) {
			if !strings.HasPrefix(line, "#") {
				t.Errorf("a line of %s's example is not commented out: %s", kind.Name, line)
			}
		}
	}
	if len(names) < 15 {
		t.Errorf("there are %d names", len(names))
	}
}

type noChannel struct{}

func (*noChannel) Check(*setting.Faults) {}

func TestKeysThatAreNoChannels(t *testing.T) {
	if c, err := New(&noChannel{}, nil, notify.Setup{}); err == nil || c != nil {
		t.Errorf("made %v", c)
	}
}
