package memory

import (
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program gives back the pages that are mapped from the program's own file and that
// nothing writes to. They stay mapped where they are as long as the process lives,
// so there is no moment at which something else could lie there.
func program() {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if begin, end, ok := readOnly(line, path); ok {
			_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(nil, begin)), end-begin), unix.MADV_DONTNEED) // advice, no more
		}
	}
}

// readOnly reads a line of the list of mappings: where one of a file begins and ends
// that is read or run alone.
func readOnly(line, path string) (begin, end uintptr, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || strings.TrimSuffix(strings.Join(f[5:], " "), " (deleted)") != strings.TrimSuffix(path, " (deleted)") || !strings.HasPrefix(f[1], "r-") {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(f[0], "-")
	first, err := strconv.ParseUint(from, 16, strconv.IntSize)
	if err != nil {
		return 0, 0, false
	}
	last, err := strconv.ParseUint(to, 16, strconv.IntSize)
	return uintptr(first), uintptr(last), err == nil && last > first
}
