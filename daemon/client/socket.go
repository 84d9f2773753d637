package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// DefaultSocket is where a keeper of this process would listen that was not told
// otherwise: BILIKEEPER_SOCKET; for root, or within the system's own service, the
// machine's; else the one in $XDG_RUNTIME_DIR; else control.sock in the state
// directory.
func DefaultSocket() string {
	m := ThisMachine(os.Getenv)
	return cmp.Or(m.Env("BILIKEEPER_SOCKET"), m.socket())
}

func (m Machine) socket() string {
	p := m.Places()
	return cmp.Or(p.Socket, filepath.Join(cmp.Or(m.Env("BILIKEEPER_STATE_DIR"), p.StateDir), socketName))
}

// DefaultSockets are where a keeper is looked for whose socket nobody named.
// BILIKEEPER_SOCKET names one, and is the only one then. A keeper whose
// configuration file names another socket is found by the file that it leaves in
// the state directory.
func DefaultSockets() []string {
	m := ThisMachine(os.Getenv)
	if named := m.Env("BILIKEEPER_SOCKET"); named != "" {
		return []string{named}
	}
	stateDir := cmp.Or(m.Env("BILIKEEPER_STATE_DIR"), m.Places().StateDir)
	return append(m.OwnSockets(m.socket(), stateDir), m.OthersSocket()...)
}

// OwnSockets are where the calling user's own keeper is looked for: on the socket
// where it would be made now, where systemd makes it, in its state directory, and
// where the process says that holds the vault in there.
func (m Machine) OwnSockets(socket, stateDir string) []string {
	list := []string{socket, m.usersSocket(), filepath.Join(stateDir, socketName), announced(stateDir)}
	if m.Places().System {
		list[2] = "" // the machine's keeper makes none there
	}
	list = slices.DeleteFunc(list, func(path string) bool { return path == "" })
	for i := len(list) - 1; i > 0; i-- {
		if slices.Contains(list[:i], list[i]) {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

// OthersSocket is the socket of the machine's keeper, none where that is the
// caller's own.
func (m Machine) OthersSocket() []string {
	if m.Places().System {
		return nil
	}
	return []string{m.machinesSocket()}
}

// announced is the socket of the process that holds the vault in a directory, ""
// where none does.
func announced(stateDir string) string {
	text, err := os.ReadFile(filepath.Join(stateDir, "keeper.pid"))
	if err != nil {
		return ""
	}
	var holder struct {
		PID    int    `json:"pid"`
		Socket string `json:"socket"`
	}
	if json.Unmarshal(text, &holder) != nil || !Lives(holder.PID) {
		return ""
	}
	return holder.Socket
}

// Lives reports whether there is a process of that number.
func Lives(pid int) bool {
	if pid <= 0 {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil || runtime.GOOS == "windows" { // which finds only those that live
		return err == nil
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// SearchError says where a keeper was looked for in vain. It is [ErrNoPermission]
// where the system keeps the caller from one, and [ErrNoKeeper] else.
type SearchError struct {
	Tried []Tried
}

// Tried is a socket that did not take a connection.
type Tried struct {
	Socket string
	Err    error
}

// closed is the keeper that the caller may not use. The last one counts, which is
// the machine's: in a directory of the caller's own that is shut, as it is where
// sudo keeps another user's variables, there need not be any.
func (e *SearchError) closed() (Tried, bool) {
	for _, t := range slices.Backward(e.Tried) {
		if errors.Is(t.Err, fs.ErrPermission) {
			return t, true
		}
	}
	return Tried{}, false
}

func (e *SearchError) outcome() error {
	if _, ok := e.closed(); ok {
		return ErrNoPermission
	}
	return ErrNoKeeper
}

func (e *SearchError) Error() string {
	if t, ok := e.closed(); ok {
		return fmt.Sprintf("%v: %v", ErrNoPermission, t.Err)
	}
	if len(e.Tried) == 1 {
		return fmt.Sprintf("%v: %v", ErrNoKeeper, e.Tried[0].Err)
	}
	var list []string
	for _, t := range e.Tried {
		err := t.Err
		if inner, ok := errors.AsType[syscall.Errno](err); ok {
			err = inner // the rest repeats the path
		}
		list = append(list, fmt.Sprintf("%s (%v)", t.Socket, err))
	}
	return fmt.Sprintf("%v; tried %s", ErrNoKeeper, strings.Join(list, ", "))
}

// Unwrap returns the outcome, and the causes.
func (e *SearchError) Unwrap() []error {
	list := []error{e.outcome()}
	for _, t := range e.Tried {
		list = append(list, t.Err)
	}
	return list
}

// search dials the first socket that takes a connection, and that one alone from
// then on: positions in one keeper's journal mean nothing to another, and what
// was begun with one is not gone on with at the next.
func (c *Client) search(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	failed := &SearchError{}
	for _, path := range c.paths() {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil {
			c.found.Store(&path)
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed.Tried = append(failed.Tried, Tried{path, err})
	}
	return nil, failed
}

// paths are what search tries.
func (c *Client) paths() []string {
	if found := c.found.Load(); found != nil {
		return []string{*found}
	}
	switch {
	case c.Socket != "":
		return []string{c.Socket}
	case c.Sockets != nil:
		return c.Sockets
	}
	return DefaultSockets()
}
