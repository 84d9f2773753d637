package doctor

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fileSystem goes by the magic numbers of linux/magic.h and of file systems
// that are kept outside of the kernel.
func fileSystem(path string) FileSystem {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return FileSystem{Kind: Unclear}
	}
	// The type is signed on some machines and 32 bits wide on others.
	return fileSystemOf(uint32(st.Type))
}

func fileSystemOf(magic uint32) FileSystem {
	known := map[uint32]FileSystem{
		0x6969:     {"NFS", Network},
		0xff534d42: {"CIFS", Network},
		0xfe534d42: {"SMB", Network},
		0x517b:     {"SMB", Network},
		0x00c36400: {"CephFS", Network},
		0x5346414f: {"AFS", Network},
		0x6b414653: {"AFS", Network},
		0x73757245: {"Coda", Network},
		0x0bd00bd0: {"Lustre", Network},
		0x47504653: {"GPFS", Network},
		0x01161970: {"GFS2", Network},
		0x7461636f: {"OCFS2", Network},
		0x65735546: {"FUSE", Bridged},
		0x01021997: {"9P", Bridged},
		0x786f4256: {"a shared folder of VirtualBox", Bridged},
		0xbacbacbc: {"a shared folder of VMware", Bridged},
		0x01021994: {"tmpfs", Passing},
		0x858458f6: {"ramfs", Passing},
		0x794c7630: {"an overlay", Passing},
		0xef53:     {"ext", Local},
		0x58465342: {"XFS", Local},
		0x9123683e: {"Btrfs", Local},
		0x2fc12fc1: {"ZFS", Local},
		0xf2f52010: {"F2FS", Local},
		0xca451a4e: {"bcachefs", Local},
	}
	if kind, ok := known[magic]; ok {
		return kind
	}
	return FileSystem{fmt.Sprintf("a file system of type %#x", magic), Unclear}
}

// lockHolder is the process that holds the lock of a file. The kernel's list
// is read instead of trying the lock, so that a keeper which starts at this
// moment is not kept out.
func lockHolder(path string) (pid int, held bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0, false
	}
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, false
	}
	dev := uint64(st.Dev)
	return holderIn(string(list), fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), st.Ino))
}

// holderIn finds the holder of an exclusive lock in lines such as
// "1: FLOCK  ADVISORY  WRITE 708 08:02:13849 0 EOF". A line with an arrow is of
// somebody who waits.
func holderIn(list, file string) (int, bool) {
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) < 6 || words[1] != "FLOCK" || words[3] != "WRITE" || words[5] != file {
			continue
		}
		// A process outside of this pid namespace is shown as 0 or below.
		if pid, err := strconv.Atoi(words[4]); err == nil && pid > 0 {
			return pid, true
		}
	}
	return 0, false
}
