package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func openText(t *testing.T, text string) *file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := openFile(path, 0o600, false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func hook(url string, more ...line) []line {
	return append([]line{{"name", `"hook"`}, {"type", `"webhook"`}, {"url", quoted(url)}}, more...)
}

// What a person wrote stays, to the letter, and nothing comes twice.
func TestPut(t *testing.T) {
	const added = "\n[[notify]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/x\"\n"
	tests := []struct {
		name, before, after string
		lines               []line
	}{
		{"empty", "", firstLines + added, hook("http://127.0.0.1:9/x")},
		{"comments", "# mine\n\n[check] # rarely\nschedule = \"@every 9h\"", "# mine\n\n[check] # rarely\nschedule = \"@every 9h\"\n" + added, hook("http://127.0.0.1:9/x")},
		{"line ends", "locale = \"en\"\r\n", "locale = \"en\"\r\n" + strings.ReplaceAll(added, "\n", "\r\n"), hook("http://127.0.0.1:9/x")},
		{"there already", "# a" + added + "# b\n", "# a" + added + "# b\n", hook("http://127.0.0.1:9/x")},
		{"another value",
			"[[notify]]\ntype = 'webhook'\nname = 'hook' # mine\nurl = 'http://127.0.0.1:9/old'  # the old one\nevents = [\n \"*\", # all\n]\n# end\n[check]\njitter = \"1m\"\n",
			"[[notify]]\ntype = \"webhook\"\nname = \"hook\" # mine\nallow_http = true\nurl = \"http://127.0.0.1:9/x\"  # the old one\nevents = [\n \"*\", # all\n]\n# end\n[check]\njitter = \"1m\"\n",
			hook("http://127.0.0.1:9/x", line{"allow_http", "true"})},
		{"the second of two",
			"[[notify]]\nname = \"other\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/o\"\n[[notify]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/old\"",
			"[[notify]]\nname = \"other\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/o\"\n[[notify]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/x\"",
			hook("http://127.0.0.1:9/x")},
		{"the name at the end",
			"[[notify]]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/x\"\nname = \"hook\"",
			"[[notify]]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:9/x\"\nname = \"hook\"\nallow_http = true\n",
			hook("http://127.0.0.1:9/x", line{"allow_http", "true"})},
		{"a text that looks like one",
			"[[text]]\ntype = \"login.code\"\ntext = '''\n[[notify]]\nname = \"hook\"\n'''\n",
			"[[text]]\ntype = \"login.code\"\ntext = '''\n[[notify]]\nname = \"hook\"\n'''\n" + added, hook("http://127.0.0.1:9/x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := openText(t, tt.before)
			for range 2 {
				if _, err := f.put("notify", "hook", tt.lines); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(f.path)
				if err != nil || string(got) != tt.after {
					t.Fatalf("got\n%s\nwant\n%s, %v", got, tt.after, err)
				}
			}
			if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(f.path)); len(entries) != 1 {
				t.Errorf("%d files are left", len(entries))
			}
		})
	}
}

// What cannot be changed, or would not load, leaves the file as it is.
func TestPutRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		lines      []line
		want       string
	}{
		{"an inline list", "notify = [{ name = \"other\", type = \"webhook\", url = \"http://127.0.0.1:9/x\" }]\n", hook("http://127.0.0.1:9/x"), "would not load"},
		{"a value over lines", "[[notify]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"\"\"\nhttp://127.0.0.1:9/x\"\"\"\n", hook("http://127.0.0.1:9/y"), "by hand"},
		{"a bad value", "# mine\n", hook("ftp://x"), "would not load"},
		{"a file that is not there", "# mine\n", hook("http://127.0.0.1:9/x", line{"secret_file", `"missing"`}), "would not load"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := openText(t, tt.text)
			_, err := f.put("notify", "hook", tt.lines)
			if err == nil || !strings.Contains(err.Error(), tt.want) && !strings.Contains(hintOf(err), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got, err := os.ReadFile(f.path); err != nil || string(got) != tt.text {
				t.Errorf("the file is now\n%s, %v", got, err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(f.path)); len(entries) != 1 {
				t.Errorf("%d files are left", len(entries))
			}
		})
	}
}

func TestUndo(t *testing.T) {
	f := openText(t, "# mine\n")
	if _, err := f.put("notify", "hook", hook("http://127.0.0.1:9/x")); err != nil {
		t.Fatal(err)
	}
	if err := f.undo(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.path); err != nil || string(got) != "# mine\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.put("notify", "hook", hook("http://127.0.0.1:9/x")); err != nil {
		t.Error(err)
	}
}

// Somebody else's change is not lost.
func TestPutSeesAnotherWriter(t *testing.T) {
	f := openText(t, "# mine\n")
	if err := os.WriteFile(f.path, []byte("# theirs\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := f.put("notify", "hook", hook("http://127.0.0.1:9/x")); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("got %v", err)
	}
}

func TestOpenWrongFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("chekc = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(path, 0o600, false); err == nil {
		t.Error("it was taken")
	} else if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Errorf("got %v", err)
	}
}
