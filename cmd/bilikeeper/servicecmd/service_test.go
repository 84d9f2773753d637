package servicecmd

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
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
