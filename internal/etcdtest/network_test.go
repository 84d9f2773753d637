//go:build etcd && linux

package etcdtest

import (
	"errors"
	"net"
	"os/exec"
	"testing"
	"time"
)

// TestNetwork: a host reaches what the test serves, and does not while its cable is out or
// packets are dropped.
func TestNetwork(t *testing.T) {
	n, err := NewNetwork(t)
	if err != nil {
		t.Skip(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(n.Address(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, b := n.Join(t), n.Join(t)
	reaches := func(h *Host) bool {
		cmd := exec.CommandContext(t.Context(), "timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port)
		h.Run(cmd)
		err := cmd.Run()
		if bad, ended := errors.AsType[*exec.ExitError](err); err != nil && (!ended || bad.ExitCode() > 124) {
			t.Fatal(err)
		}
		return err == nil
	}
	want := func(what string, wantA bool) {
		t.Helper()
		for until := time.Now().Add(10 * time.Second); reaches(a) != wantA; {
			if time.Now().After(until) {
				t.Fatalf("%s: it is reached: %t", what, !wantA)
			}
		}
		if !reaches(b) {
			t.Fatalf("%s: the other host does not reach it", what)
		}
	}
	want("whole", true)
	a.Pull(t)
	want("pulled", false)
	a.Plug(t)
	want("plugged", true)
	if !a.Drops() {
		t.Skip("there is no iptables")
	}
	a.Drop(t, listener.Addr().String())
	want("dropped", false)
	a.Pass(t)
	want("passed", true)
}
