package etcdtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/bilikeeper/bilikeeper/internal/porttest"
)

const (
	// Variable names the program where it is not the one on the path.
	Variable = "BILIKEEPER_ETCD"
	// patience is how long a cluster may take to come up, on a machine that has
	// other things to do.
	patience = 90 * time.Second
	// attempts is how often other ports are tried, should somebody have taken one
	// between the choice and its use.
	attempts = 5
)

// Cluster is a running etcd.
type Cluster struct {
	members []*Member
	// root is the password of the user root, once there are users.
	root string
	// tls is how the test's own clients come, nil where that is in the clear.
	tls *tls.Config
}

// Option is how a cluster differs from an ordinary one.
type Option func(*setup)

type setup struct {
	flags     []string
	authority *Authority
}

// Served is the name under which [Authority.Issue] makes the certificate of all members
// of a cluster that is started with [TLS].
const Served = "member"

// TLS has the members show clients a certificate of an authority, and take only clients
// that show one of the same.
func TLS(t testing.TB, a *Authority) Option {
	t.Helper()
	cert, key := a.Issue(t, Served, Certificate{})
	return func(s *setup) {
		s.authority = a
		s.flags = append(s.flags, "--cert-file="+cert, "--key-file="+key, "--client-cert-auth", "--trusted-ca-file="+a.File())
	}
}

// Quota bounds the space of each member, in bytes: [Cluster.Fill] uses it up.
func Quota(bytes int64) Option {
	return func(s *setup) { s.flags = append(s.flags, fmt.Sprintf("--quota-backend-bytes=%d", bytes)) }
}

// Flags are handed to each member as they are.
func Flags(flags ...string) Option {
	return func(s *setup) { s.flags = append(s.flags, flags...) }
}

// Start starts a cluster and returns when it answers. It ends with the test.
func Start(t testing.TB, members int, options ...Option) *Cluster {
	t.Helper()
	program := find(t)
	var s setup
	for _, option := range options {
		option(&s)
	}
	for attempt := 1; ; attempt++ {
		c := &Cluster{members: make([]*Member, members)}
		if s.authority != nil {
			c.tls = s.authority.client(t)
		}
		c.prepare(t, program, s.flags)
		for _, m := range c.members {
			m.launch(t)
		}
		err := c.wait()
		if err == nil {
			return c
		}
		log := c.log()
		for _, m := range c.members {
			m.Stop(t)
		}
		if attempt == attempts || !strings.Contains(log, "address already in use") {
			t.Fatalf("etcd did not come up: %v\n%s", err, log)
		}
	}
}

func find(t testing.TB) string {
	t.Helper()
	if named := os.Getenv(Variable); named != "" {
		program, err := exec.LookPath(named)
		if err != nil {
			t.Fatalf("%s: %v", Variable, err)
		}
		return program
	}
	program, err := exec.LookPath("etcd")
	if err != nil {
		t.Skipf("there is no etcd on the path, and %s names none", Variable)
	}
	return program
}

// prepare decides where the members listen, and what each is told of the others.
func (c *Cluster) prepare(t testing.TB, program string, flags []string) {
	t.Helper()
	// A member that is started again finds its own still free.
	var ports []int
	for range 2 * len(c.members) {
		ports = append(ports, porttest.Free(t))
	}
	var all []string
	scheme := "http"
	if c.tls != nil {
		scheme = "https"
	}
	for i := range c.members {
		all = append(all, fmt.Sprintf("m%d=http://127.0.0.1:%d", i, ports[2*i+1]))
	}
	for i := range c.members {
		dir, address, peer := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", ports[2*i]), fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1])
		client := scheme + "://" + address
		m := &Member{program: program, dir: dir, endpoint: address, tls: c.tls}
		m.flags = append([]string{
			fmt.Sprintf("--name=m%d", i), "--data-dir=" + dir + "/data",
			"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
			"--initial-cluster=" + strings.Join(all, ","), "--initial-cluster-state=new",
			"--logger=zap", "--log-level=warn", "--log-outputs=stderr", "--bcrypt-cost=4",
		}, flags...)
		c.members[i] = m
		t.Cleanup(func() {
			m.Stop(t)
			if t.Failed() {
				t.Logf("member %d logged last:\n%s", i, m.log())
			}
		})
	}
}

// wait returns when every member answers a read that needs the majority.
func (c *Cluster) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, m := range c.members {
		if err := m.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) log() string {
	var b strings.Builder
	for _, m := range c.members {
		b.WriteString(m.log())
	}
	return b.String()
}

// Member returns the member of that number, from 0.
func (c *Cluster) Member(i int) *Member { return c.members[i] }

// Endpoints are where the members listen, without a proxy between.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, m := range c.members {
		out = append(out, m.endpoint)
	}
	return out
}

// Config is what a client is made with in tests: quiet, and quick to notice that a
// connection is dead. Without endpoints it is those of the members.
func (c *Cluster) Config(endpoints ...string) clientv3.Config {
	if len(endpoints) == 0 {
		endpoints = c.Endpoints()
	}
	config := quiet(endpoints...)
	config.TLS = c.tls
	if c.root != "" {
		config.Username, config.Password = "root", c.root
	}
	return config
}

// Client connects a client of the test's own, past all proxies and with all rights. It
// is closed with the test.
func (c *Cluster) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	return Connect(t, c.Config())
}

// Connect makes a client that is closed with the test.
func Connect(t testing.TB, config clientv3.Config) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func quiet(endpoints ...string) clientv3.Config {
	return clientv3.Config{
		Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 5 * time.Second,
		DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
	}
}
