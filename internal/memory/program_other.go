//go:build !linux

package memory

// program leaves the pages of the program to the system.
func program() {}
