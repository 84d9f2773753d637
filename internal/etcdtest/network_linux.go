package etcdtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// Network are hosts with a cable each to one switch. Each host is a network namespace of
// the system's, in which a process sees no other network; the switch is a bridge that the
// test's own process can be reached at. What breaks here breaks as it does between
// machines: packets are gone, connections learn of it by their own timeouts or not at all,
// and what is sent again arrives late. It takes root and the program ip.
type Network struct {
	name, address string
	prefix        string // of the addresses
	hosts         int
}

// Host is a place on a network that programs can run in.
type Host struct {
	namespace, cable string
}

// stem begins the names of all that networks are made of. The process that made them
// follows, so that those which a test left that was killed can be found. A link's name has
// fifteen characters at most.
const stem = "bkt"

var networks atomic.Int64

// NewNetwork makes a network without hosts. It is taken down with the test. Where none can
// be had the error says why.
func NewNetwork(t testing.TB) (*Network, error) {
	t.Helper()
	if os.Getuid() != 0 {
		return nil, errors.New("only root can make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, err
	}
	sweep()
	prefix, err := freePrefix()
	if err != nil {
		return nil, err
	}
	n := &Network{name: fmt.Sprintf("%s%d.%d", stem, os.Getpid(), networks.Add(1)), prefix: prefix, address: prefix + "1"}
	t.Cleanup(func() { _ = ip("link", "del", n.name) })
	for _, args := range [][]string{
		{"link", "add", n.name, "type", "bridge"},
		{"address", "add", n.address + "/24", "dev", n.name},
		{"link", "set", n.name, "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	if h, err := n.join(t); err != nil {
		return nil, err // as in a container that may not
	} else if err := exec.Command("ip", "netns", "exec", h.namespace, "true").Run(); err != nil {
		return nil, fmt.Errorf("run a program in a network namespace: %w", err)
	}
	return n, nil
}

// freePrefix returns the beginning of addresses that nobody has on this machine, of those
// that are set aside for tests of networks.
func freePrefix() (string, error) {
	for range 20 {
		prefix := fmt.Sprintf("198.%d.%d.", 18+rand.IntN(2), rand.IntN(256))
		if route, _ := exec.Command("ip", "route", "get", prefix+"1").Output(); !strings.HasPrefix(string(route), "local") {
			return prefix, nil
		}
	}
	return "", errors.New("no network's addresses are free")
}

// Address is where what the test serves can be reached from the hosts, if it listens there.
func (n *Network) Address() string { return n.address }

// Join adds a host, which is there as long as the test.
func (n *Network) Join(t testing.TB) *Host {
	t.Helper()
	h, err := n.join(t)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (n *Network) join(t testing.TB) (*Host, error) {
	n.hosts++
	name := fmt.Sprintf("%s.%d", n.name, n.hosts)
	h := &Host{namespace: name, cable: name}
	t.Cleanup(func() {
		_ = ip("link", "del", h.cable)
		_ = ip("netns", "del", h.namespace)
	})
	for _, args := range [][]string{
		{"netns", "add", h.namespace},
		{"link", "add", h.cable, "type", "veth", "peer", "name", "eth0", "netns", h.namespace},
		{"link", "set", h.cable, "master", n.name, "up"},
		{"-n", h.namespace, "address", "add", fmt.Sprintf("%s%d/24", n.prefix, 1+n.hosts), "dev", "eth0"},
		{"-n", h.namespace, "link", "set", "eth0", "up"},
		{"-n", h.namespace, "link", "set", "lo", "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Run has a command, which has not been started, run on the host. Its process is the same
// as without.
func (h *Host) Run(cmd *exec.Cmd) {
	program, err := exec.LookPath("ip")
	if err != nil {
		cmd.Err = err
		return
	}
	cmd.Args = append([]string{program, "netns", "exec", h.namespace, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = program
}

// Pull pulls the host's cable out, and Plug puts it back in.
func (h *Host) Pull(t testing.TB) { h.must(t, ip("link", "set", h.cable, "down")) }

// Plug is the end of [Host.Pull].
func (h *Host) Plug(t testing.TB) { h.must(t, ip("link", "set", h.cable, "up")) }

// Drops reports whether [Host.Drop] can be had: it takes the program iptables.
func (h *Host) Drops() bool { return h.filter("-L", "OUTPUT") == nil }

// Drop has all packets between the host and some addresses of TCP vanish, as behind a wall
// that says nothing. Pass is its end, of whatever was dropped.
func (h *Host) Drop(t testing.TB, addresses ...string) {
	t.Helper()
	for _, a := range addresses {
		at := strings.LastIndexByte(a, ':')
		to, port := a[:at], a[at+1:]
		h.must(t, h.filter("-A", "OUTPUT", "-p", "tcp", "-d", to, "--dport", port, "-j", "DROP"))
		h.must(t, h.filter("-A", "INPUT", "-p", "tcp", "-s", to, "--sport", port, "-j", "DROP"))
	}
}

// Pass is the end of [Host.Drop].
func (h *Host) Pass(t testing.TB) {
	t.Helper()
	h.must(t, h.filter("-F"))
}

func (h *Host) filter(args ...string) error {
	return run("ip", append([]string{"netns", "exec", h.namespace, "iptables", "-w"}, args...)...)
}

func (h *Host) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ip(args ...string) error { return run("ip", args...) }

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// sweep takes down what tests left that were killed: whose process is gone.
func sweep() {
	links, _ := exec.Command("ip", "-o", "link").Output()
	for line := range strings.Lines(string(links)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			name, _, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), "@")
			if orphaned(name) {
				_ = ip("link", "del", name)
			}
		}
	}
	spaces, _ := exec.Command("ip", "netns", "list").Output()
	for line := range strings.Lines(string(spaces)) {
		if fields := strings.Fields(line); len(fields) > 0 && orphaned(fields[0]) {
			_ = ip("netns", "del", fields[0])
		}
	}
}

func orphaned(name string) bool {
	rest, ours := strings.CutPrefix(name, stem)
	text, _, _ := strings.Cut(rest, ".")
	pid, err := strconv.Atoi(text)
	return ours && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
