package control

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelNamesPeers: a peer without a name is refused here.
const kernelNamesPeers = true

func socketPeer(raw syscall.RawConn) Peer {
	var cred *unix.Ucred
	err := raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || cred == nil {
		return Peer{}
	}
	return Peer{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid, Program: program(cred.Pid), Known: true}
}

// program reads the link to the executable. The name in /proc/PID/comm would
// be readable for more processes, but the process itself chooses it.
func program(pid int32) string {
	if pid <= 0 {
		return ""
	}
	path, err := os.Readlink("/proc/" + strconv.Itoa(int(pid)) + "/exe")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(path), " (deleted)")
}
