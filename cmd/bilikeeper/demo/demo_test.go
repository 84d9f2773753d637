package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
)

// play runs the demo without the limit of time that the command has.
func play(t *testing.T, asJSON bool) string {
	t.Helper()
	t.Parallel()
	var said bytes.Buffer
	env := &cli.Env{Stdin: strings.NewReader(""), Stdout: &said, Stderr: io.Discard, Getenv: func(string) string { return "" }, JSON: asJSON}
	if err := run(t.Context(), env); err != nil {
		t.Fatalf("%v after\n%s", err, said.String())
	}
	return said.String()
}

func TestStory(t *testing.T) {
	text := play(t, false)
	rest := text
	for _, want := range []string{
		"1. A person logs in", "logged in as example, mid 100200300", "2. A tool reads the cookie", "SESSDATA=", "the next check is due in 8h",
		"4. Weeks later", "ok refreshed", "!! dead: ", "6. The keeper starts a login by itself", "the phone scans ...", "main is back", "the matter is over", "That was all.",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is missing, or comes too early, in\n%s", want, text)
		}
		rest = after
	}
	if strings.Contains(text, "\x1b") {
		t.Error("there is colour without a terminal")
	}
}

func TestStoryAsEvents(t *testing.T) {
	text := play(t, true)
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("this is no JSON: %q", line)
		}
	}
	for _, want := range []string{`"type":"login.succeeded"`, `"type":"session.refreshed"`, `"type":"check.dead"`, `"type":"notify.delivered"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}
