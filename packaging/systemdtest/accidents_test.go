//go:build linux && systemd

package systemdtest_test

import (
	"os"
	"strings"
	"testing"
)

// TestAccidents: whatever ends the keeper, it comes back with what it kept; what
// happens to others does not end it.
func TestAccidents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyIn(built.program(t), program)
	w.write(configFile, w.configuration(""), 0o644)
	w.must("bilikeeper", "service", "install")
	w.must("bilikeeper", "service", "start")
	w.logIn(account, "bilikeeper")
	// KILL is what a system short of memory sends, ABRT what the watchdog, SEGV what
	// a fault in the program.
	for _, signal := range []string{"KILL", "ABRT", "SEGV"} {
		t.Run(signal, func(t *testing.T) {
			w.in(t).comesBack("kill", "--signal="+signal, "--kill-whom=main", unit)
		})
	}
	t.Run("stopped", func(t *testing.T) {
		w := w.in(t)
		w.dropIn("watchdog", "WatchdogSec=2s")
		w.must("bilikeeper", "service", "restart")
		since := w.moment()
		w.comesBack("kill", "--signal=STOP", "--kill-whom=main", unit)
		if said := w.journal(since, "info"); !strings.Contains(said, "Watchdog timeout") {
			t.Errorf("it was not the watchdog: %s", said)
		}
		w.dropOut("watchdog")
		w.must("bilikeeper", "service", "restart")
	})
	t.Run("PIPE", func(t *testing.T) {
		w := w.in(t)
		pid := w.mainPID()
		w.must("systemctl", "kill", "--signal=PIPE", "--kill-whom=main", unit)
		w.stays(pid)
	})
	t.Run("journal", func(t *testing.T) { testJournal(w.in(t)) })
	t.Run("socket", func(t *testing.T) {
		w := w.in(t)
		pid := w.mainPID()
		if err := os.Remove(w.path("/run/bilikeeper/control.sock")); err != nil {
			t.Fatal(err)
		}
		w.until("the socket is back", func() bool { return w.run("bilikeeper", "status").code == 0 })
		w.wantOwner("/run/bilikeeper/control.sock", "bilikeeper 600")
		w.stays(pid)
	})
}

// comesBack does something to the service by which it ends, and wants another one in
// its place.
func (w world) comesBack(systemctl ...string) {
	w.t.Helper()
	before, times := w.mainPID(), w.property("NRestarts")
	w.must(append([]string{"systemctl"}, systemctl...)...)
	w.until("the service comes back", func() bool {
		return w.property("NRestarts") != times && w.property("ActiveState") == "active" && w.mainPID() != before
	})
	w.wantAccount()
}

// stays wants the service to be as it was, by its process.
func (w world) stays(pid string) {
	w.t.Helper()
	if now := w.mainPID(); now != pid || w.property("ActiveState") != "active" {
		w.t.Errorf("the process was %s and is %s; the service is %s", pid, now, w.property("ActiveState"))
	}
	w.wantAccount()
}

// testJournal takes the reader of the log away, for a moment and for good.
func testJournal(w world) {
	pid, since := w.mainPID(), w.moment()
	w.must("systemctl", "restart", "systemd-journald.service")
	w.must("systemctl", "reload", unit)
	w.stays(pid)
	w.until("the log is in the journal again", func() bool { return strings.Contains(w.journal(since, "info"), "configuration reloaded") })

	// The sockets have to go as well, or systemd keeps the streams open.
	const sockets = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket"
	w.must(strings.Fields("systemctl stop " + sockets + " systemd-journald.service")...)
	for range 5 {
		w.must("bilikeeper", "reload")
	}
	w.stays(pid)
	w.must(strings.Fields("systemctl start " + sockets + " systemd-journald.service")...)
	w.stays(pid)
	w.must("bilikeeper", "service", "restart")
	w.wantAccount()
}
