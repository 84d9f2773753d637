//go:build unix

package secretfile

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// handed is a file that has a group.
type handed struct {
	fs.FileInfo
	uid, gid uint32
	mode     fs.FileMode
}

func (h handed) Mode() fs.FileMode { return h.mode }
func (h handed) Sys() any          { return &syscall.Stat_t{Uid: h.uid, Gid: h.gid} }

func TestOwnGroup(t *testing.T) {
	dir := t.TempDir()
	g := groups{
		passwd: write(t, filepath.Join(dir, "passwd"), 0o644, "root:x:0:0::/root:/bin/sh\nkeeper:x:999:999::/:/bin/false\nann:x:1000:1000::/:/bin/sh\nnonsense\n"),
		group:  write(t, filepath.Join(dir, "group"), 0o644, "root:x:0:\nkeeper:x:999:\nann:x:1000:keeper\nmedia:x:50:keeper,ann\nempty:x:51:\nstrange:x:52:nobody\n"),
	}
	const keeper = 999
	for _, tt := range []struct {
		name   string
		file   handed
		reader int
		held   []int
		want   bool
	}{
		{"a pod's group", handed{nil, 0, 2000, 0o440}, keeper, []int{2000}, true},
		{"a pod's group, writable by its owner", handed{nil, 0, 2000, 0o640}, keeper, []int{2000}, true},
		{"a pod's group, as root", handed{nil, 0, 2000, 0o440}, 0, []int{0, 2000}, true},
		{"an unknown group of somebody else", handed{nil, 0, 2000, 0o440}, keeper, []int{999}, false},
		{"the service's group", handed{nil, 0, 999, 0o440}, keeper, []int{999}, true},
		{"the service's group, looked at by root", handed{nil, 0, 999, 0o640}, 0, []int{0}, true},
		{"the service's group, read by another", handed{nil, 0, 999, 0o440}, 1000, []int{1000}, false},
		{"a group of several", handed{nil, 0, 50, 0o440}, keeper, []int{50}, false},
		{"a group of several, as root", handed{nil, 0, 50, 0o440}, 0, []int{0}, false},
		{"another's first group", handed{nil, 0, 1000, 0o440}, keeper, []int{1000}, false},
		{"a group with somebody unknown", handed{nil, 0, 52, 0o440}, keeper, []int{52}, false},
		{"root's own group", handed{nil, 0, 0, 0o440}, 0, []int{0}, false},
		{"not of root", handed{nil, 999, 999, 0o440}, keeper, []int{999}, false},
		{"writable by the group", handed{nil, 0, 2000, 0o460}, keeper, []int{2000}, false},
		{"readable by all", handed{nil, 0, 2000, 0o444}, keeper, []int{2000}, false},
	} {
		if got := g.ownGroup(tt.file, tt.reader, tt.held); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	// Without the files nobody is known, as in an empty container.
	if !(groups{}).ownGroup(handed{nil, 0, 999, 0o440}, keeper, []int{999}) {
		t.Error("a container without users")
	}
}
