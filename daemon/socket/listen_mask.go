//go:build unix && !linux

package socket

import "net"

func bind(path string) (net.Listener, error) { return bindMasked(path) }
