package secretfile

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// withoutModes names the file system that path lies on where it is one that
// keeps no permissions, and shows the same mode for every file.
func withoutModes(path string, mode fs.FileMode) string {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return ""
	}
	return modeless(uint32(st.Type), mode)
}

// modeless goes by the numbers of statfs(2).
func modeless(kind uint32, mode fs.FileMode) string {
	switch {
	case kind == unix.MSDOS_SUPER_MAGIC:
		return "vfat"
	case kind == unix.EXFAT_SUPER_MAGIC:
		return "exfat"
	case kind == 0x786f4256:
		return "vboxsf"
	case kind == unix.V9FS_MAGIC && mode == 0o777:
		// Some servers of 9p keep permissions; those that do not show this one.
		return "9p"
	}
	return ""
}
