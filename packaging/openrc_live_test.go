//go:build openrc

package packaging_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inside is what is done on a machine that OpenRC runs: a layer over this one, with
// namespaces of its own. Each step says its name and how it ended.
const inside = `set -u
cd /srv/service
for deb in *.deb; do dpkg -x $deb unpacked; done
for dir in bin sbin lib; do [ ! -d unpacked/$dir ] || cp -a unpacked/$dir/. /usr/$dir/; done
cp -a unpacked/usr/. /usr/
cp -a unpacked/etc/. /etc/
ldconfig
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/openrc
for dir in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled init.d tmp; do mkdir /run/openrc/$dir; done
touch /run/openrc/softlevel /etc/insserv.conf
mkdir -p /etc/conf.d /etc/runlevels/default /etc/init.d
# There is no network to wait for.
printf 'rc_need="!net"\nrc_use="!dns !logger"\n' >/etc/conf.d/bilikeeper
cp bilikeeper /usr/local/bin/
step() { name=$1; shift; out=$("$@" 2>&1); echo "STEP $name rc=$? $(printf %s "$out" | grep -v '^scandir' | tr '\n' ' ')"; }
runs() { pgrep -x bilikeeper; }
step nouser bilikeeper service install
useradd --system --user-group bilikeeper
step absent bilikeeper service status
step install bilikeeper service install
step stopped bilikeeper service status
step start bilikeeper service start
for i in $(seq 100); do bilikeeper status >/dev/null 2>&1 && break; sleep 0.1; done
step running bilikeeper service status
step user sh -c 'ps -o user:20= -p $(pgrep -x bilikeeper)'
step again bilikeeper service install
step still bilikeeper service status
step reload rc-service bilikeeper reload
mkdir -p /etc/bilikeeper
echo 'nonsense = 1' >/etc/bilikeeper/config.toml
before=$(runs)
step badreload rc-service bilikeeper reload
step badrestart bilikeeper service restart
step kept test "$before" = "$(runs)"
rm /etc/bilikeeper/config.toml
step restart bilikeeper service restart
for i in $(seq 100); do bilikeeper status >/dev/null 2>&1 && break; sleep 0.1; done
step other test "$before" != "$(runs)"
before=$(runs)
pkill -9 -x bilikeeper
for i in $(seq 300); do [ -n "$(runs)" ] && [ "$(runs)" != "$before" ] && break; sleep 0.1; done
step revived bilikeeper service status
step uninstall bilikeeper service uninstall
step gone bilikeeper service status
step ended test -z "$(runs)"
step twice bilikeeper service uninstall
`

// around makes that machine.
const around = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/over"
mkdir "$1/over/upper" "$1/over/work" "$1/over/root"
root=$1/over/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/over/upper,workdir=$1/over/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/srv/service"
cp "$1"/*.deb "$1/bilikeeper" "$1/inside" "$root/srv/service/"
exec chroot "$root" env -i PATH="$PATH" HOME=/root bash /srv/service/inside
`

// TestOpenRCRuns runs the service under OpenRC itself: installed, started, reloaded,
// upgraded in place, killed, and taken away.
func TestOpenRCRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a machine of one's own takes root")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	if out, err := run("apt-get", "download", "openrc", "librc1", "libeinfo1"); err != nil {
		t.Skipf("SKIPPED: OpenRC cannot be had from Debian: %v: %s", err, out)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bilikeeper"), "github.com/bilikeeper/bilikeeper/cmd/bilikeeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, text := range map[string]string{"inside": inside, "around": around} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "over"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := run("unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "bash", filepath.Join(dir, "around"), dir)
	if err != nil && !strings.Contains(string(out), "STEP") {
		t.Skipf("SKIPPED: no machine in namespaces: %v: %s", err, out)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "STEP "); ok {
			name, result, _ := strings.Cut(rest, " ")
			said[name] = strings.TrimSpace(result)
		}
	}
	for _, want := range []struct{ step, begins, holds string }{
		{"nouser", "rc=1", "the service runs as the user bilikeeper, and there is none"},
		{"absent", "rc=15", "not installed"},
		{"install", "rc=0", "linux-openrc"},
		{"stopped", "rc=10", "stopped"},
		{"start", "rc=0", ""},
		{"running", "rc=0", "running"},
		{"user", "rc=0", "bilikeeper"},
		{"again", "rc=0", ""},
		{"still", "rc=0", "running"},
		{"reload", "rc=0", "Nothing changed"},
		{"badreload", "rc=2", "nonsense: is not a known key"},
		{"badrestart", "rc=1", "nonsense: is not a known key"},
		{"kept", "rc=0", ""},
		{"restart", "rc=0", ""},
		{"other", "rc=0", ""},
		{"revived", "rc=0", "running"},
		{"uninstall", "rc=0", "The service is removed."},
		{"gone", "rc=15", ""},
		{"ended", "rc=0", ""},
		{"twice", "rc=0", "not installed"},
	} {
		got, ok := said[want.step]
		if !ok || got != want.begins && !strings.HasPrefix(got, want.begins+" ") || !strings.Contains(got, want.holds) {
			t.Errorf("%s: %q, want %s and %q", want.step, got, want.begins, want.holds)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
