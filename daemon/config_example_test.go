package daemon

import (
	"encoding"
	"reflect"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/setting"
	known "github.com/bilikeeper/bilikeeper/notify/channels"
)

func TestExampleIsTheDefault(t *testing.T) {
	c, err := parse(config.Example(Checks().Channels), "example")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), c, cmp.AllowUnexported(config.Quiet{})); diff != "" {
		t.Errorf("(-default +example)\n%s", diff)
	}
	if changed := config.Default().Changes(c); len(changed) != 0 {
		t.Errorf("changed: %v", changed)
	}
}

var commentedOut = regexp.MustCompile(`(?m)^#([^ \n])`)

// The lines that are commented out must work once they are not.
func TestExamplesInTheExample(t *testing.T) {
	c, err := parse(commentedOut.ReplaceAll(config.Example(Checks().Channels), []byte("$1")), "example")
	if err != nil {
		t.Fatal(err)
	}
	types := make(map[string]bool)
	for _, n := range c.Notify {
		types[n.Type] = true
	}
	for _, kind := range known.Kinds() {
		if name := kind.Name; !types[name] {
			t.Errorf("there is no example of a %s channel", name)
		}
	}
	if len(c.Output) != 4 || len(c.Serve.CookieCloud) != 1 || len(c.Serve.RSSHub.Accounts) != 1 || len(c.Accounts) != 1 || len(c.Control.Allow) != 2 {
		t.Errorf("read %+v", c)
	}
	if diff := cmp.Diff(config.DefaultEvents(), c.Notify[0].Events); diff != "" {
		t.Errorf("the events are not the default\n%s", diff)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	tables := []reflect.Type{reflect.TypeFor[config.Config]()}
	for _, kind := range known.Kinds() {
		tables = append(tables, reflect.TypeOf(kind.New()).Elem())
	}
	seen := 0
	for len(tables) > 0 {
		for _, f := range setting.Fields(tables[0]) {
			table := f.Type
			if table.Kind() == reflect.Slice {
				table = table.Elem()
			}
			if table.Kind() == reflect.Struct && !reflect.PointerTo(table).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
				tables = append(tables, table)
				continue
			}
			seen++
			if key := setting.KeyOf(f); !regexp.MustCompile(`(?m)^#?` + key + ` = `).Match(config.Example(known.Kinds())) {
				t.Errorf("%s of %s is missing", key, tables[0])
			}
		}
		tables = tables[1:]
	}
	if seen < 100 {
		t.Errorf("only %d keys were looked for", seen)
	}
}

func TestExampleIsACopy(t *testing.T) {
	config.Example(Checks().Channels)[0] = 'x'
	if config.Example(Checks().Channels)[0] != '#' {
		t.Error("a caller changed the example")
	}
}
