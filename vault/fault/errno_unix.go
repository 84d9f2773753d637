//go:build !windows

package fault

import "syscall"

var (
	noSpace     = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
	diskFailure = []syscall.Errno{syscall.EIO, syscall.EROFS, syscall.ENODEV, syscall.ESTALE, syscall.ENXIO}
)
