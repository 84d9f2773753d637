//go:build unix

package config

import (
	"fmt"
	"io/fs"
)

// checkMode refuses a secret file that others than its owner can get at.
func checkMode(info fs.FileInfo, managed bool) error {
	forbidden := fs.FileMode(0o077)
	if managed {
		forbidden = 0o007
	}
	mode := info.Mode().Perm()
	switch {
	case mode&forbidden == 0:
		return nil
	case mode&0o004 != 0:
		return fileFault(fmt.Sprintf("is a world-readable secret (mode %04o)", mode), "run chmod 600 on it")
	default:
		return fileFault(fmt.Sprintf("is open to others than its owner (mode %04o)", mode), "run chmod 600 on it")
	}
}
