package doctor

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileSystemOf(t *testing.T) {
	for magic, want := range map[uint32]Suitability{
		unix.NFS_SUPER_MAGIC: Network, unix.CIFS_SUPER_MAGIC: Network, unix.SMB2_SUPER_MAGIC: Network, unix.SMB_SUPER_MAGIC: Network,
		unix.AFS_SUPER_MAGIC: Network, unix.CODA_SUPER_MAGIC: Network, unix.CEPH_SUPER_MAGIC: Network, unix.OCFS2_SUPER_MAGIC: Network,
		unix.FUSE_SUPER_MAGIC: Bridged, unix.V9FS_MAGIC: Bridged,
		unix.TMPFS_MAGIC: Passing, unix.RAMFS_MAGIC: Passing, unix.OVERLAYFS_SUPER_MAGIC: Passing,
		unix.EXT4_SUPER_MAGIC: Local, unix.XFS_SUPER_MAGIC: Local, unix.BTRFS_SUPER_MAGIC: Local, unix.F2FS_SUPER_MAGIC: Local,
		unix.PROC_SUPER_MAGIC: Unclear,
	} {
		if got := fileSystemOf(magic); got.Kind != want || got.Name == "" {
			t.Errorf("%#x: %+v, want %s", magic, got, want)
		}
	}
	if got := fileSystem("/proc"); got.Kind != Unclear {
		t.Errorf("/proc: %+v", got)
	}
	if got := fileSystem("/does/not/exist"); got.Kind != Unclear || got.Name != "" {
		t.Errorf("%+v", got)
	}
}

func TestHolderIn(t *testing.T) {
	const list = `1: POSIX  ADVISORY  WRITE 10 08:02:77 0 EOF
2: FLOCK  ADVISORY  READ  11 08:02:77 0 EOF
3: FLOCK  ADVISORY  WRITE 12 08:02:78 0 EOF
3: -> FLOCK  ADVISORY  WRITE 13 08:02:77 0 EOF
4: FLOCK  ADVISORY  WRITE -1 08:02:79 0 EOF
5: FLOCK
6: FLOCK  ADVISORY  WRITE 14 08:02:77 0 EOF
`
	for file, want := range map[string]int{"08:02:77": 14, "08:02:78": 12, "08:02:79": 0, "08:02:80": 0} {
		if got, held := holderIn(list, file); got != want || held != (want > 0) {
			t.Errorf("%s: %d %v", file, got, held)
		}
	}
}

func TestLockHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if pid, held := lockHolder(path); held {
		t.Errorf("held by %d", pid)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	pid, held := lockHolder(path)
	if !held {
		t.Skip("this file system shows its locks under another number")
	}
	if pid != os.Getpid() {
		t.Errorf("held by %d, want %d", pid, os.Getpid())
	}
}

func TestDenied(t *testing.T) {
	dir := t.TempDir()
	if err := denied(dir); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root is kept from nothing")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if denied(dir) == nil {
		t.Error("a closed directory is taken for an open one")
	}
}

// A systemctl that answers is believed, whatever else runs here.
func TestLookAtSystemd(t *testing.T) {
	p := newPlace(t, "")
	p.env["XDG_RUNTIME_DIR"] = p.dir
	p.write("systemctl", `#!/bin/sh
case "$*" in
"--user show bilikeeper.service "*) echo "Failed to connect to bus: No medium found" >&2; exit 1;;
"show bilikeeper.service "*) printf 'LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nResult=success\nFragmentPath=/nowhere\nNeedDaemonReload=no\n';;
*) exit 2;;
esac
`, 0o700)
	f := p.look(t.Context())
	if s := f.Services; s.Manager != systemd || !s.System.Running || !s.System.Installed {
		t.Fatalf("%+v", s)
	}
	if f.Places.System { // root has no service of its own
		return
	}
	if own := f.Services.Own; own == nil || own.Err == nil || own.Err.Error() != "systemctl: Failed to connect to bus: No medium found" {
		t.Errorf("%+v", own)
	}
}

func TestAskSystemd(t *testing.T) {
	p := newPlace(t, "")
	p.write("systemctl", "#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n", 0o700)
	if s := askSystemd(t.Context(), true); s.Err == nil || s.Err.Error() != "systemctl: Failed to connect to bus: No medium found" {
		t.Errorf("%v", s.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s := askSystemd(ctx, false); s.Err == nil || s.Err.Error() != "systemctl: it did not answer" {
		t.Errorf("%v", s.Err)
	}
}
