package doctor

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/windows"
)

func ownerOf(fs.FileInfo) int { return -1 }

// denied is always nil: what an access list comes to is known only by trying,
// and the doctor tries nothing.
func denied(string) error { return nil }

func fileSystem(path string) FileSystem {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil {
		return FileSystem{Kind: Unclear}
	}
	switch windows.GetDriveType(root) {
	case windows.DRIVE_REMOTE:
		return FileSystem{"a network drive", Network}
	case windows.DRIVE_RAMDISK:
		return FileSystem{"a disk in memory", Passing}
	case windows.DRIVE_FIXED, windows.DRIVE_REMOVABLE:
		return FileSystem{"a local disk", Local}
	}
	return FileSystem{Kind: Unclear}
}

func lockHolder(string) (int, bool) { return 0, false }
