package packaging_test

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/packaging"
)

func TestUnitsNameTheProgram(t *testing.T) {
	for path, want := range map[string]string{
		"/opt/bilikeeper":         "ExecStart=/opt/bilikeeper daemon\n# Unlike a signal it fails where the new configuration has a fault.\nExecReload=/opt/bilikeeper reload\n",
		"/opt/my tools/100%/$x/b": `ExecStart="/opt/my tools/100%%/$$x/b" daemon` + "\n",
	} {
		for kind, unit := range map[string]string{"system": packaging.SystemUnit(packaging.Program{Path: path}), "user": packaging.UserUnit(packaging.Program{Path: path})} {
			if !strings.Contains(unit, want) {
				t.Errorf("the %s unit lacks %q:\n%s", kind, want, unit)
			}
			if strings.Contains(unit, "{{") {
				t.Errorf("the %s unit holds a template key, which the service library would read", kind)
			}
			for _, line := range []string{"RestartPreventExitStatus=78", "Restart=always", "LimitCORE=0", "StartLimitIntervalSec=0", "RestartSteps=8", "RestartMaxDelaySec=5min"} {
				if !strings.Contains(unit, "\n"+line+"\n") {
					t.Errorf("the %s unit lacks %s", kind, line)
				}
			}
			for _, banned := range []string{"\nPrivateUsers=", "RestartSec=120", "StartLimitBurst", "/bin/kill"} {
				if strings.Contains(unit, banned) {
					t.Errorf("the %s unit holds %q", kind, banned)
				}
			}
		}
	}
	if !strings.Contains(packaging.UserUnit(packaging.Program{Path: "/b"}), "WantedBy=default.target") {
		t.Error("the user unit would not start at login")
	}
}

// TestUnitsAreWellFormed asks systemd itself, where it is installed.
func TestUnitsAreWellFormed(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed here")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"bilikeeper.service": packaging.SystemUnit(packaging.Program{Path: program}), "bilikeeper-user.service": packaging.UserUnit(packaging.Program{Path: program})} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", "--generators=no", file).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			// systemd before 254 passes over these two, which the unit says.
			older := strings.Contains(line, "'RestartSteps'") || strings.Contains(line, "'RestartMaxDelaySec'")
			if strings.Contains(line, name) && !older {
				t.Errorf("systemd says of %s: %s", name, line)
			}
		}
		if err != nil && strings.Contains(string(out), name) {
			t.Errorf("%s does not verify: %v", name, err)
		}
	}
}

// Where the places are named, each command that finds the keeper gets them.
func TestPlacesAreCarried(t *testing.T) {
	p := packaging.Program{Path: "/opt/b", Config: "/etc/my config.toml", Socket: "/run/b/s.sock", StateDir: "/var/lib/b"}
	for _, tt := range []struct{ what, text, want string }{
		{"system unit", packaging.SystemUnit(p), `ExecStart=/opt/b daemon --config "/etc/my config.toml" --socket /run/b/s.sock --state-dir /var/lib/b` + "\n"},
		{"user unit", packaging.UserUnit(p), `ExecReload=/opt/b reload --config "/etc/my config.toml" --socket /run/b/s.sock --state-dir /var/lib/b` + "\n"},
		{"OpenRC, start", packaging.OpenRC(p), `command_args='daemon --config '\''/etc/my config.toml'\'' --socket /run/b/s.sock --state-dir /var/lib/b'` + "\n"},
		{"OpenRC, program", packaging.OpenRC(p), "\ncommand=/opt/b\n"},
		{"OpenRC, reload", packaging.OpenRC(p), "\t/opt/b reload --config '/etc/my config.toml' --socket /run/b/s.sock --state-dir /var/lib/b\n"},
		{"OpenRC, check", packaging.OpenRC(p), "\t/opt/b config check --config '/etc/my config.toml' >/dev/null\n"},
		{"OpenRC, directory", packaging.OpenRC(p), `--owner "$command_user" /var/lib/b || return`},
		{"launchd", packaging.Launchd(p), "<string>/opt/b</string>\n\t\t<string>daemon</string>\n\t\t<string>--service</string>\n\t\t<string>--config</string>\n\t\t<string>/etc/my config.toml</string>\n"},
		{"launchd, log", packaging.LaunchdAgent(p, "/l<g"), "<string>/l&lt;g/Library/Logs/bilikeeper.log</string>"},
	} {
		if !strings.Contains(tt.text, tt.want) {
			t.Errorf("%s lacks %s:\n%s", tt.what, tt.want, tt.text)
		}
		if strings.Contains(tt.text, "/usr/bin/bilikeeper") {
			t.Errorf("%s names another program:\n%s", tt.what, tt.text)
		}
	}
}

// TestOpenRC: the words by which OpenRC knows what to do, and a shell that can read
// them.
func TestOpenRC(t *testing.T) {
	text := packaging.OpenRC(packaging.Program{Path: "/usr/bin/bilikeeper"})
	for _, want := range []string{"#!/sbin/openrc-run\n", "\ndepend() {\n\tneed net\n", `command_user="bilikeeper:bilikeeper"`,
		"\nreload() {\n", `extra_started_commands="reload"`, "\ncommand=/usr/bin/bilikeeper\n", "\ncommand_args=daemon\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the script lacks %q:\n%s", want, text)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh here")
	}
	cmd := exec.Command(sh, "-n")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sh: %v: %s", err, out)
	}
}

func TestLaunchdIsXML(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(packaging.Launchd(packaging.Program{Path: "/a&b"})))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A purge takes what setup wrote, and leaves what an administrator did.
func TestPurge(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell here")
	}
	const dropIns = "etc/systemd/system/bilikeeper.service.d/"
	files := map[string]bool{
		"var/lib/private/bilikeeper/vault.db": false, "etc/bilikeeper/telegram.token": false,
		dropIns + "credential-telegram.token.conf": false, dropIns + "output-srv.conf": false, dropIns + "override.conf": true,
	}
	for _, step := range []string{"upgrade", "remove", "purge"} {
		root := t.TempDir()
		for name := range files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(sh, "debian/postrm", step)
		cmd.Env = append(os.Environ(), "DPKG_ROOT="+root)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, said)
		}
		for name, stays := range files {
			if _, err := os.Stat(filepath.Join(root, name)); (err == nil) != (stays || step != "purge") {
				t.Errorf("%s: %s: %v", step, name, err)
			}
		}
	}
}
