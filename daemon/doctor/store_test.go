package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/handshake"
)

const firstMember = "https://10.0.0.1:2379"

// shared is a set-up whose accounts lie in an etcd of three members, all of it well.
func shared() Facts {
	f := healthy()
	c := *f.Configuration.Value
	c.Store = config.Store{
		Type: config.StoreEtcd, Prefix: "/bilikeeper", User: "keeper", PasswordFile: "/etc/bilikeeper/etcd", CertFile: "/etc/bilikeeper/etcd.pem",
		Endpoints: []string{firstMember, "https://10.0.0.2:2379", "https://10.0.0.3:2379"},
	}
	f.Configuration.Value = &c
	f.State.Vault.Path = stateDir + "/cluster.db"
	year := Certificate{Ends: now.Add(300 * day)}
	f.Store = &Store{Own: &year, Access: AccessFull, Clients: c.Store.Endpoints, Slot: "key file"}
	for _, endpoint := range c.Store.Endpoints {
		f.Store.Members = append(f.Store.Members, Member{
			Endpoint: endpoint, Certificate: &Certificate{Ends: now.Add(100 * day)}, Version: "3.5.21", Cluster: "cdf8", Leads: true,
			Size: 30 << 20, Quota: 2 << 30, Clock: &Clock{Ahead: 300 * time.Millisecond, Within: 500 * time.Millisecond},
		})
	}
	f.Keeper.Status.Daemon.Hosts = []client.Host{{Name: "a", Self: true, Sender: true}, {Name: "b", LagMS: 1200}}
	return f
}

func TestSharedIsHealthy(t *testing.T) {
	f := shared()
	for _, finding := range f.Judge().Findings {
		if finding.Level != OK || finding.Mend != "" {
			t.Errorf("%+v", finding)
		}
	}
}

