package socket

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KernelNamesPeers: a peer without a name is refused here.
const KernelNamesPeers = true

func socketPeer(raw syscall.RawConn) Peer {
	var cred *unix.Ucred
	var groups []uint32
	var known bool
	err := raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		groups, known = peerGroups(fd)
	})
	if err != nil || cred == nil {
		return Peer{}
	}
	return Peer{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid, Groups: groups, GroupsKnown: known, Program: program(cred.Pid), Known: true}
}

// peerGroups asks for the supplementary groups. A kernel before 4.13 does not
// tell them.
func peerGroups(fd uintptr) (groups []uint32, ok bool) {
	for room := 64; ; {
		list := make([]uint32, room)
		size := uint32(4 * room)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&list[0])), uintptr(unsafe.Pointer(&size)), 0)
		n := int(size / 4)
		switch {
		case errno == 0:
			return list[:n], true
		case errno != unix.ERANGE || n <= room:
			return nil, false
		}
		room = n
	}
}

// program reads the link to the executable. Where that is closed, as it is for
// a keeper that is not root, there is the name that the process has: one that
// it can choose, hence the parentheses.
func program(pid int32) string {
	if pid <= 0 {
		return ""
	}
	dir := "/proc/" + strconv.Itoa(int(pid))
	if path, err := os.Readlink(dir + "/exe"); err == nil {
		return strings.TrimSuffix(path, " (deleted)")
	}
	name, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return ""
	}
	return "(" + strings.TrimSuffix(string(name), "\n") + ")"
}
