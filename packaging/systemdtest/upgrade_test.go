//go:build linux && systemd

package systemdtest_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestUpgrade puts this program in the place of an earlier one, under a service that
// runs.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	earlier := built.earlier(t)
	w := newWorld(t)
	w.copyIn(earlier, program)
	w.write(configFile, w.configuration(""), 0o644)
	w.must("bilikeeper", "service", "install")
	w.must("bilikeeper", "service", "start")
	w.logIn(account, "bilikeeper")
	w.wantAccount()
	before, journal := w.status(), w.events()
	if before.Daemon.Version != "1.0.0" || len(journal) == 0 {
		t.Fatalf("version %s, %d events", before.Daemon.Version, len(journal))
	}

	w.copyIn(built.program(t), program)
	w.wantAccount() // the new command, the old keeper
	w.must("bilikeeper", "service", "install")
	if w.mainPID() == "0" {
		t.Error("the installation stopped the service")
	}
	if installed, shown := w.read("/etc/systemd/system/"+unit), w.must("bilikeeper", "service", "install", "--print"); installed != shown {
		t.Errorf("the unit is\n%s\nand not\n%s", installed, shown)
	}
	w.must("bilikeeper", "service", "restart")
	w.wantAccount()
	after := w.status()
	if after.Daemon.Version != version || after.Accounts[0].Generation != before.Accounts[0].Generation {
		t.Errorf("before %+v, after %+v", before, after)
	}
	now := w.events()
	for id, text := range journal {
		if now[id] != text {
			t.Errorf("event %d was\n%s\nand is\n%s", id, text, now[id])
		}
	}
	if len(after.Daemon.Problems) > 0 {
		t.Errorf("problems: %q", after.Daemon.Problems)
	}
}

// events are the journal's entries by their ids.
func (w world) events() map[uint64]string {
	w.t.Helper()
	all := map[uint64]string{}
	for line := range strings.Lines(w.must("bilikeeper", "events", "--json")) {
		var one struct{ ID uint64 }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			w.t.Fatal(err)
		}
		all[one.ID] = line
	}
	return all
}
