package durable

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// FreeSpace returns how many bytes the caller can still write to the volume
// that path, a directory, lies on.
func FreeSpace(path string) (uint64, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, &fs.PathError{Op: "free space", Path: path, Err: err}
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, &fs.PathError{Op: "free space", Path: path, Err: err}
	}
	return free, nil
}
