//go:build !windows

package bolt

import (
	"bytes"
	"io"
	"os"
	"syscall"
)

// handOver does nothing: bbolt asks for the lock again on the same open file, which
// has it already.
func handOver(*os.File) error { return nil }

// mapped returns a file's bytes, which are read without a call of the system for
// each page. Where the file is cut off meanwhile, reading is a memory fault.
func mapped(file *os.File, size int64) (content io.ReaderAt, release func()) {
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return file, func() {}
	}
	return bytes.NewReader(data), func() { _ = syscall.Munmap(data) }
}

// GiveTo gives a file to the owner of another: what root makes beside a
// service's vault has to stay the service's.
func GiveTo(path, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return nil
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// replacesOpen tells whether a file that is open can be replaced.
const replacesOpen = true
