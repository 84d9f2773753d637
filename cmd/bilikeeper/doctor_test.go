package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/doctor"
)

// somebodysReport is one that the doctor's own tests fix.
func somebodysReport(t *testing.T, name string) doctor.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "daemon", "doctor", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r doctor.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

var proposed = regexp.MustCompile(`(?:^|&& |sudo )bilikeeper ([^#&]+)`)

// What the doctor tells people to run has to exist.
func TestMendsExist(t *testing.T) {
	found := 0
	for _, name := range []string{"sick", "silent"} {
		for _, f := range somebodysReport(t, name).Findings {
			for _, m := range proposed.FindAllStringSubmatch(f.Mend, -1) {
				found++
				// A quoted path with a blank in it is one word.
				checkCommand(t, name+": "+f.Check, strings.Fields(strings.ReplaceAll(m[1], "'/run/my keeper.sock'", "/run/k.sock")))
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d commands were found", found)
	}
}
