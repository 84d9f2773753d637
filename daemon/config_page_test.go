package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/config"
)

func TestTrustedProxies(t *testing.T) {
	c, err := parse([]byte(`trusted_proxies = ["10.0.0.2", "172.16.0.0/12", "fd00::/8"]`), "f")
	if err != nil || len(c.TrustedProxies) != 3 {
		t.Fatalf("%v, %v", c.TrustedProxies, err)
	}
	_, err = parse([]byte(`
trusted_proxies = [
  "127.0.0.1",
  "proxy.example.net",
  "10.0.0.1/8",
]
`), "f")
	const want = `f:4:3: trusted_proxies[1]: "proxy.example.net" is no address and no network; write an address or a network, "10.0.0.2" or "10.0.0.0/8"
f:5:3: trusted_proxies[2]: "10.0.0.1/8" is an address within a network; write "10.0.0.0/8" for the network, or "10.0.0.1" for the address alone`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What can be reached from elsewhere in the clear is told of.
func TestPageWarnings(t *testing.T) {
	tests := []struct{ file, want string }{
		{"[page]\nlisten = \"0.0.0.0:7331\"\npublic_url = \"http://keeper.example.net\"\n", "in the clear"},
		{"[page]\nlisten = \":7331\"\npublic_url = \"http://192.168.1.2:7331\"\n", "in the clear"},
		{"[page]\nlisten = \"0.0.0.0:7331\"\n", "in the clear"},
		{"[page]\nlisten = \"0.0.0.0:7331\"\npublic_url = \"https://keeper.example.net\"\n", ""},
		{"[page]\nlisten = \"127.0.0.1:7331\"\npublic_url = \"http://127.0.0.1:7331\"\n", ""},
		{"trusted_proxies = [\"0.0.0.0/0\"]\n", "everybody"},
	}
	for _, tt := range tests {
		c, err := parse([]byte(tt.file), "f")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.Warnings(Checks()), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q", tt.file, got)
		}
	}
}

func TestPageMay(t *testing.T) {
	_, err := parse([]byte("[page]\nmay = [\"status\", \"get\", \"chekc\"]\n"), "f")
	const want = `f:2:18: page.may[1]: "get" is never allowed: no credential leaves by the page; remove it; programs read a file, the socket or [serve]
f:2:25: page.may[2]: "chekc" is not known; did you mean "check"?`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err = parse([]byte("[page]\nmay = [\"check\"]\n"), "f"); err == nil || !strings.Contains(err.Error(), `lacks "status"`) {
		t.Errorf("without status: %v", err)
	}
	for _, may := range []string{"[]", `["status", "login", "check", "refresh", "manage"]`} {
		if _, err = parse([]byte("[page]\nmay = "+may+"\n"), "f"); err != nil {
			t.Error(err)
		}
	}
}

func TestPagePassword(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode there")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte("[page]\nlisten = \"127.0.0.1:7331\"\npublic_url = \"http://127.0.0.1:7331\"\npassword_file = \"page.password\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"correct horse\n", 0o600, ""},
		{"short", 0o600, "less than 8 characters"},
		{" correct horse", 0o600, "white space"},
		{"correct horse", 0o644, "page.password_file"},
	} {
		secretFile := filepath.Join(dir, "page.password")
		if err := errors.Join(os.WriteFile(secretFile, []byte(tt.text), 0o600), os.Chmod(secretFile, tt.mode)); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, Checks())
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), ":4:1:") {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if password, err := c.Page.Password(); err != nil || password.Reveal() != "correct horse" {
			t.Errorf("%v, %v", password, err)
		}
	}
}
