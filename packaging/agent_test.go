package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/packaging"
)

func TestAgentFilesNameTheProgram(t *testing.T) {
	for _, tc := range []struct {
		args        []string
		unit, entry string
	}{
		{[]string{"/usr/bin/bilikeeper"}, "/usr/bin/bilikeeper agent", "/usr/bin/bilikeeper agent"},
		{[]string{"/opt/b", "--socket", "/run/bilikeeper/control.sock"},
			"/opt/b --socket /run/bilikeeper/control.sock agent", "/opt/b --socket /run/bilikeeper/control.sock agent"},
		// In an entry the quotes' own escapes are escaped again.
		{[]string{`/opt/my tools/100%/$x/"b"\c`}, `"/opt/my tools/100%%/$$x/\"b\"\\c" agent`, `"/opt/my tools/100%%/\\$x/\\"b\\"\\\\c" agent`},
		{[]string{"/opt/b`c"}, "/opt/b`c agent", "\"/opt/b\\\\`c\" agent"},
	} {
		unit := packaging.AgentUnit(tc.args[0], tc.args[1:]...)
		if want := "\nExecStart=" + tc.unit + "\n"; !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q:\n%s", want, unit)
		}
		for _, beside := range []bool{true, false} {
			entry := packaging.AgentEntry(beside, tc.args[0], tc.args[1:]...)
			if want := "\nExec=" + tc.entry + "\n"; !strings.Contains(entry, want) {
				t.Errorf("the entry lacks %q:\n%s", want, entry)
			}
			if strings.Contains(entry, "\nX-systemd-skip=true\n") != beside || strings.Contains(entry, "\nX-GNOME-HiddenUnderSystemd=true\n") != beside {
				t.Errorf("beside a unit %v:\n%s", beside, entry)
			}
			if !strings.HasSuffix(entry, "true\n") || strings.Contains(entry, "#") != beside {
				t.Errorf("the entry ends oddly:\n%s", entry)
			}
		}
	}
}

// What would end or cripple the programs that the agent opens must stay out.
func TestAgentUnitConfinesNoBrowser(t *testing.T) {
	unit := packaging.AgentUnit("/usr/bin/bilikeeper")
	for _, wanted := range []string{"\nKillMode=process\n", "\nPartOf=graphical-session.target\n", "\nWantedBy=graphical-session.target\n", "\nRestartPreventExitStatus=1\n"} {
		if !strings.Contains(unit, wanted) {
			t.Errorf("the unit lacks %q", wanted)
		}
	}
	for _, banned := range []string{"NoNewPrivileges", "MemoryDenyWriteExecute", "SystemCall", "Restrict", "Protect", "Private", "UMask", "{{"} {
		for line := range strings.Lines(unit) {
			if strings.HasPrefix(line, banned) {
				t.Errorf("the unit holds %s", line)
			}
		}
	}
}

// The installed files are what the golden copies under the folders systemd and
// xdg are: distributions take those.
func TestAgentFilesAreThoseOfThePackages(t *testing.T) {
	for file, text := range map[string]string{
		"systemd/bilikeeper-agent.service": packaging.AgentUnit("/usr/bin/bilikeeper"),
		"xdg/bilikeeper-agent.desktop":     packaging.AgentEntry(true, "/usr/bin/bilikeeper"),
	} {
		if data, err := os.ReadFile(filepath.FromSlash(file)); err != nil || string(data) != text {
			t.Errorf("%s is not what is installed, %v", file, err)
		}
	}
}

func TestAgentUnitIsWellFormed(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed here")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bilikeeper-agent.service")
	if err := os.WriteFile(file, []byte(packaging.AgentUnit(program, "--socket", "/run/bilikeeper/control.sock")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "--user", "verify", "--man=no", "--generators=no", file).CombinedOutput()
	if strings.Contains(string(out), "bilikeeper") {
		t.Errorf("systemd says: %s (%v)", out, err)
	}
}

func TestAgentEntryIsWellFormed(t *testing.T) {
	validate, err := exec.LookPath("desktop-file-validate")
	if err != nil {
		t.Skip("desktop-file-validate is not installed here")
	}
	for name, text := range map[string]string{
		"plain":  packaging.AgentEntry(true, "/usr/bin/bilikeeper"),
		"quoted": packaging.AgentEntry(false, `/opt/my tools/100%/$x/"b"\c`, "--socket", "/run/bilikeeper/control.sock"),
	} {
		file := filepath.Join(t.TempDir(), "bilikeeper-agent.desktop")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(validate, file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s\n%s", name, err, out, text)
		}
	}
}
