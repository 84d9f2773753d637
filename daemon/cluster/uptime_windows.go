package cluster

import (
	"time"

	"golang.org/x/sys/windows"
)

// Uptime is a clock that only goes forward, that nobody sets, and that goes on while
// the machine sleeps. It moves in steps of about 16 ms, which a lease's margin covers.
func Uptime() time.Duration { return windows.DurationSinceBoot() }
