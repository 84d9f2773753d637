package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// KernelNamesPeers: a peer without a name is refused here.
const KernelNamesPeers = true

func socketPeer(raw syscall.RawConn) Peer {
	var cred *unix.Xucred
	var pid int
	err := raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		pid, _ = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	})
	if err != nil || cred == nil {
		return Peer{}
	}
	p := Peer{UID: cred.Uid, PID: int32(pid), Known: true}
	if cred.Ngroups > 0 {
		p.GID = cred.Groups[0]
	}
	return p
}
