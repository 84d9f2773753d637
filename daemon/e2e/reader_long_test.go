//go:build unix && long

package e2e_test

const (
	readRotations = 1000
	readKeepers   = 5
)
