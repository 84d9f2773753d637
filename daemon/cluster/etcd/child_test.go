//go:build etcd && unix

package etcd

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/bilikeeper/bilikeeper/daemon/cluster"
)

// childEndpoints names etcd's members to a process of its own that is a host.
const childEndpoints = "BILIKEEPER_TEST_ENDPOINTS"

func TestMain(m *testing.M) {
	if os.Getenv(childEndpoints) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// said is a line of such a process: what it sees when it looks after a gap in its time.
type said struct {
	Owned int
	Left  time.Duration
	Gap   time.Duration
}

// child is a host that says how many accounts it owns, whenever that has changed or it
// was stopped meanwhile.
func child() {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(os.Getenv(childEndpoints), ","), Logger: zap.NewNop(),
		DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
	})
	if err != nil {
		panic(err)
	}
	m, err := Join(Options{Client: client, Host: "child", TTL: quick, Seal: aead(nil, 1)})
	if err != nil {
		panic(err)
	}
	accounts := names(50)
	m.SetAccounts(accounts)
	before, out := 0, json.NewEncoder(os.Stdout)
	last := cluster.Uptime()
	for {
		time.Sleep(time.Millisecond)
		now := cluster.Uptime()
		owned := 0
		for _, a := range accounts {
			if m.Owned(a) {
				owned++
			}
		}
		if gap := now - last; owned != before || gap > time.Second {
			_ = out.Encode(said{owned, m.LeaseLeft(), gap})
		}
		before, last = owned, cluster.Uptime()
	}
}

// A process that is stopped for longer than its lease is out before it does anything
// else; and what a process that is killed owned is the others' within the lease and 5 s.
func TestStoppedAndKilled(t *testing.T) {
	f := newFleet(t, 1, 50)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEndpoints+"="+strings.Join(f.etcd.Endpoints(), ","))
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(pipe)
	next := func(what string, fits func(said) bool) said {
		t.Helper()
		for lines.Scan() {
			var s said
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
			if fits(s) {
				return s
			}
		}
		t.Fatalf("%s: the process has ended", what)
		return said{}
	}
	next("all owned", func(s said) bool { return s.Owned == 50 })

	h := f.start("here")
	until(t, "the host is there", 10*time.Second, func() bool { return len(h.Hosts()) == 2 })
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	took := until(t, "what the stopped process owned", quick+5*time.Second, func() bool { return h.count(f.accounts) == 50 })
	t.Logf("a process was stopped, and its accounts were taken over after %v, with a lease of %v", took, quick)
	time.Sleep(quick + time.Second - time.Since(begun))
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	woken := next("the gap", func(s said) bool { return s.Gap > time.Second })
	if woken.Owned != 0 || woken.Left != 0 {
		t.Errorf("a process that was stopped for longer than its lease woke as %+v", woken)
	}
	next("its share again", func(s said) bool { return s.Owned > 0 })
	until(t, "it has its share", 60*time.Second, func() bool {
		n := 0
		for _, host := range h.Hosts() {
			if host.Name == "child" {
				n = host.Accounts
			}
		}
		return n > 10 && n+h.count(f.accounts) == 50
	})

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	took = until(t, "what the killed process owned", quick+5*time.Second, func() bool { return h.count(f.accounts) == 50 })
	t.Logf("a process was killed, and its accounts were taken over after %v, with a lease of %v", took, quick)
}