func TestStore(t *testing.T) {
	first := func(change func(*Member)) func(*Facts) {
		return func(f *Facts) { change(&f.Store.Members[0]) }
	}
	store := func(change func(*Store)) func(*Facts) {
		return func(f *Facts) { change(f.Store) }
	}
	judge(t, []row{
		{"the other program is missing", func(f *Facts) { f.State.StoreErr, f.Store = errors.New("bilikeeper-etcd does"), nil }, "vault.store", Wrong, "bilikeeper-etcd does", "install the package bilikeeper-etcd"},
		{"a password that is closed", store(func(s *Store) { s.Err = errors.New("password_file: permission denied") }), "store.member", NotChecked, "password_file", "sudo bilikeeper doctor"},
		{"away", first(func(m *Member) { *m = Member{Endpoint: firstMember, Err: errors.New("no connection")} }), "store.member", Wrong, "no connection", "--listen-client-urls"},
		{"another authority", first(func(m *Member) { m.Err = handshake.ErrAuthority }), "store.member", Wrong, "authority", "ca_file"},
		{"another name", first(func(m *Member) { m.Err = handshake.ErrName }), "store.member", Wrong, "other names", "store.endpoints"},
		{"ended", first(func(m *Member) { m.Err = handshake.ErrEnded }), "store.member", Wrong, "has ended", "new certificate"},
		{"no certificate of ours", first(func(m *Member) { m.Err = handshake.ErrCertificate }), "store.member", Wrong, "wants a certificate", "cert_file and key_file"},
		{"no TLS", first(func(m *Member) { m.Err = handshake.ErrNoTLS }), "store.member", Wrong, "seems not to speak it", "http://"},
		{"silent", first(func(m *Member) { m.StatusErr = errors.New("context deadline exceeded") }), "store.member", Wrong, "did not say how it is", "etcd's log"},
		{"ends soon", first(func(m *Member) { m.Certificate.Ends = now.Add(6 * day) }), "store.certificate", Warning, "in 6 days", "before it ends"},
		{"ours ends soon", store(func(s *Store) { s.Own.Ends = now.Add(3 * day) }), "store.certificate", Warning, "in 3 days", "next connection"},
		{"ours has ended", store(func(s *Store) { s.Own.Ends = now.Add(-3 * day) }), "store.certificate", Wrong, "3 days ago", "next connection"},
		{"too old", first(func(m *Member) { m.Version = "3.3.27" }), "store.version", Wrong, "older than 3.4", "update etcd"},
		{"takes leases away, 3.4", first(func(m *Member) { m.Version = "3.4.23" }), "store.version", Warning, "lease", "3.4.31"},
		{"takes leases away, 3.5", first(func(m *Member) { m.Version = "3.5.12" }), "store.version", Warning, "lease", "3.5.13"},
		{"mended, 3.4", first(func(m *Member) { m.Version = "3.4.31" }), "store.version", OK, "3.4.31", ""},
		{"a new one", first(func(m *Member) { m.Version = "3.7.0-rc.1" }), "store.version", OK, "3.7.0", ""},
		{"no version", first(func(m *Member) { m.Version = "main" }), "store.version", NotChecked, "main", ""},
		{"ahead", first(func(m *Member) { m.Clock.Ahead = 40 * time.Second }), "store.clock", Warning, "40 s ahead", "set-ntp"},
		{"behind", first(func(m *Member) { m.Clock.Ahead = -time.Hour }), "store.clock", Warning, "60 min behind", "set-ntp"},
		{"a slow way", first(func(m *Member) { m.Clock = &Clock{Ahead: 6 * time.Second, Within: 2 * time.Second} }), "store.clock", OK, "that of this host", ""},
		{"no clock", first(func(m *Member) { m.Clock = nil }), "store.clock", NotChecked, "does not tell the time", ""},
		{"nearly full", first(func(m *Member) { m.Size = 1800 << 20 }), "store.space", Warning, "1.8 GiB of 2.0 GiB", "defrag"},
		{"full", first(func(m *Member) { m.Size = 2 << 30 }), "store.space", Wrong, "soon it takes no changes", "compact"},
		{"an alarm", first(func(m *Member) { m.Alarms = []string{"memberID:1 alarm:NOSPACE "} }), "store.space", Wrong, "NOSPACE", "alarm disarm"},
		{"damage", first(func(m *Member) { m.Alarms = []string{"memberID:1 alarm:CORRUPT "} }), "store.alarm", Wrong, "CORRUPT", "add it anew"},
		{"no quota", first(func(m *Member) { m.Quota = 0 }), "store.space", NotChecked, "30 MiB", ""},
		{"nobody leads", first(func(m *Member) { m.Leads = false }), "store.leader", Wrong, "nobody leads", "start the members"},
		{"two clusters", first(func(m *Member) { m.Cluster = "1" }), "store.members", Wrong, "2 clusters", "of one"},
		{"a learner", first(func(m *Member) { m.Learner = true }), "store.members", Wrong, "learner", "promote"},
		{"not all named", store(func(s *Store) { s.Members = s.Members[:1] }), "store.members", Warning, "has 3 members, and store.endpoints names 1", `endpoints = ["https://10.0.0.1:2379", "https://10.0.0.2:2379"`},
		{"two", store(func(s *Store) { s.Members, s.Clients = s.Members[:2], s.Clients[:2] }), "store.members", Warning, "2 members", "add one"},
		{"one", store(func(s *Store) { s.Members, s.Clients = s.Members[:1], s.Clients[:1] }), "store.members", OK, "one member", ""},
		{"not told how many", store(func(s *Store) { s.Clients = nil }), "store.members", NotChecked, "how many", ""},
		{"no role", store(func(s *Store) { s.Access = AccessNone }), "store.user", Wrong, "no role", "grant-permission ROLE --prefix=true readwrite /bilikeeper/"},
		{"reads alone", store(func(s *Store) { s.Access = AccessReads }), "store.user", Wrong, "not written", "readwrite /bilikeeper/"},
		{"another password", store(func(s *Store) { s.Access = AccessRefused }), "store.user", Wrong, "this password", "etcdctl user passwd keeper"},
		{"no user", store(func(s *Store) { s.Access = AccessNameless }), "store.user", Wrong, "wants a user", "password_file"},
		{"not known", store(func(s *Store) { s.AccessErr, s.Access = errors.New("no answer in time"), "" }), "store.user", NotChecked, "no answer in time", ""},
		{"open to all", store(func(s *Store) { s.Open = true }), "store.user", Warning, "takes anybody", "auth enable"},
		{"no vault, and a key", store(func(s *Store) { s.Empty, s.Slot = true, "" }), "store.key", Wrong, "no vault is below /bilikeeper", "vault migrate --to etcd"},
		{"no vault, no key", func(f *Facts) { f.Store.Empty, f.State.Key.Err = true, fs.ErrNotExist }, "store.key", OK, "makes it when it first starts", ""},
		{"another key", store(func(s *Store) { s.KeyErr = errors.New("wrong key (vault.key)") }), "store.key", Wrong, "wrong key", "install -m 600 vault.key"},
		{"a key that is closed", store(func(s *Store) { s.KeyErr = fs.ErrPermission }), "store.key", NotChecked, "user example", "sudo bilikeeper doctor"},
		{"far behind", func(f *Facts) { f.Keeper.Status.Daemon.Hosts[1].LagMS = 50_000 }, "store.hosts", Warning, "50 s old", "its keeper"},
		{"no sender", func(f *Facts) { f.Keeper.Status.Daemon.Hosts[0].Sender = false }, "store.hosts", Warning, "no host sends", "status"},
	}, shared)
}

// Where a file keeps the accounts nobody asks for etcd, and where nothing answers there
// is no judgement of what it would have said.
func TestStoreUnasked(t *testing.T) {
	checks := func(f Facts) (list []string) {
		for _, finding := range f.Judge().Findings {
			if strings.HasPrefix(finding.Check, "store.") {
				list = append(list, finding.Check)
			}
		}
		return list
	}
	if got := checks(healthy()); len(got) != 0 {
		t.Errorf("of a vault in a file: %v", got)
	}
	f := shared()
	for i := range f.Store.Members {
		f.Store.Members[i] = Member{Endpoint: f.Store.Members[i].Endpoint, Err: errors.New("no connection")}
	}
	if got := strings.Join(checks(f), " "); got != "store.member store.member store.member store.certificate" {
		t.Errorf("of an etcd that is away: %v", got)
	}
}
