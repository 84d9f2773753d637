package socket

import (
	"errors"
	"io/fs"
	"net"
	"syscall"
)

const (
	maxSocketPath = 107
	// A socket is a reparse point, which Go has reported in both ways.
	socketTypes = fs.ModeSocket | fs.ModeIrregular
)

func bind(path string) (net.Listener, error) { return net.Listen("unix", path) }

// same goes by what there is: sockets have no number here that could be read.
func same(a, b fs.FileInfo) bool { return a.ModTime().Equal(b.ModTime()) }

func nobodyListens(err error) bool {
	const refused = syscall.Errno(10061) // WSAECONNREFUSED
	return errors.Is(err, refused)
}

// worldWritable has no answer in mode bits here.
func worldWritable(fs.FileInfo) bool { return false }

// owners has no answer in numbers here.
func owners(fs.FileInfo) (user, group uint32, ok bool) { return 0, 0, false }
