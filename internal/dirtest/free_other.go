//go:build !linux

package dirtest

// free is 0 where no directory is known to be in memory.
func free(string) uint64 { return 0 }
