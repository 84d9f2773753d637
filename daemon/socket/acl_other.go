//go:build !linux

package socket

import (
	"errors"
	"io/fs"
)

func readACL(_ string, mode fs.FileMode) (acl, error) { return aclOf(mode), nil }

// writeACL fails: other systems have lists of other kinds.
func writeACL(string, acl) error { return errors.ErrUnsupported }
