package quickget

import (
	"os"
	"syscall"
)

// place is the first socket that the command would try, "" where finding it takes
// more than plain rules. The rules are those of packages config and client, which
// cannot be imported here; a test compares them.
func (w wanted) place(uid int, env func(string) string) string {
	config, named := first(w.config, env("BILIKEEPER_CONFIG")), true
	system := uid == 0 || ofService(env)
	home := env("HOME")
	if !system && !hasPrefix(home, "/") {
		return "" // the system's list of users knows it
	}
	if config == "" {
		config, named = defaultConfig(system, home, env), false
	}
	inFile, ok := socketIn(config, named)
	if !ok {
		return ""
	}
	if given := first(w.socket, env("BILIKEEPER_SOCKET"), inFile); given != "" {
		return given
	}
	if system {
		return "/run/bilikeeper/control.sock"
	}
	if dir := env("XDG_RUNTIME_DIR"); hasPrefix(dir, "/") {
		return dir + "/bilikeeper/control.sock"
	}
	return ""
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func defaultConfig(system bool, home string, env func(string) string) string {
	if system {
		return "/etc/bilikeeper/config.toml"
	}
	if dir := env("XDG_CONFIG_HOME"); hasPrefix(dir, "/") {
		return dir + "/bilikeeper/config.toml"
	}
	return home + "/.config/bilikeeper/config.toml"
}

// ofService reports whether systemd's system manager started this process.
func ofService(env func(string) string) bool {
	state, _, _ := cut(env("STATE_DIRECTORY"), ":")
	run, _, _ := cut(env("RUNTIME_DIRECTORY"), ":")
	return hasPrefix(state, "/var/lib/") ||
		hasPrefix(run, "/run/") && !hasPrefix(run, "/run/user/")
}

// socketIn reads the socket from the lines before the first table. It is false
// where one of them is not a plain one.
func socketIn(path string, named bool) (string, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		inner, ok := err.(*os.PathError)
		return "", ok && !named && (inner.Err == syscall.ENOENT || inner.Err == syscall.EACCES)
	}
	socket := ""
	for line, rest := "", string(text); rest != ""; {
		line, rest, _ = cut(rest, "\n")
		line = trim(line)
		if line == "" || hasPrefix(line, "#") {
			continue
		}
		if hasPrefix(line, "[") {
			break
		}
		key, value, ok := cut(line, "=")
		key, value = trim(key), trim(value)
		if !ok || !plainWord(key) || contains(value, `"""`) || contains(value, `'''`) {
			return "", false
		}
		if key == "socket" {
			if socket, ok = plainText(value); !ok || !hasPrefix(socket, "/") {
				return "", false
			}
		}
	}
	return socket, true
}

// plainText is a quoted text without anything that has a meaning of its own.
func plainText(value string) (string, bool) {
	if len(value) < 2 || value[0] != '"' && value[0] != '\'' || value[len(value)-1] != value[0] {
		return "", false
	}
	text := value[1 : len(value)-1]
	for _, c := range []byte(text) {
		if c == '\\' || c == '"' || c == '\'' || c == '#' {
			return "", false
		}
	}
	return text, true
}
