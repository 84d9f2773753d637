package configcmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/internal/golden"
)

// somebodysReport is one that the doctor's own tests fix.
func somebodysReport(t *testing.T, name string) doctor.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "daemon", "doctor", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r doctor.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportText(t *testing.T) {
	for _, name := range []string{"healthy", "sick", "silent"} {
		golden.Equal(t, "doctor-"+name+".golden", reportText(somebodysReport(t, name), false, cli.Screen{}))
	}
	golden.Equal(t, "doctor-narrow.golden", reportText(somebodysReport(t, "healthy"), false, cli.Screen{Width: 40})+reportText(somebodysReport(t, "silent"), false, cli.Screen{Width: 80}))
	if got := reportText(doctor.Report{OK: true}, true, cli.Screen{}); got != "" {
		t.Errorf("quiet and well says %q", got)
	}
	coloured := reportText(somebodysReport(t, "sick"), false, cli.Screen{Colour: true})
	for _, want := range []string{"\x1b[1mkeeper\x1b[0m\n", "  \x1b[31mwrong\x1b[0m        ", "  \x1b[33mwarning\x1b[0m      ", "  \x1b[32mok\x1b[0m           "} {
		if !strings.Contains(coloured, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
}
