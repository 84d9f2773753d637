//go:build etcd

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
)

// secured is an etcd with TLS, certificates of clients, and users, and a host's way to it.
type secured struct {
	*host
	authority *etcdtest.Authority
	cluster   *etcdtest.Cluster
	certFile  string
	keyFile   string
}

func newSecured(t *testing.T) *secured {
	a := etcdtest.NewAuthority(t)
	s := &secured{host: newHost(t), authority: a, cluster: etcdtest.Start(t, 3, etcdtest.TLS(t, a))}
	s.cluster.Users(t, etcdtest.User{Name: "keeper", Password: "of the keeper", Prefix: "/bilikeeper/"})
	s.certFile, s.keyFile = a.Issue(t, "keeper", etcdtest.Certificate{Name: "keeper on this host"})
	s.write("password", "of the keeper\n")
	s.configure(nil)
	return s
}

// configure writes the configuration; change replaces the lines of [store].
func (s *secured) configure(change map[string]string) {
	lines := map[string]string{
		"ca_file": s.authority.File(), "cert_file": s.certFile, "key_file": s.keyFile, "user": "keeper", "password_file": s.path("password"), "host": "one",
	}
	for key, value := range change {
		lines[key] = value
	}
	var endpoints []string
	for _, address := range s.cluster.Endpoints() {
		endpoints = append(endpoints, fmt.Sprintf("%q", "https://"+address))
	}
	text := s.base + "\n[store]\ntype = \"etcd\"\nendpoints = [" + strings.Join(endpoints, ", ") + "]\n"
	for key, value := range lines {
		text += fmt.Sprintf("%s = %q\n", key, value)
	}
	s.write("config.toml", text)
}

// told waits until the status tells of etcd in these words.
func (s *secured) told(words ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("the status tells %q", words), func() error {
		status, err := s.client().Status(context.Background())
		if err != nil {
			return err
		}
		text := strings.Join(status.Daemon.Problems, "\n")
		for _, word := range words {
			if !strings.Contains(text, word) {
				return fmt.Errorf("it tells %q", text)
			}
		}
		return nil
	})
}

// well waits until the status tells of no trouble with etcd, and the account can be
// looked after.
func (s *secured) well() {
	s.t.Helper()
	s.until("all is well with etcd", func() error {
		if p := s.problems(); strings.Contains(p, "etcd") || strings.Contains(p, "cluster") {
			return fmt.Errorf("it tells %q", p)
		}
		_, err := s.client().Patch(context.Background(), "main", client.AccountPatch{Tags: &[]string{fmt.Sprint(time.Now().UnixNano())}})
		return err
	})
}

// TestRefusedAtStart: each reason why etcd is of no use to a keeper that begins is told in
// a sentence, with the exit code that says whether the configuration is at fault.
func TestRefusedAtStart(t *testing.T) {
	s := newSecured(t)
	stranger := etcdtest.NewAuthority(t)
	cert, key := stranger.Issue(t, "keeper", etcdtest.Certificate{Name: "keeper on this host"})
	ended, endedKey := s.authority.Issue(t, "ended", etcdtest.Certificate{Name: "keeper on this host", Ends: time.Now().Add(-time.Hour)})
	nothing := func() {}
	for _, one := range []struct {
		what   string
		change map[string]string
		before func()
		code   int
		says   string
	}{
		{"another authority", map[string]string{"ca_file": stranger.File()}, nothing, 1, "signed by an authority that this host does not know"},
		{"the members' certificate is for another name", nil, func() {
			s.authority.Issue(t, etcdtest.Served, etcdtest.Certificate{Hosts: []string{"etcd.example.net"}})
		}, 1, "for other names"},
		{"it has ended", nil, func() { s.authority.Issue(t, etcdtest.Served, etcdtest.Certificate{Ends: time.Now().Add(-time.Hour)}) }, 1, "has ended"},
		{"ours is of another authority", map[string]string{"cert_file": cert, "key_file": key}, nothing, 1, "wants a certificate"},
		{"ours has ended", map[string]string{"cert_file": ended, "key_file": endedKey}, nothing, 1, "wants a certificate"},
		{"another password", nil, func() { s.write("password", "of somebody else\n") }, 1, "does not take this user with this password"},
		{"no role", nil, func() { s.cluster.TakeRole(t, "keeper") }, 1, "no role of this user"},
		{"no such file", map[string]string{"ca_file": s.path("none.pem")}, nothing, 78, "ca_file"},
		{"no password's file", map[string]string{"password_file": s.path("none")}, nothing, 78, "password_file"},
		{"not its key", map[string]string{"cert_file": cert, "key_file": s.keyFile}, nothing, 78, "cert_file and key_file"},
	} {
		s.authority.Issue(t, etcdtest.Served, etcdtest.Certificate{})
		s.write("password", "of the keeper\n")
		s.configure(one.change)
		one.before()
		_, said := s.run(one.code, "daemon")
		if !strings.Contains(said, one.says) || strings.Contains(said, "of somebody else") || one.code == 1 && !strings.Contains(said, "hint: ") {
			t.Errorf("%s: it says %s", one.what, said)
		} else {
			t.Logf("%s: %s", one.what, said)
		}
	}
	if left, _ := filepath.Glob(s.path("state", "*.key")); len(left) > 1 {
		t.Errorf("a start that failed left %v", left)
	}
}

// TestSecuredChanges: a keeper that runs goes on serving while etcd does not let it, says
// why, and goes on by itself when that is mended: another password, a role that is taken
// away, a certificate that ends on either side.
func TestSecuredChanges(t *testing.T) {
	s := newSecured(t)
	keeper := s.keep()
	s.login("main")
	s.well()
	want, _ := s.run(0, "get", "main")
	s.wantFindings("store.member", "store.certificate", "store.user", "store.key")

	s.cluster.Password(t, "keeper", "a new one")
	s.told("does not take this user with this password")
	s.wantCredential(want)
	s.write("password", "a new one\n")
	s.well()

	s.cluster.TakeRole(t, "keeper")
	s.told("no role of this user")
	s.wantCredential(want)
	s.cluster.GiveRole(t, "keeper")
	s.well()

	// Connections that are there go on; those that come after the members were started
	// again see what is shown then.
	s.authority.Issue(t, etcdtest.Served, etcdtest.Certificate{Ends: time.Now().Add(-time.Hour)})
	for i := range 3 {
		s.cluster.Member(i).Stop(t)
	}
	s.cluster.Launch(t)
	s.told("certificate has ended")
	s.wantCredential(want)
	s.authority.Issue(t, etcdtest.Served, etcdtest.Certificate{})
	s.well()

	s.authority.Issue(t, "keeper", etcdtest.Certificate{Name: "keeper on this host", Ends: time.Now().Add(-time.Hour)})
	for i := range 3 {
		s.cluster.Member(i).Stop(t)
	}
	s.cluster.Restart(t)
	s.told("wants a certificate")
	s.authority.Issue(t, "keeper", etcdtest.Certificate{Name: "keeper on this host"})
	s.well()
	s.wantCredential(want)
	s.end(keeper, syscall.SIGTERM)
	log, err := os.ReadFile(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"of the keeper", "a new one"} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the log holds the password %q", secret)
		}
	}
}
