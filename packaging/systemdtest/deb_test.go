//go:build linux && systemd

package systemdtest_test

import (
	"strings"
	"testing"
)

const (
	newDeb, oldDeb = "/root/new.deb", "/root/old.deb"
	packaged       = "/usr/lib/systemd/system/" + unit
	enabled        = "/etc/systemd/system/multi-user.target.wants/" + unit
)

// TestPackage is the life of the package, from its installation to its purge.
func TestPackage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyIn(built.deb(t), newDeb)
	w.makeOldDeb(earlierOrNone(t))
	for _, part := range []struct {
		name string
		test func(world)
	}{
		{"installation", testInstallation}, {"upgrade", testPackageUpgrade}, {"disabled", testDisabled}, {"by the program", testPackagedUnit},
		{"removal", testPackageRemoval}, {"purge", testPurge},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(w.in(t)) }) {
			return // each begins where the one before it ended
		}
	}
}

// earlierOrNone is the program of an earlier state, "" where none is known.
func earlierOrNone(t *testing.T) (path string) {
	t.Run("earlier program", func(t *testing.T) { path = built.earlier(t) })
	return path
}

// makeOldDeb makes a package of an earlier version of this one, with an earlier
// program where there is one.
func (w world) makeOldDeb(program string) {
	w.t.Helper()
	w.must("dpkg-deb", "--raw-extract", newDeb, "/root/old")
	w.must("sed", "--in-place", "s/^Version: .*/Version: 1.0.0-1/", "/root/old/DEBIAN/control")
	if program != "" {
		const example = "/root/old/etc/bilikeeper/config.toml"
		w.copyIn(program, "/root/old/usr/bin/bilikeeper")
		w.must("rm", example)
		w.must("/root/old/usr/bin/bilikeeper", "config", "init", "--config", example)
		w.must("chmod", "644", example)
	}
	w.must("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", "/root/old", oldDeb)
	w.must("rm", "--recursive", "/root/old")
}

// apt runs without anybody to ask: where a file of the configuration has been
// changed, and is another one in the new package, it stays as it is.
func (w world) apt(args ...string) {
	w.t.Helper()
	w.must(append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--option=Dpkg::Options::=--force-confold"}, args...)...)
}

// testInstallation: the service runs, and starts with the system.
func testInstallation(w world) {
	w.apt("install", oldDeb)
	w.wantState("running", 0)
	if !w.there(enabled) {
		w.t.Error("the service does not start with the system")
	}
	if s := w.status(); len(s.Accounts) != 0 || len(s.Daemon.Problems) != 0 {
		w.t.Errorf("it begins with %+v", s)
	}
	w.write(configFile, w.configuration(""), 0o644)
	w.must("systemctl", "restart", unit)
	w.logIn(account, "bilikeeper")
	w.wantAccount()
}

// testPackageUpgrade: the old keeper runs until the new one is there, and takes its
// place at once.
func testPackageUpgrade(w world) {
	pid, since := w.mainPID(), w.moment()
	w.apt("install", newDeb)
	w.wantState("running", 0)
	w.wantAccount()
	if now := w.mainPID(); now == pid {
		w.t.Error("the old process runs on")
	}
	if s := w.status(); s.Daemon.Version != version {
		w.t.Errorf("version %s runs", s.Daemon.Version)
	}
	if said := w.journal(since, "info"); strings.Count(said, "Stopped "+unit) != 1 || strings.Count(said, "Started "+unit) != 1 {
		w.t.Errorf("it was stopped and started more than once: %s", said)
	}
	if w.read(configFile) != w.configuration("") {
		w.t.Error("the configuration was changed")
	}
}

// testDisabled: what an administrator has switched off stays so.
func testDisabled(w world) {
	w.must("systemctl", "disable", "--now", unit)
	w.apt("install", "--reinstall", newDeb)
	w.wantState("stopped", 10)
	if w.there(enabled) {
		w.t.Error("the service was enabled again")
	}
	w.must("systemctl", "enable", "--now", unit)
	w.wantAccount()
}

// testPackagedUnit: the program's own commands leave the package's unit where it is.
func testPackagedUnit(w world) {
	r := w.want(0, "bilikeeper", "service", "install")
	if !strings.Contains(r.stderr, packaged) || w.there("/etc/systemd/system/"+unit) {
		w.t.Errorf("the package's unit is not used: %s", r)
	}
	r = w.want(1, "bilikeeper", "--socket", "/run/bilikeeper/other.sock", "service", "install")
	if !strings.Contains(r.stderr, "systemctl edit") {
		w.t.Errorf("places were taken: %s", r)
	}
	w.wantAccount()
	r = w.want(0, "bilikeeper", "service", "uninstall")
	if !strings.Contains(r.stderr, packaged) || !w.there(packaged) || w.there(enabled) {
		w.t.Errorf("it does not say what stays: %s", r)
	}
	w.wantState("stopped", 10)
	w.must("bilikeeper", "service", "install")
	w.must("bilikeeper", "service", "start")
	w.wantAccount()
}

// testPackageRemoval: the service goes with the program, and what it kept stays.
func testPackageRemoval(w world) {
	w.apt("remove", "bilikeeper")
	if pid := w.mainPID(); pid != "0" || w.there("/usr/bin/bilikeeper") || w.property("LoadState") != "not-found" {
		w.t.Errorf("the service is %s, its process %s", w.property("LoadState"), pid)
	}
	if !w.there(vaultFile) || w.read(configFile) != w.configuration("") {
		w.t.Error("the vault or the configuration is gone")
	}
	w.apt("install", newDeb)
	w.wantState("running", 0)
	w.wantAccount()
}

// testPurge leaves nothing, nor of what the program wrote on its owner's behalf.
func testPurge(w world) {
	secret := "whsec_bm90IGEgc2VjcmV0LCBqdXN0IGEgc2FtcGxlIQ==\n"
	setup := []string{"bilikeeper", "setup", "--yes", "--channel", "webhook", "--channel-set", "url=" + w.hookURL, "--channel-set", "secret_file=-"}
	if r := w.feed(secret, setup...); r.code != 0 {
		w.t.Fatal(r)
	}
	w.wantAccount()
	if n := w.hooks.count("login.code"); n != 1 {
		w.t.Errorf("%d samples came: %v", n, w.hooks.came)
	}
	w.apt("remove", "bilikeeper")
	for _, path := range []string{vaultFile, "/etc/bilikeeper/webhook.secret", configFile} {
		if !w.there(path) {
			w.t.Errorf("%s went with the program", path)
		}
	}
	w.apt("purge", "bilikeeper")
	left := w.must("find", "/etc", "/usr", "/var", "/run", "-xdev", "-name", "*bilikeeper*")
	if left != "" {
		w.t.Errorf("after a purge there is\n%s", left)
	}
	if state := w.property("LoadState"); state != "not-found" {
		w.t.Errorf("systemd knows the service as %s", state)
	}
}
