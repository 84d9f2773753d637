//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package agent

// lock does nothing: such a system has no desktop to show anything on.
func lock(string) (release func(), err error) { return func() {}, nil }
