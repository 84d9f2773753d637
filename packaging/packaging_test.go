package packaging_test

import (
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
		for kind, unit := range map[string]string{"system": packaging.SystemUnit(path), "user": packaging.UserUnit(path)} {
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
	if !strings.Contains(packaging.UserUnit("/b"), "WantedBy=default.target") {
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
	for name, text := range map[string]string{"bilikeeper.service": packaging.SystemUnit(program), "bilikeeper-user.service": packaging.UserUnit(program)} {
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
