//go:build !windows

package passport

import "syscall"

const (
	errnoReset   = syscall.ECONNRESET
	errnoRefused = syscall.ECONNREFUSED
)
