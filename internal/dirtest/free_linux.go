package dirtest

import "golang.org/x/sys/unix"

// free is how many bytes can be written below a directory.
func free(dir string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
