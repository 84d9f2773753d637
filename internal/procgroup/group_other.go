//go:build !unix && !windows

package procgroup

import "os/exec"

// Members is a command alone: there are no groups here.
type Members struct{}

// Group does nothing.
func Group(*exec.Cmd) Members { return Members{} }

// Started does nothing.
func (Members) Started(*exec.Cmd) {}

// Done does nothing.
func (Members) Done() {}
