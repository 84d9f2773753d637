package servicecmd

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/packaging"
	"github.com/bilikeeper/bilikeeper/vault"
)

// The system's service sees neither homes nor /tmp, where people build things.
func TestHiddenFromService(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/local/bin/bilikeeper": false,
		"/opt/bilikeeper":           false,
		"/homes/bilikeeper":         false,
		"/home/me/bilikeeper":       true,
		"/root/go/bin/bilikeeper":   true,
		"/tmp/bilikeeper":           true,
		"/run/user/1000/bilikeeper": true,
	} {
		if got := hiddenFromService(path); got != want {
			t.Errorf("hiddenFromService(%s) = %v", path, got)
		}
	}
}

// What keeps the keeper from running has a code and a mend, wrapped or not.
func TestDaemonErrors(t *testing.T) {
	tests := []struct {
		err  error
		code int
		hint string
	}{
		{explain(&vault.Error{Op: "open", Path: "p", PID: 7, Err: vault.ErrInUse}), 1, "another keeper runs already"},
		{explain(fmt.Errorf("x: %w", vault.ErrCorrupt)), 1, "restore the vault"},
		{explain(&os.PathError{Op: "mkdir", Path: "p", Err: os.ErrPermission}), 7, "--state-dir"},
	}
	for _, tt := range tests {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			var said bytes.Buffer
			if code := (&cli.Env{Stderr: &said}).Report(err); code != tt.code {
				t.Errorf("%v: exit code %d, want %d", err, code, tt.code)
			}
			if !strings.Contains(said.String(), "hint:") || !strings.Contains(said.String(), tt.hint) {
				t.Errorf("%v: said %q, want the hint %q", err, said.String(), tt.hint)
			}
		}
	}
}

// launchd tells of a service that does not run how it ended.
func TestLaunchdState(t *testing.T) {
	for listed, want := range map[string]state{
		"": stopped,
		"{\n\t\"Label\" = \"bilikeeper\";\n\t\"LastExitStatus\" = 0;\n};\n":   stopped,
		"{\n\t\"LastExitStatus\" = 15;\n\t\"Label\" = \"bilikeeper\";\n};\n":  stopped,
		"{\n\t\"LastExitStatus\" = 256;\n\t\"Label\" = \"bilikeeper\";\n};\n": failed,
		"{\n\t\"LastExitStatus\" = 9;\n\t\"OnDemand\" = true;\n};\n":          failed,
	} {
		if got := launchdState(listed); got != want {
			t.Errorf("%q: %s", listed, got)
		}
	}
}

// What is printed for another system is what is installed there.
func TestPrintedForEachSystem(t *testing.T) {
	p := plan{Program: packaging.Program{Path: "/opt/b", Config: "/etc/my config.toml"}}
	for kind, want := range map[string][]string{
		kindSystemd: {`ExecStart=/opt/b daemon --config "/etc/my config.toml"`, "RestartPreventExitStatus=78"},
		kindOpenRC:  {"#!/sbin/openrc-run\n", "need net", "\nreload() {", "command=/opt/b\n"},
		kindLaunchd: {"<key>StandardErrorPath</key>\n\t<string>/var/log/bilikeeper.log</string>", "<key>SuccessfulExit</key>\n\t\t<false/>",
			"<key>WatchPaths</key>\n\t<array>\n\t\t<string>/etc/my config.toml</string>", "<string>--service</string>"},
		kindWindows: {`binPath= "/opt/b daemon --service --config \"/etc/my config.toml\""`, "restart/5000/restart/30000/restart/300000",
			"EventMessageFile", "/inheritance:r", "PreshutdownTimeout /t REG_DWORD /d 60000"},
	} {
		_, text, err := p.file(kind)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", kind, part, text)
			}
		}
	}
	user := plan{Program: packaging.Program{Path: "/opt/b"}, user: true}
	path, text, err := user.file(kindLaunchd)
	home, _ := os.UserHomeDir()
	if err != nil || !strings.HasPrefix(path, home) || !strings.Contains(text, home+"/Library/Logs/bilikeeper.log") || !strings.Contains(text, home+"/Library/Application Support/bilikeeper/config.toml") {
		t.Errorf("a user's: %s, %v\n%s", path, err, text)
	}
	for _, kind := range []string{kindOpenRC, kindWindows} {
		if _, _, err := user.file(kind); err == nil {
			t.Errorf("%s has services of users", kind)
		}
	}
}
