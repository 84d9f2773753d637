package config

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bilikeeper/bilikeeper/internal/setting"
)

// hook is a channel's keys.
type hook struct {
	URL string `toml:"url"`
}

func (*hook) Check(*setting.Faults) {}

func TestChanges(t *testing.T) {
	a, b := Default(), Default()
	if keys := a.Changes(b); len(keys) != 0 {
		t.Errorf("changed without a change: %v", keys)
	}
	b.Check.Jitter = 0
	b.Login.Remind = Remind{Duration(time.Hour)}
	b.Login.QuietHours = Quiet{start: 1, end: 2}
	b.Locale = "en"
	a.Notify = []Notify{{Name: "same"}, {Name: "gone"}, {Name: "moved", Keys: &hook{URL: "https://a"}}}
	b.Notify = []Notify{{Name: "new"}, {Name: "moved", Keys: &hook{URL: "https://b"}}, {Name: "same"}}
	b.Control.Allow = []Allow{{User: "a"}}
	want := []string{
		"check.jitter", "control.allow", "locale", "login.quiet_hours", "login.remind",
		"notify.gone", "notify.moved", "notify.new",
	}
	if diff := cmp.Diff(want, a.Changes(b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func write(t *testing.T, path string, mode os.FileMode, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
