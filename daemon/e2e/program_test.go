//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// A program of one's own is told without a shell, in an environment that has nothing
// of the keeper's, with a picture that is gone after it; one at a time; one that
// hangs is ended.
func TestCommandChannel(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	told := filepath.Join(s.dir, "told.sh")
	script := `#!/bin/sh
cd "$1" || exit 1
mkdir alone || touch crowded
env > "$BILIKEEPER_TYPE.env"
ls -ln "$BILIKEEPER_QR_PNG" > "$BILIKEEPER_TYPE.ls" 2>&1
cat "$BILIKEEPER_QR_PNG" > "$BILIKEEPER_TYPE.png"
cat > body
rmdir alone
mv body "$BILIKEEPER_TYPE.json"
`
	if err := os.WriteFile(told, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.configure(settings{schedule: "@every 1h"})
	s.append(fmt.Sprintf("[[notify]]\nname = \"own\"\ntype = \"command\"\ncommand = [%q, %q, \"$HOME; exit 1\"]\n", told, s.dir))
	s.append("[[notify]]\nname = \"hangs\"\ntype = \"command\"\ncommand = [\"sleep\", \"3600\"]\ntimeout = \"1s\"\n")
	s.start()
	s.login(mid)
	s.site.Kill(mid)
	s.cli("check", account)
	code := s.message(client.EventLoginCode, 1)
	read := func(name string) string {
		t.Helper()
		until(t, "the program is told", func() bool { _, err := os.Stat(filepath.Join(s.dir, client.EventLoginCode+".json")); return err == nil })
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var body struct {
		Type string
		Data struct {
			Account string
			Login   struct{ URL string }
		}
	}
	if err := json.Unmarshal([]byte(read(client.EventLoginCode+".json")), &body); err != nil || body.Type != client.EventLoginCode || body.Data.Account != account || body.Data.Login.URL != code.Login.URL {
		t.Errorf("the body is %+v: %v", body, err)
	}
	if got := decodeQR(t, []byte(read(client.EventLoginCode+".png"))); got != code.Login.URL {
		t.Errorf("the picture says %s", got)
	}
	mode, _, _ := strings.Cut(read(client.EventLoginCode+".ls"), " ")
	if mode != "-rw-------" {
		t.Errorf("the picture's mode is %s", mode)
	}
	var names []string
	for line := range strings.Lines(read(client.EventLoginCode + ".env")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		names = append(names, name)
		switch name {
		case "BILIKEEPER_URL":
			if value != code.Login.URL {
				t.Errorf("%s is %s", name, value)
			}
		case "BILIKEEPER_QR_PNG":
			if _, err := os.Stat(value); err == nil {
				t.Errorf("%s is there after the program", value)
			}
		}
	}
	slices.Sort(names)
	// What a shell adds of its own is none of the keeper's.
	names = slices.DeleteFunc(names, func(name string) bool { return name == "PWD" || name == "OLDPWD" || name == "SHLVL" || name == "_" })
	want := []string{"BILIKEEPER_ACCOUNT", "BILIKEEPER_PAGE_URL", "BILIKEEPER_QR_PNG", "BILIKEEPER_TYPE", "BILIKEEPER_URL", "HOME", "PATH"}
	if !slices.Equal(names, want) {
		t.Errorf("the environment has %v, want %v", names, want)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "crowded")); err == nil {
		t.Error("two programs ran at the same time")
	}
	until(t, "the program that hangs is told of", func() bool {
		return strings.Contains(s.wantCode(0, "notify", "list").stdout, "1s")
	})
	if r := s.cli("notify", "test", "hangs"); r.code != 1 || !strings.Contains(r.stdout+r.stderr, "sleep") {
		t.Errorf("a sample for the program that hangs: %d %s%s", r.code, r.stdout, r.stderr)
	}
	s.stop()
}
