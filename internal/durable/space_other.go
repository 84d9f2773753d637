//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package durable

import "errors"

// FreeSpace is not known on this system: [errors.ErrUnsupported].
func FreeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
