package secretfile

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// withoutModes names the file system that path lies on where it is one that
// keeps no permissions, and shows the same mode for every file; and the option of
// its mount that closes them all.
func withoutModes(path string, mode fs.FileMode) (name, option string) {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return "", ""
	}
	return modeless(uint32(st.Type), mode)
}

// modeless goes by the numbers of statfs(2), and where some mounts of a kind keep
// permissions by the mode that the others show.
func modeless(kind uint32, mode fs.FileMode) (name, option string) {
	const umask = "umask=077"
	switch {
	case kind == unix.MSDOS_SUPER_MAGIC:
		return "vfat", umask
	case kind == unix.EXFAT_SUPER_MAGIC:
		return "exfat", umask
	case kind == 0x786f4256:
		return "vboxsf", umask
	case kind == 0x7366746e && mode == 0o777:
		return "ntfs3", umask
	case kind == unix.FUSE_SUPER_MAGIC && mode == 0o777:
		return "fuse", umask
	case (kind == unix.CIFS_SUPER_MAGIC || kind == unix.SMB2_SUPER_MAGIC) && (mode == 0o755 || mode == 0o777):
		return "cifs", "file_mode=0600,dir_mode=0700"
	case kind == unix.V9FS_MAGIC && mode == 0o777:
		return "9p", umask
	}
	return "", ""
}
