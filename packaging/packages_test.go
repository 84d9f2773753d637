//go:build packages

package packaging_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The packages, built as a release is, and looked at with the tools of the systems
// that they are for. A tool that is not installed leaves its part out.

const testVersion, testCommit, testEpoch = "1.2.3-rc1", "0123456789abcdef0123456789abcdef01234567", "1796025315"

// copySource puts the source into another directory, without the repository.
func copySource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimRight(output(t, "..", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func buildIn(t *testing.T, source string) string {
	t.Helper()
	out := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", testEpoch)
	output(t, source, "go", "run", "./packaging/build", "-o", out, "-only", "amd64", "-version", testVersion, "-commit", testCommit)
	return out
}

func TestPackages(t *testing.T) {
	out := buildIn(t, "..")
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	t.Run("same bytes elsewhere", func(t *testing.T) {
		again, err := os.ReadFile(filepath.Join(buildIn(t, copySource(t)), "SHA256SUMS"))
		if first := read("SHA256SUMS"); err != nil || string(again) != first {
			t.Errorf("%v: a second build made\n%s\nand the first\n%s", err, again, first)
		}
	})
	t.Run("sums", func(t *testing.T) {
		checked := output(t, out, "sha256sum", "-c", "SHA256SUMS")
		if n := strings.Count(checked, ": OK"); n != 12 {
			t.Errorf("%d files: %s", n, checked)
		}
	})
	const binary = "bilikeeper_" + testVersion + "_linux_amd64"
	t.Run("version", func(t *testing.T) {
		said := output(t, out, filepath.Join(out, binary), "version")
		if !strings.HasPrefix(said, "bilikeeper "+testVersion+" (commit 0123456789ab, go") {
			t.Errorf("it says %s", said)
		}
	})
	t.Run("components", func(t *testing.T) {
		testComponents(t, output(t, out, "go", "version", "-m", binary), read(binary+".cdx.json"))
	})
	t.Run("deb", func(t *testing.T) { testDeb(t, filepath.Join(out, "bilikeeper_1.2.3~rc1-1_amd64.deb")) })
	t.Run("etcd", func(t *testing.T) {
		const deb = "bilikeeper-etcd_1.2.3~rc1-1_amd64.deb"
		if depends := output(t, out, "dpkg-deb", "-f", deb, "Depends"); strings.TrimSpace(depends) != "bilikeeper" {
			t.Errorf("it depends on %s", depends)
		}
		list := output(t, out, "dpkg-deb", "-c", deb)
		if !strings.Contains(list, "./usr/bin/bilikeeper-etcd\n") || strings.Contains(list, "./usr/bin/bilikeeper\n") {
			t.Errorf("it has %s", list)
		}
		if said := output(t, out, "lintian", "--allow-root", "--fail-on", "error,warning", deb); said != "" {
			t.Errorf("lintian says %s", said)
		}
		said := output(t, out, filepath.Join(out, "bilikeeper-etcd_"+testVersion+"_linux_amd64"), "version")
		if !strings.HasPrefix(said, "bilikeeper "+testVersion+" ") {
			t.Errorf("it says %s", said)
		}
	})
	t.Run("apk", func(t *testing.T) {
		const apk = "bilikeeper_1.2.3_rc1-r1_x86_64.apk"
		if info := output(t, out, "tar", "-xzOf", apk, ".PKGINFO"); !strings.Contains(info, "\npkgver = 1.2.3_rc1-r1\n") {
			t.Error(info)
		}
		list := output(t, out, "tar", "-tzf", apk)
		for _, want := range []string{".pre-install", ".post-upgrade", "etc/init.d/bilikeeper", "usr/bin/bilikeeper"} {
			if !slices.Contains(strings.Split(list, "\n"), want) {
				t.Errorf("it lacks %s: %s", want, list)
			}
		}
	})
	t.Run("rpm", func(t *testing.T) {
		const rpm = "bilikeeper-1.2.3~rc1-1.x86_64.rpm"
		if said := output(t, out, "rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE} %{BUILDHOST} %{BUILDTIME}", rpm); said != "1.2.3~rc1-1 localhost "+testEpoch {
			t.Errorf("it is %s", said)
		}
		if said := output(t, out, "rpm", "-qp", "--configfiles", rpm); said != "/etc/bilikeeper/config.toml\n" {
			t.Errorf("its configuration is %s", said)
		}
	})
	t.Run("pacman", func(t *testing.T) {
		info := output(t, out, "tar", "--zstd", "-xOf", "bilikeeper-1.2.3rc1-1-x86_64.pkg.tar.zst", ".PKGINFO")
		for _, want := range []string{"\npkgver = 1.2.3rc1-1\n", "\nbackup = etc/bilikeeper/config.toml\n", "\npkgdesc = Keeps Bilibili logins alive\n"} {
			if !strings.Contains(info, want) {
				t.Errorf("it lacks %q: %s", want, info)
			}
		}
	})
}

// testComponents compares the list with what the go command reads in the binary.
func testComponents(t *testing.T, said, list string) {
	var bom struct {
		SerialNumber string
		Components   []struct{ PURL string }
	}
	if err := json.Unmarshal([]byte(list), &bom); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("the serial number is %s", bom.SerialNumber)
	}
	listed, linked := map[string]bool{}, map[string]bool{}
	for _, c := range bom.Components {
		listed[c.PURL] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(said, -1) {
		linked["pkg:golang/"+m[1]+"@"+m[2]] = true
	}
	linked["pkg:golang/std@"+regexp.MustCompile(`: go(\S+)`).FindStringSubmatch(said)[1]] = true
	if !maps.Equal(listed, linked) || len(linked) < 10 {
		t.Errorf("listed are %v, linked are %v", listed, linked)
	}
}

func testDeb(t *testing.T, deb string) {
	content := output(t, ".", "dpkg-deb", "-c", deb)
	for _, want := range []string{
		`drwxr-xr-x root/root .* ./etc/bilikeeper/`, `-rw-r--r-- root/root .* ./etc/bilikeeper/config.toml`,
		`-rwxr-xr-x root/root .* ./usr/bin/bilikeeper`,
		`-rw-r--r-- root/root .* ./usr/lib/systemd/system/bilikeeper.service`,
		`-rw-r--r-- root/root .* ./usr/lib/systemd/user/bilikeeper-agent.service`,
		`-rw-r--r-- root/root .* ./usr/share/man/man1/bilikeeper-vault-backup.1.gz`,
		`-rw-r--r-- root/root .* ./usr/share/man/man5/bilikeeper.toml.5.gz`,
		`-rw-r--r-- root/root .* ./usr/share/bash-completion/completions/bilikeeper`,
		`-rw-r--r-- root/root .* ./usr/share/zsh/vendor-completions/_bilikeeper`,
		`-rw-r--r-- root/root .* ./usr/share/fish/vendor_completions.d/bilikeeper.fish`,
		`-rw-r--r-- root/root .* ./usr/share/doc/bilikeeper/copyright`,
		`-rw-r--r-- root/root .* ./usr/share/bilikeeper/prometheus/alerts.yml`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(content) {
			t.Errorf("the package has no %s:\n%s", want, content)
		}
	}
	t.Run("lintian", func(t *testing.T) {
		if said := output(t, ".", "lintian", "--allow-root", "--fail-on", "error,warning", deb); said != "" {
			t.Error(said)
		}
	})
	root := filepath.Join(t.TempDir(), "root")
	t.Run("unpacked", func(t *testing.T) {
		output(t, ".", "dpkg-deb", "-x", deb, root)
		pages, err := filepath.Glob(filepath.Join(root, "usr/share/man/man*/*.gz"))
		if err != nil || len(pages) < 40 {
			t.Fatalf("%d pages, %v", len(pages), err)
		}
		for _, page := range pages {
			if shown, said := outputs(t, ".", "man", "--warnings", "-l", page); said != "" || strings.Count(shown, "\n") < 10 {
				t.Errorf("%s: %s\n%s", filepath.Base(page), said, shown)
			}
		}
		// What is left out is of the part that the library writes for every program.
		output(t, root, "shellcheck", "--shell=bash", "--severity=warning", "--exclude=SC2034,SC2048,SC2053,SC2145", "usr/share/bash-completion/completions/bilikeeper")
		output(t, root, filepath.Join(root, "usr/bin/bilikeeper"), "config", "check", "--config", filepath.Join(root, "etc/bilikeeper/config.toml"))
	})
	t.Run("life", func(t *testing.T) { testDebLife(t, deb) })
}

// testDebLife installs, removes and purges in a directory of its own. The scripts
// run with DPKG_ROOT, so that no service manager is asked.
func testDebLife(t *testing.T, deb string) {
	root := t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/updates", "var/lib/dpkg/info"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dpkg := func(args ...string) {
		t.Helper()
		output(t, ".", "dpkg", append([]string{"--root=" + root, "--force-script-chrootless,depends,not-root,bad-path", "--log=" + filepath.Join(root, "log")}, args...)...)
	}
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(root, name))
		return err == nil
	}
	const enabled, vault, config = "etc/systemd/system/multi-user.target.wants/bilikeeper.service", "var/lib/private/bilikeeper/vault.db", "etc/bilikeeper/config.toml"

	dpkg("--install", deb)
	if !there(enabled) || !there(config) || !there("usr/bin/bilikeeper") {
		t.Fatalf("installed: service %v, configuration %v", there(enabled), there(config))
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, vault)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, vault), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dpkg("--install", deb)
	dpkg("--remove", "bilikeeper")
	if !there(vault) || !there(config) || there("usr/bin/bilikeeper") {
		t.Errorf("removed: vault %v, configuration %v, program %v", there(vault), there(config), there("usr/bin/bilikeeper"))
	}
	dpkg("--purge", "bilikeeper")
	if there(vault) || there(config) || there("etc/bilikeeper") || there(enabled) {
		t.Errorf("purged: vault %v, configuration %v, service %v", there(vault), there(config), there(enabled))
	}
}

func TestScriptsAreClean(t *testing.T) {
	var scripts []string
	for _, pattern := range []string{"debian/p*", "rpm/*", "archlinux/*", "alpine/*", "container/rootfs", "../.ci/run"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		scripts = append(scripts, found...)
	}
	output(t, ".", "shellcheck", append([]string{"--severity=warning"}, scripts...)...)
	output(t, ".", "shellcheck", "--shell=sh", "--severity=warning", "openrc/bilikeeper") // its first line names OpenRC's
}
