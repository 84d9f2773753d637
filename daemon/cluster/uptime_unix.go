//go:build unix

package cluster

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is a clock that only goes forward, that nobody sets, and that goes on while
// the machine sleeps: Go's monotonic clock stands still then, and a host that slept
// through its lease would take itself for the owner.
func Uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(steadyClock, &now); err != nil {
		return Never // a lease that cannot be measured has run out
	}
	return time.Duration(now.Nano())
}
