//go:build !unix

package engine

import (
	"errors"
	"fmt"
)

func lookup(string) (uid, gid int, err error) {
	return -1, -1, fmt.Errorf("files have no such owner on this system: %w", errors.ErrUnsupported)
}
