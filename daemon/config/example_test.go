package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExampleIsTheDefault(t *testing.T) {
	c, err := Parse(Example(), "example")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c, cmp.AllowUnexported(Quiet{})); diff != "" {
		t.Errorf("(-default +example)\n%s", diff)
	}
	if changed := Default().Changes(c); len(changed) != 0 {
		t.Errorf("changed: %v", changed)
	}
}

var commentedOut = regexp.MustCompile(`(?m)^#([^ \n])`)

// The lines that are commented out must work once they are not.
func TestExamplesInTheExample(t *testing.T) {
	c, err := Parse(commentedOut.ReplaceAll(Example(), []byte("$1")), "example")
	if err != nil {
		t.Fatal(err)
	}
	types := make(map[string]bool)
	for _, n := range c.Notify {
		types[n.Type] = true
	}
	for _, name := range NotifyTypes() {
		if !types[name] {
			t.Errorf("there is no example of a %s channel", name)
		}
	}
	if len(c.Output) != 4 || len(c.Serve.CookieCloud) != 1 || len(c.Serve.RSSHub.Accounts) != 1 || len(c.Accounts) != 1 || len(c.Control.Allow) != 2 {
		t.Errorf("read %+v", c)
	}
	if diff := cmp.Diff(DefaultEvents(), c.Notify[0].Events); diff != "" {
		t.Errorf("the events are not the default\n%s", diff)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	for _, full := range allKeys(reflect.TypeFor[Config](), "") {
		key := full[strings.LastIndexByte(full, '.')+1:]
		if !regexp.MustCompile(`(?m)^#?` + key + ` = `).Match(Example()) {
			t.Errorf("%s is missing", full)
		}
	}
}

func TestExampleIsACopy(t *testing.T) {
	Example()[0] = 'x'
	if Example()[0] != '#' {
		t.Error("a caller changed the example")
	}
}
