package socket

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

const aclAttribute = "system.posix_acl_access"

// readACL returns a file's list. One that has none, or lies where there are
// none, has its mode.
func readACL(path string, mode fs.FileMode) (acl, error) {
	data := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, aclAttribute, data)
	for errors.Is(err, unix.ERANGE) {
		data = make([]byte, 2*len(data))
		n, err = unix.Lgetxattr(path, aclAttribute, data)
	}
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return aclOf(mode), nil
	case err != nil:
		return nil, err
	}
	return parseACL(data[:n])
}

// writeACL gives a file a list in one step: there is no moment with half of it.
func writeACL(path string, list acl) error {
	return unix.Lsetxattr(path, aclAttribute, list.encode(), 0)
}
