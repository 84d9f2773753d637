//go:build !linux

package etcdtest

import (
	"errors"
	"os/exec"
	"testing"
)

// Network are hosts with a cable each to one switch, which can be had on Linux.
type Network struct{}

// Host is a place on a network.
type Host struct{}

// NewNetwork says that there is none.
func NewNetwork(testing.TB) (*Network, error) {
	return nil, errors.New("network namespaces are Linux's")
}

func (*Network) Address() string       { return "" }
func (*Network) Join(testing.TB) *Host { return nil }

func (*Host) Run(*exec.Cmd)              {}
func (*Host) Pull(testing.TB)            {}
func (*Host) Plug(testing.TB)            {}
func (*Host) Drops() bool                { return false }
func (*Host) Drop(testing.TB, ...string) {}
func (*Host) Pass(testing.TB)            {}
