//go:build unix && !long

package e2e_test

// The default run takes a sample.
const (
	readRotations = 30
	readKeepers   = 2
)
