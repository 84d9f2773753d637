package secretfile

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileSystemsWithoutModes(t *testing.T) {
	for _, tt := range []struct {
		kind uint32
		mode fs.FileMode
		want string
	}{
		{unix.MSDOS_SUPER_MAGIC, 0o755, "vfat"},
		{unix.EXFAT_SUPER_MAGIC, 0o777, "exfat"},
		{unix.V9FS_MAGIC, 0o777, "9p"},
		{unix.V9FS_MAGIC, 0o644, ""},
		{unix.FUSE_SUPER_MAGIC, 0o777, "fuse"},
		{unix.FUSE_SUPER_MAGIC, 0o644, ""},
		{0x7366746e, 0o777, "ntfs3"},
		{unix.CIFS_SUPER_MAGIC, 0o755, "cifs"},
		{unix.SMB2_SUPER_MAGIC, 0o755, "cifs"},
		{unix.SMB2_SUPER_MAGIC, 0o644, ""},
		{unix.EXT4_SUPER_MAGIC, 0o777, ""},
		{unix.TMPFS_MAGIC, 0o777, ""},
	} {
		if got, option := modeless(tt.kind, tt.mode); got != tt.want || (option == "") != (got == "") {
			t.Errorf("%#x with %04o: %q, want %q", tt.kind, tt.mode, got, tt.want)
		}
	}
	if got, _ := withoutModes("/proc", 0o777); got != "" {
		t.Errorf("/proc: %q", got)
	}
}
