package passport

import "syscall"

// Windows reports Winsock's own numbers; syscall's POSIX names are placeholders
// there that no call ever returns.
const (
	errnoReset   = syscall.WSAECONNRESET
	errnoRefused = syscall.Errno(10061) // WSAECONNREFUSED
)
