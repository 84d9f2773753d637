//go:build unix && !linux

package cluster

import "golang.org/x/sys/unix"

// On macOS this one goes on while the machine sleeps.
const steadyClock = unix.CLOCK_MONOTONIC
