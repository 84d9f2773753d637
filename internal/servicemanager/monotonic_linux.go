package servicemanager

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the clock by which systemd orders what it is told.
func monotonic() (time.Duration, bool) {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return time.Duration(now.Nano()), err == nil
}
