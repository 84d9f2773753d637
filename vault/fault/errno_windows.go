package fault

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	noSpace     = []syscall.Errno{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}
	diskFailure = []syscall.Errno{windows.ERROR_IO_DEVICE, windows.ERROR_WRITE_FAULT, windows.ERROR_READ_FAULT, windows.ERROR_CRC, windows.ERROR_WRITE_PROTECT}
)
