//go:build !linux

package secretfile

import "io/fs"

// withoutModes knows no names of file systems here.
func withoutModes(string, fs.FileMode) (name, option string) { return "", "" }
