// Package packaging holds the files with which the keeper is installed, and
// renders those that the program installs by itself. Distributions' packages
// are made of the same files.
//
// No behaviour of the keeper belongs here.
package packaging

import (
	_ "embed"
	"strings"
)

//go:embed systemd/bilikeeper.service
var systemUnit string

//go:embed systemd/bilikeeper-user.service
var userUnit string

// SystemUnit is the systemd unit of a keeper for the whole machine, with the
// program at path.
func SystemUnit(path string) string { return unit(systemUnit, path) }

// UserUnit is the systemd unit of a keeper that runs as one user.
func UserUnit(path string) string { return unit(userUnit, path) }

func unit(text, path string) string {
	return strings.ReplaceAll(text, "/usr/bin/bilikeeper", quote(path))
}

// quote makes a path one word of a unit's command line. A percent sign would be
// read as a specifier, a dollar sign as a variable.
func quote(path string) string {
	escaped := strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`).Replace(path)
	if escaped == path && !strings.ContainsAny(path, " \t'") {
		return path
	}
	return `"` + escaped + `"`
}
