//go:build etcd

package etcd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/doctor"
	"github.com/bilikeeper/bilikeeper/daemon/doctor/etcd"
	"github.com/bilikeeper/bilikeeper/internal/etcdtest"
	"github.com/bilikeeper/bilikeeper/internal/handshake"
	"github.com/bilikeeper/bilikeeper/vault"
	vaultetcd "github.com/bilikeeper/bilikeeper/vault/etcd"
)

// bed is an etcd, and what a configuration says of it.
type bed struct {
	t       *testing.T
	cluster *etcdtest.Cluster
	store   config.Store
	dir     string
}

func newBed(t *testing.T, members int, scheme string, options ...etcdtest.Option) *bed {
	b := &bed{t: t, cluster: etcdtest.Start(t, members, options...), dir: t.TempDir()}
	b.store = config.Store{Type: config.StoreEtcd, Prefix: "/keeper"}
	for _, address := range b.cluster.Endpoints() {
		b.store.Endpoints = append(b.store.Endpoints, scheme+address)
	}
	return b
}

func (b *bed) write(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bed) state() string { return filepath.Join(b.dir, "state") }

// look looks, and wants nothing changed by that.
func (b *bed) look(change ...func(*config.Store)) doctor.Store {
	b.t.Helper()
	s := b.store
	s.Endpoints = slices.Clone(s.Endpoints)
	for _, fn := range change {
		fn(&s)
	}
	places := config.Places{StateDir: b.state()}
	before, _ := os.ReadDir(b.state())
	found := etcd.Look(b.t.Context(), s, places, etcd.Files{Copy: "cluster.db", Key: "vault.key"}, vault.Keys{})
	after, _ := os.ReadDir(b.state())
	if len(before) != len(after) {
		b.t.Errorf("looking left %v in the state directory", after)
	}
	return found
}

func (b *bed) revision() int64 {
	b.t.Helper()
	answer, err := b.cluster.Client(b.t).Get(b.t.Context(), "x")
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.Header.Revision
}

