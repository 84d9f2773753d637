// Package packaging holds the files with which the keeper is installed, and
// renders those that the program installs by itself. Distributions' packages
// and the container image are made of the same files: the program build makes
// them, and manual writes what people read in them.
//
// No behaviour of the keeper belongs here.
package packaging

import (
	_ "embed"
	"html"
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

//go:embed openrc/bilikeeper
var openRCScript string

//go:embed launchd/bilikeeper.plist
var launchdList string

// Program is how a service is started: the program's path, and the flags that
// name its places.
type Program struct {
	Path                     string
	Config, Socket, StateDir string
}

// Args are the flags, each with its value.
func (p Program) Args() []string {
	var args []string
	for _, f := range [][2]string{{"--config", p.Config}, {"--socket", p.Socket}, {"--state-dir", p.StateDir}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	return args
}

// command is a command line of the program, each word made by quote. A check of
// the configuration takes the flag that names it alone.
func (p Program) command(quote func(string) string, command ...string) string {
	if command[0] == "config" {
		p.Socket, p.StateDir = "", ""
	}
	var words []string
	if p.Path != "" {
		words = []string{quote(p.Path)}
	}
	for _, word := range append(command, p.Args()...) {
		words = append(words, quote(word))
	}
	return strings.Join(words, " ")
}

// SystemUnit is the systemd unit of a keeper for the whole machine.
func SystemUnit(p Program) string { return unit(systemUnit, p) }

// UserUnit is the systemd unit of a keeper that runs as one user.
func UserUnit(p Program) string { return unit(userUnit, p) }

// OpenRC is the OpenRC script of a keeper for the whole machine.
func OpenRC(p Program) string {
	text := openRCScript
	for _, command := range [][]string{{"config", "check"}, {"reload"}} {
		text = strings.ReplaceAll(text, "/usr/bin/bilikeeper "+strings.Join(command, " "), p.command(quoteShell, command...))
	}
	// The arguments are read by a shell once more.
	args := p
	args.Path = ""
	text = strings.ReplaceAll(text, `command_args="daemon"`, "command_args="+quoteShell(args.command(quoteShell, "daemon")))
	text = strings.ReplaceAll(text, `command="/usr/bin/bilikeeper"`, "command="+quoteShell(p.Path))
	if p.StateDir != "" {
		text = strings.ReplaceAll(text, `owner "$command_user" "$STATE_DIRECTORY"`, `owner "$command_user" `+quoteShell(p.StateDir))
	}
	return text
}

// Launchd is the property list of a keeper for the whole machine, for launchd.
func Launchd(p Program) string {
	const command = "\t\t<string>/usr/bin/bilikeeper</string>\n\t\t<string>daemon</string>\n\t\t<string>--service</string>\n"
	var args strings.Builder
	for _, word := range append([]string{p.Path, "daemon", "--service"}, p.Args()...) {
		args.WriteString("\t\t<string>" + html.EscapeString(word) + "</string>\n")
	}
	text := strings.ReplaceAll(launchdList, command, args.String())
	if p.Config != "" {
		text = strings.ReplaceAll(text, launchdConfig, html.EscapeString(p.Config))
	}
	return text
}

// launchdConfig is the configuration of the machine's keeper.
const launchdConfig = "/Library/Application Support/bilikeeper/config.toml"

// LaunchdAgent is the property list of a keeper of one user's, whose home is named.
func LaunchdAgent(p Program, home string) string {
	text := Launchd(p)
	if p.Config == "" {
		text = strings.ReplaceAll(text, launchdConfig, html.EscapeString(home+launchdConfig))
	}
	return strings.ReplaceAll(text, "/var/log/bilikeeper.log", html.EscapeString(home+"/Library/Logs/bilikeeper.log"))
}

// quoteShell makes a text one word of a POSIX shell.
func quoteShell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

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

func unit(text string, p Program) string {
	for _, command := range []string{"daemon", "reload"} {
		text = strings.ReplaceAll(text, "/usr/bin/bilikeeper "+command+"\n", p.command(quote, command)+"\n")
	}
	return text
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
