// Package dirtest makes the directories of tests that are not about the disk: they lie
// in memory where the system has a place for such, since a disk would only be waited
// for. What is kept over the end of a process is kept there as well; what is kept over
// a power cut other tests show.
//
// What is written into a directory may not come in. Nothing but tests imports it.
package dirtest

import (
	"os"
	"testing"
)

// memory is where Linux keeps files in memory.
const memory = "/dev/shm"

// enough is how much has to be free there. Containers often have less, and a test that
// fills it would fail by that.
const enough = 256 << 20

// Dir is a directory of the test's own, whose path is a short one, and which is gone
// after it. A benchmark's lies on the disk: its figures are compared with what the disk
// takes.
func Dir(t testing.TB) string {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return t.TempDir()
	}
	parent := "" // the system's own place
	if free(memory) >= enough {
		parent = memory
	}
	dir, err := os.MkdirTemp(parent, "bk-test-")
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
