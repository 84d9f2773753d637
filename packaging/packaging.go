// Package packaging holds the files with which the keeper is installed, and
// renders those that the program installs by itself. Distributions' packages
// and the container image are made of the same files: the program build makes
// them, and manual writes what people read in them.
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

//go:embed systemd/bilikeeper-agent.service
var agentUnit string

//go:embed xdg/bilikeeper-agent.desktop
var agentEntry string

// SystemUnit is the systemd unit of a keeper for the whole machine, with the
// program at path.
func SystemUnit(path string) string { return unit(systemUnit, path) }

// UserUnit is the systemd unit of a keeper that runs as one user.
func UserUnit(path string) string { return unit(userUnit, path) }

// AgentUnit is the systemd user unit of an agent, the program at path, with
// further arguments.
func AgentUnit(path string, args ...string) string {
	line := []string{quote(path)}
	for _, arg := range args {
		line = append(line, quote(arg))
	}
	return strings.ReplaceAll(agentUnit, "/usr/bin/bilikeeper", strings.Join(line, " "))
}

// AgentEntry is the entry in the desktop's list of programs that start with a
// session. Beside a unit it steps back where systemd starts them.
func AgentEntry(besideUnit bool, path string, args ...string) string {
	line := []string{quoteEntry(path)}
	for _, arg := range args {
		line = append(line, quoteEntry(arg))
	}
	text := agentEntry
	if !besideUnit {
		// The comment and the two keys that make it step back are its end.
		text, _, _ = strings.Cut(text, "# Where systemd")
	}
	return strings.ReplaceAll(text, "/usr/bin/bilikeeper", strings.Join(line, " "))
}

// quoteEntry makes an argument one word of a desktop entry's Exec key: quoted by
// the rules of that key, then escaped as the file's values are.
func quoteEntry(arg string) string {
	quoted := strings.ReplaceAll(arg, "%", "%%")
	if strings.ContainsAny(arg, " \t\n\"'\\><~|&;$*?#()`") {
		quoted = `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", "$", `\$`, `\`, `\\`).Replace(quoted) + `"`
	}
	return strings.ReplaceAll(quoted, `\`, `\\`)
}

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
