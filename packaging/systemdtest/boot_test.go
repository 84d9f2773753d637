//go:build linux && systemd

package systemdtest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What the guard tells the process that becomes systemd.
const (
	treeVariable   = "BILIKEEPER_SYSTEMDTEST_TREE"
	placeVariable  = "BILIKEEPER_SYSTEMDTEST_PLACE"
	cgroupVariable = "BILIKEEPER_SYSTEMDTEST_CGROUP"
)

// becomeSystemd makes a root of the tree, with a layer in memory for what is written,
// and goes on as systemd in it. It returns only if that fails. All namespaces but
// that of the cgroups are there already: that one begins where the process is.
func becomeSystemd() error {
	unix.CloseOnExec(3)
	place := os.Getenv(placeVariable)
	if err := os.WriteFile(filepath.Join(os.Getenv(cgroupVariable), "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a namespace of cgroups: %w", err)
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	root := filepath.Join(place, "root")
	for _, dir := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(place, dir), 0o755); err != nil {
			return err
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", os.Getenv(treeVariable), place, place)
	if err := mount("overlay", root, "overlay", 0, layers); err != nil {
		return err
	}
	if err := mountAll(root); err != nil {
		return err
	}
	if err := enter(root); err != nil {
		return err
	}
	const systemd = "/lib/systemd/systemd"
	return fmt.Errorf("%s: %w", systemd, unix.Exec(systemd, []string{systemd, "--log-target=journal"}, []string{"container=lxc"}))
}

// mountAll mounts what a system expects of its first process, as a container has it.
func mountAll(root string) error {
	const nodev, noexec = unix.MS_NOSUID | unix.MS_NODEV, unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct {
		kind, at, options string
		flags             uintptr
	}{
		{"proc", "proc", "", noexec},
		{"sysfs", "sys", "", noexec | unix.MS_RDONLY},
		{"cgroup2", "sys/fs/cgroup", "", noexec},
		{"tmpfs", "dev", "mode=755", unix.MS_NOSUID},
		{"devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=620,gid=5", unix.MS_NOSUID | unix.MS_NOEXEC},
		{"tmpfs", "dev/shm", "", nodev},
		{"tmpfs", "run", "mode=755", nodev},
		{"tmpfs", "tmp", "", nodev},
	} {
		at := filepath.Join(root, m.at)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := mount(m.kind, at, m.kind, m.flags, m.options); err != nil {
			return err
		}
	}
	for _, node := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		at := filepath.Join(root, "dev", node)
		if err := os.WriteFile(at, nil, 0o666); err != nil {
			return err
		}
		if err := mount("/dev/"+node, at, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for name, to := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(to, filepath.Join(root, "dev", name)); err != nil {
			return err
		}
	}
	return nil
}

// enter makes root the root, and leaves nothing of the old one to be seen.
func enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("another root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	// Credentials of services are mounts that have to reach them.
	return errors.Join(mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""), unix.Sethostname([]byte(hostname)), os.Chdir("/"))
}

func mount(what, at, kind string, flags uintptr, options string) error {
	if err := unix.Mount(what, at, kind, flags, options); err != nil {
		return fmt.Errorf("mount %s %s at %s: %w", what, options, at, err)
	}
	return nil
}
