//go:build !windows

package servicecmd

// systemManager is the manager of a system for which there is more to do than the
// library does, nil for the others.
func systemManager(library) manager { return nil }