// vault makes one, and closes it again.
func (b *bed) vault(user etcdtest.User) {
	b.t.Helper()
	config := b.cluster.ConfigOf(user)
	o := vaultetcd.Options{Endpoints: b.store.Endpoints, Prefix: b.store.Prefix, TLS: config.TLS, Copy: filepath.Join(b.state(), "cluster.db")}
	v, err := vaultetcd.Open(o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// TestLook: of an etcd without users all is told, and nothing in it is changed.
func TestLook(t *testing.T) {
	b := newBed(t, 3, "http://")
	revision := b.revision()
	s := b.look()
	if !s.Open || s.Access != doctor.AccessFull || s.AccessErr != nil || !s.Empty || len(s.Clients) != 3 || s.Own != nil {
		t.Errorf("found %+v", s)
	}
	for _, m := range s.Members {
		if m.Err != nil || m.StatusErr != nil || !strings.HasPrefix(m.Version, "3.") || !m.Leads || m.Learner || m.Cluster != s.Members[0].Cluster || len(m.Alarms) != 0 {
			t.Errorf("member %+v", m)
		}
		if m.Size <= 0 || m.Quota != 2<<30 {
			t.Errorf("it takes %d of %d", m.Size, m.Quota)
		}
		if m.Clock == nil || m.Clock.Ahead.Abs() > m.Clock.Within+time.Second {
			t.Errorf("the clock of this very host: %+v", m.Clock)
		}
	}
	b.vault(etcdtest.User{})
	if s = b.look(); s.Empty || s.KeyErr != nil || !strings.Contains(s.Slot, "key") {
		t.Errorf("of the vault it finds %+v", s)
	}
	if err := os.Rename(filepath.Join(b.state(), "vault.key"), filepath.Join(b.dir, "away")); err != nil {
		t.Fatal(err)
	}
	if s = b.look(); !errors.Is(s.KeyErr, vault.ErrKeyMissing) {
		t.Errorf("without the key it says %v", s.KeyErr)
	}
	if now := b.revision(); now != revision+1 { // of the vault
		t.Errorf("%d revisions came of looking", now-revision-1)
	}

	b.cluster.Member(1).Stop(t)
	b.cluster.Member(2).Stop(t)
	for deadline := time.Now().Add(time.Minute); ; {
		if s = b.look(); !s.Members[0].Leads || time.Now().After(deadline) {
			break
		}
	}
	if s.Members[0].Leads || s.Members[0].Err != nil || s.Members[0].StatusErr != nil || s.Members[1].Err == nil || s.Members[2].Err == nil || s.Access != doctor.AccessUnknown {
		t.Errorf("without the majority it finds %+v", s)
	}
}

// TestTrust: each reason why a way is not trusted is told from the others.
func TestTrust(t *testing.T) {
	a := etcdtest.NewAuthority(t)
	b := newBed(t, 1, "https://", etcdtest.TLS(t, a))
	b.store.CAFile = a.File()
	b.store.CertFile, b.store.KeyFile = a.Issue(t, "keeper", etcdtest.Certificate{Name: "keeper", Ends: time.Now().Add(50 * time.Hour)})
	wants := func(what string, want error, change ...func(*config.Store)) {
		t.Helper()
		if got := b.look(change...).Members[0].Err; !errors.Is(got, want) {
			t.Errorf("%s: %v", what, got)
		}
	}
	if s := b.look(); s.Members[0].Err != nil || s.Open || s.Access != doctor.AccessFull ||
		time.Until(s.Own.Ends).Round(time.Hour) != 50*time.Hour || time.Until(s.Members[0].Certificate.Ends) < 300*24*time.Hour {
		t.Errorf("found %+v", s)
	}
	stranger := etcdtest.NewAuthority(t)
	cert, key := stranger.Issue(t, "keeper", etcdtest.Certificate{})
	wants("another authority", handshake.ErrAuthority, func(s *config.Store) { s.CAFile = stranger.File() })
	wants("no certificate", handshake.ErrCertificate, func(s *config.Store) { s.CertFile, s.KeyFile = "", "" })
	wants("a stranger's certificate", handshake.ErrCertificate, func(s *config.Store) { s.CertFile, s.KeyFile = cert, key })
	a.Issue(t, etcdtest.Served, etcdtest.Certificate{Hosts: []string{"etcd.example.net"}})
	wants("another name", handshake.ErrName)
	a.Issue(t, etcdtest.Served, etcdtest.Certificate{Ends: time.Now().Add(-time.Hour)})
	wants("ended", handshake.ErrEnded)
	a.Issue(t, etcdtest.Served, etcdtest.Certificate{})
	wants("mended", nil)
	if s := b.look(func(s *config.Store) { s.CAFile = b.dir + "/none" }); s.Err == nil || !strings.Contains(s.Err.Error(), "ca_file") {
		t.Errorf("without the file it says %v", s.Err)
	}
	plain := newBed(t, 1, "https://")
	if got := plain.look().Members[0].Err; !errors.Is(got, handshake.ErrNoTLS) {
		t.Errorf("a member without TLS: %v", got)
	}
}

// TestAccess: what a user may do below the prefix is found out, and nobody's password
// told.
func TestAccess(t *testing.T) {
	b := newBed(t, 1, "http://")
	b.vault(etcdtest.User{})
	b.cluster.Users(t, etcdtest.User{Name: "keeper", Password: "of the keeper", Prefix: "/keeper/"})
	c := b.cluster.Client(t)
	ctx := context.Background()
	steps := []func() error{
		func() error { _, err := c.RoleAdd(ctx, "reader"); return err },
		func() error {
			_, err := c.RoleGrantPermission(ctx, "reader", "/keeper/", clientv3.GetPrefixRangeEnd("/keeper/"), clientv3.PermissionType(clientv3.PermRead))
			return err
		},
		func() error { _, err := c.UserAdd(ctx, "reader", "of the keeper"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "reader", "reader"); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	file := b.write("password", "of the keeper\n")
	for _, one := range []struct {
		user, password, prefix string
		want                   doctor.Access
	}{
		{"keeper", "of the keeper\n", "/keeper", doctor.AccessFull},
		{"keeper", "of the keeper\n", "/another", doctor.AccessNone},
		{"reader", "of the keeper\n", "/keeper", doctor.AccessReads},
		{"keeper", "of somebody else\n", "/keeper", doctor.AccessRefused},
		{"nobody", "of the keeper\n", "/keeper", doctor.AccessRefused},
		{"", "", "/keeper", doctor.AccessNameless},
	} {
		b.write("password", one.password)
		s := b.look(func(s *config.Store) {
			if s.User, s.Prefix = one.user, one.prefix; one.user != "" {
				s.PasswordFile = file
			}
		})
		if s.Access != one.want || s.Open || s.AccessErr != nil && strings.Contains(s.AccessErr.Error(), "of ") {
			t.Errorf("%+v: found %q, %v, open %v", one, s.Access, s.AccessErr, s.Open)
		}
		if m := s.Members[0]; m.Err != nil || m.StatusErr != nil || m.Version == "" {
			t.Errorf("%+v: the member says %+v", one, m)
		}
		if (s.Slot != "") != (one.want == doctor.AccessFull || one.want == doctor.AccessReads) {
			t.Errorf("%+v: the slot is %q, %v", one, s.Slot, s.KeyErr)
		}
	}
}

// TestFull: a quota that is used up is told.
func TestFull(t *testing.T) {
	b := newBed(t, 1, "http://", etcdtest.Quota(4<<20))
	b.cluster.Fill(t)
	m := b.look().Members[0]
	if m.Quota != 4<<20 || len(m.Alarms) != 1 || !strings.Contains(m.Alarms[0], "NOSPACE") {
		t.Errorf("found %+v", m)
	}
}
