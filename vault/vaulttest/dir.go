package vaulttest

import (
	"os"
	"testing"
)

// Dir is a directory in memory where the system has a place for such: where a test is
// not about the disk, that would only be waited for. What a vault keeps over a power cut
// other tests show.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bilikeeper-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
