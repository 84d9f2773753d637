//go:build !linux

package servicemanager

import "time"

// monotonic has a meaning for systemd alone.
func monotonic() (time.Duration, bool) { return 0, false }
