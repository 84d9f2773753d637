package client

import (
	"cmp"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
)

// DefaultSocket is where a keeper listens that was not told otherwise:
// BILIKEEPER_SOCKET; for root, or within the system's own service,
// /run/bilikeeper/control.sock; else $XDG_RUNTIME_DIR/bilikeeper/control.sock;
// else control.sock in the state directory. Root comes before XDG_RUNTIME_DIR
// because a root shell may or may not have one, and both have to mean the
// system's keeper. macOS and Windows have their own places of the same kinds.
//
// A keeper whose configuration file names another socket is not found here.
func DefaultSocket() string {
	home := ""
	if u, err := user.Current(); err == nil {
		home = u.HomeDir
	}
	return defaultSocket(os.Getenv, os.Geteuid(), runtime.GOOS, home)
}

const socketName = "control.sock"

func defaultSocket(env func(string) string, uid int, system, home string) string {
	if path := env("BILIKEEPER_SOCKET"); path != "" {
		return path
	}
	home = cmp.Or(absolute(env("HOME")), absolute(home))
	ofSystem := uid == 0 || home == "" || ofService(env)
	state := filepath.Join(cmp.Or(absolute(env("XDG_STATE_HOME")), filepath.Join(home, ".local", "state")), "bilikeeper")
	switch {
	case system == "windows":
		state = windowsState(env)
	case system == "darwin" && ofSystem:
		return "/var/run/bilikeeper/" + socketName
	case system == "darwin":
		state = filepath.Join(home, "Library", "Application Support", "bilikeeper")
	case ofSystem:
		return "/run/bilikeeper/" + socketName
	case absolute(env("XDG_RUNTIME_DIR")) != "":
		return filepath.Join(env("XDG_RUNTIME_DIR"), "bilikeeper", socketName)
	}
	return filepath.Join(cmp.Or(env("BILIKEEPER_STATE_DIR"), state), socketName)
}

// absolute drops a relative directory, which the XDG specification tells to
// ignore.
func absolute(dir string) string {
	if !strings.HasPrefix(dir, "/") {
		return ""
	}
	return dir
}

// ofService reports whether systemd's system manager started this process. A
// user's manager sets the same variables, but names directories in the home
// and in /run/user.
func ofService(env func(string) string) bool {
	state, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":")
	run, _, _ := strings.Cut(env("RUNTIME_DIRECTORY"), ":")
	return strings.HasPrefix(state, "/var/lib/") ||
		strings.HasPrefix(run, "/run/") && !strings.HasPrefix(run, "/run/user/")
}

// windowsState knows a service by its profile, which lies in the system's own
// directory.
func windowsState(env func(string) string) string {
	profile := strings.ToLower(env("USERPROFILE"))
	if profile == "" || strings.Contains(profile, `\systemprofile`) || strings.Contains(profile, `\serviceprofiles\`) {
		return filepath.Join(cmp.Or(env("ProgramData"), `C:\ProgramData`), "bilikeeper")
	}
	return filepath.Join(cmp.Or(env("LOCALAPPDATA"), filepath.Join(env("USERPROFILE"), "AppData", "Local")), "bilikeeper")
}
