package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/internal/handshake"
)

// Store is what was seen of a store that is no file here: of etcd, through what the
// configuration says of it. Another package looks at it, which not every program has.
type Store struct {
	// Err is why nothing could be asked: a file of the configuration that is not there.
	Err error
	// Members are those that the configuration names, in its order.
	Members []Member
	// Own is the certificate that the keeper shows, nil where it shows none.
	Own *Certificate
	// Access is what the keeper's user may do below the prefix, and AccessErr why it may
	// not, or why that could not be asked.
	Access    Access
	AccessErr error
	// Open is true where etcd lets in whoever reaches it.
	Open bool
	// Clients are where all members that there are can be reached, as they say; nil where
	// etcd does not tell.
	Clients []string
	// Slot names what opens the vault here; KeyErr is why nothing does, and Empty is true
	// where there is no vault below the prefix yet.
	Slot   string
	KeyErr error
	Empty  bool
}

// Access is what a user may do below the prefix.
type Access string

// What a user may do.
const (
	AccessFull     Access = "full"
	AccessNone     Access = "none"     // not even read
	AccessReads    Access = "reads"    // and not write
	AccessRefused  Access = "refused"  // the user or its password
	AccessNameless Access = "nameless" // etcd wants a user, and the configuration has none
	AccessUnknown  Access = ""
)

// Member is one server of etcd.
type Member struct {
	Endpoint string
	// Err is why it cannot be reached, or is not trusted; nothing else is known then.
	Err         error
	Certificate *Certificate // nil where the way is in the clear
	// StatusErr is why it did not say how it is.
	StatusErr        error
	Version, Cluster string
	Learner, Leads   bool // Leads is true where it knows who leads
	// Size is what its database takes, and Quota the most that it may, 0 where it does
	// not tell.
	Size, Quota int64
	// Alarms are what it says is wrong, in its words.
	Alarms []string
	// Clock is nil where it does not tell the time.
	Clock *Clock
}

// Certificate is what was shown.
type Certificate struct{ Ends time.Time }

// Clock is how far another clock is ahead of this one's, to within some time: the way
// there takes some, and the other tells whole seconds.
type Clock struct{ Ahead, Within time.Duration }

// StoreLooker looks at the store that a configuration names. It changes nothing.
type StoreLooker func(ctx context.Context, s config.Store, p config.Places) Store

const (
	// endsSoon is when a certificate should have been replaced.
	endsSoon = 21 * 24 * time.Hour
	// clocksApart is how far clocks may be apart without a word.
	clocksApart = 5 * time.Second
	// usedMuch and usedUp are parts of the quota.
	usedMuch, usedUp = 0.8, 0.95
	// farBehind is a host that does not get what is new.
	farBehind = 30 * time.Second
)

// judgeStore finds a program that is missing, and what is wrong with etcd.
func judgeStore(f *Facts, n *notes) {
	if !f.elsewhere() {
		return
	}
	const check = "vault.store"
	c := f.Configuration.Value.Store
	place := strings.Join(c.Endpoints, ",")
	if err := f.State.StoreErr; err != nil {
		n.wrong(check, place, f.told(err.Error()), f.say("install the package bilikeeper-etcd"))
		return
	}
	n.ok(check, place, f.say("the accounts are kept in etcd, below %s", c.Prefix))
}

// judgeEtcd finds what is wrong with etcd and the way to it.
func judgeEtcd(f *Facts, n *notes) {
	s := f.Store
	if s == nil {
		return
	}
	if s.Err != nil {
		n.skip("store.member", "etcd", f.say("nothing can be asked: %v", s.Err), "sudo bilikeeper doctor")
		return
	}
	reached := false
	for _, m := range s.Members {
		reached = judgeMember(f, n, m) || reached
	}
	judgeOwnCertificate(f, n)
	if !reached {
		return
	}
	judgeMajority(f, n)
	judgeAccess(f, n)
	judgeSlot(f, n)
	judgeHosts(f, n)
}

// judgeMember reports whether the member answered.
func judgeMember(f *Facts, n *notes, m Member) bool {
	const check = "store.member"
	switch {
	case m.Err != nil:
		n.wrong(check, m.Endpoint, f.say("it cannot be reached from here: %v", m.Err), mendWay(f, m.Err))
		return false
	case m.StatusErr != nil:
		n.wrong(check, m.Endpoint, f.say("it takes connections, and did not say how it is: %v", m.StatusErr), f.say("read etcd's log there"))
	default:
		n.ok(check, m.Endpoint, f.say("it answers; etcd %s", m.Version))
		judgeVersion(f, n, m)
		judgeRoom(f, n, m)
	}
	if c := m.Certificate; c != nil {
		judgeCertificate(f, n, m.Endpoint, *c, f.say("give etcd a new certificate of the same authority, before it ends"))
	}
	judgeMemberClock(f, n, m)
	return m.StatusErr == nil
}

func mendWay(f *Facts, err error) string {
	switch {
	case errors.Is(err, handshake.ErrAuthority):
		return f.say("write the file with the certificate of etcd's authority as ca_file of [store] in %s", f.Places.Config)
	case errors.Is(err, handshake.ErrName):
		return f.say("name the member in store.endpoints as its certificate does, or have one issued for this name")
	case errors.Is(err, handshake.ErrEnded):
		return f.say("give etcd a new certificate; see that the clock of this host is right")
	case errors.Is(err, handshake.ErrCertificate):
		return f.say("write cert_file and key_file in [store] in %s, of the authority that etcd trusts (--trusted-ca-file)", f.Places.Config)
	case errors.Is(err, handshake.ErrNoTLS):
		return f.say("write http:// in store.endpoints, or have etcd listen with TLS")
	}
	return f.say("see that etcd runs there and listens for clients (--listen-client-urls), and that no firewall is between")
}

func judgeCertificate(f *Facts, n *notes, subject string, c Certificate, mend string) {
	const check = "store.certificate"
	switch left := c.Ends.Sub(f.Now); {
	case left <= 0:
		n.wrong(check, subject, f.say("the certificate ended %s", f.ago(c.Ends)), mend)
	case left < endsSoon:
		n.warn(check, subject, f.say("the certificate ends %s", f.in(c.Ends)), mend)
	default:
		n.ok(check, subject, f.say("the certificate ends %s", f.in(c.Ends)))
	}
}

func judgeOwnCertificate(f *Facts, n *notes) {
	if c := f.Store.Own; c != nil {
		judgeCertificate(f, n, f.Configuration.Value.Store.CertFile, *c, f.say("have a new one issued, and put it into the files: it is shown with the next connection"))
	}
}

// judgeVersion finds servers that are too old, and those that are known to take a lease
// away that was renewed in time: this host then loses its accounts for some seconds.
func judgeVersion(f *Facts, n *notes, m Member) {
	const check = "store.version"
	v, ok := parseVersion(m.Version)
	older := func(major, minor, patch int) bool {
		return v[0] < major || v[0] == major && (v[1] < minor || v[1] == minor && v[2] < patch)
	}
	switch {
	case !ok:
		n.skip(check, m.Endpoint, f.say("%q is no version that is known here", m.Version), "")
	case older(3, 4, 0):
		n.wrong(check, m.Endpoint, f.say("etcd %s is older than 3.4, which is what the keeper needs", m.Version), f.say("update etcd, one member after the other"))
	case v[0] == 3 && (v[1] == 4 && v[2] < 31 || v[1] == 5 && v[2] < 13):
		n.warn(check, m.Endpoint, f.say("etcd %s may take a lease away that was renewed in time, when another member comes to lead; the accounts of this host are nobody's then for some seconds", m.Version),
			f.say("update etcd to 3.4.31, 3.5.13 or later, one member after the other"))
	default:
		n.ok(check, m.Endpoint, f.say("etcd %s will do", m.Version))
	}
}

// parseVersion reads MAJOR.MINOR.PATCH, and passes over what is behind it.
func parseVersion(text string) (v [3]int, ok bool) {
	text, _, _ = strings.Cut(text, "-")
	parts := strings.Split(text, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		var err error
		if v[i], err = strconv.Atoi(part); err != nil {
			return v, false
		}
	}
	return v, true
}

// judgeRoom goes by the quota, above which etcd takes nothing more, and by its alarms.
func judgeRoom(f *Facts, n *notes, m Member) {
	const check = "store.space"
	mend := f.say("etcdctl compact REVISION, etcdctl defrag, etcdctl alarm disarm; or a larger --quota-backend-bytes")
	for _, alarm := range m.Alarms {
		switch {
		case strings.Contains(alarm, "NOSPACE"):
			n.wrong(check, m.Endpoint, f.say("its quota was used up (alarm NOSPACE): it takes no changes until somebody has made room and taken the alarm away"), mend)
		case strings.Contains(alarm, "CORRUPT"):
			n.wrong("store.alarm", m.Endpoint, f.say("its data is not that of the other members (alarm CORRUPT)"), f.say("remove the member and add it anew, with an empty directory"))
		}
	}
	switch used := float64(m.Size) / float64(max(m.Quota, 1)); {
	case m.Quota <= 0:
		n.skip(check, m.Endpoint, f.say("it takes %s, and does not tell of how much", size(uint64(m.Size))), "")
	case used >= usedUp:
		n.wrong(check, m.Endpoint, f.say("%s of %s are used: soon it takes no changes", size(uint64(m.Size)), size(uint64(m.Quota))), mend)
	case used >= usedMuch:
		n.warn(check, m.Endpoint, f.say("%s of %s are used; above that it takes no changes", size(uint64(m.Size)), size(uint64(m.Quota))), mend)
	default:
		n.ok(check, m.Endpoint, f.say("%s of %s are used", size(uint64(m.Size)), size(uint64(m.Quota))))
	}
}

// judgeMemberClock compares clocks. No lease goes by them, but what is due does, and so do
// certificates.
func judgeMemberClock(f *Facts, n *notes, m Member) {
	const check = "store.clock"
	c := m.Clock
	if c == nil {
		n.skip(check, m.Endpoint, f.say("it does not tell the time"), "")
		return
	}
	switch apart := f.span(c.Ahead); {
	case c.Ahead.Abs() <= clocksApart+c.Within:
		n.ok(check, m.Endpoint, f.say("its clock is that of this host, as far as whole seconds show"))
	case c.Ahead > 0:
		n.warn(check, m.Endpoint, f.say("its clock is %s ahead of this host's: one of them is wrong, and hosts whose clocks differ find accounts due at different times", apart), "timedatectl set-ntp true")
	default:
		n.warn(check, m.Endpoint, f.say("its clock is %s behind this host's: one of them is wrong, and hosts whose clocks differ find accounts due at different times", apart), "timedatectl set-ntp true")
	}
}

// judgeMajority looks whether somebody leads, and how many members there are.
func judgeMajority(f *Facts, n *notes) {
	s := f.Store
	clusters, leads := map[string]bool{}, true
	for _, m := range s.Members {
		if m.Err != nil || m.StatusErr != nil {
			continue
		}
		clusters[m.Cluster] = true
		leads = leads && m.Leads
		if m.Learner {
			n.wrong("store.members", m.Endpoint, f.say("it is a learner, which answers no reads"), f.say("etcdctl member promote, or leave it out of store.endpoints"))
		}
	}
	if len(clusters) > 1 {
		n.wrong("store.members", "store.endpoints", f.say("they are members of %d clusters, which know nothing of each other", len(clusters)), f.say("name the members of one"))
	}
	if leads {
		n.ok("store.leader", "etcd", f.say("one of its members leads"))
	} else {
		n.wrong("store.leader", "etcd", f.say("nobody leads: most of its members are away, and nothing can be kept until they are back"), f.say("start the members that are missing"))
	}
	const check = "store.members"
	switch all, named := len(s.Clients), len(s.Members); {
	case all == 0:
		n.skip(check, "etcd", f.say("it does not tell how many members it has"), "")
	case all > named:
		n.warn(check, "etcd", f.say("it has %d members, and store.endpoints names %d: where those are away the others are not asked", all, named),
			f.say("endpoints = [%s] # in [store]", quoted(s.Clients)))
	case all == 1:
		n.ok(check, "etcd", f.say("one member: while it is away nothing can be kept"))
	case all%2 == 0:
		n.warn(check, "etcd", f.say("%d members: no more may be away than of %d", all, all-1), f.say("add one, or remove one"))
	default:
		n.ok(check, "etcd", f.say("%d members: it goes on while %d are away", all, all/2))
	}
}

func quoted(list []string) string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = strconv.Quote(word)
	}
	return strings.Join(words, ", ")
}

// judgeAccess says what the user may do.
func judgeAccess(f *Facts, n *notes) {
	const check = "store.user"
	c, s := f.Configuration.Value.Store, f.Store
	subject := c.User
	if subject == "" {
		subject = "etcd"
	}
	grant := shell("etcdctl", "role", "grant-permission", "ROLE", "--prefix=true", "readwrite", c.Prefix+"/")
	switch s.Access {
	case AccessFull:
		n.ok(check, subject, f.say("everything below %s may be read and written", c.Prefix))
	case AccessReads:
		n.wrong(check, subject, f.say("what is below %s may be read and not written: nothing can be kept", c.Prefix), grant)
	case AccessNone:
		n.wrong(check, subject, f.say("no role of this user has what is below %s", c.Prefix), grant)
	case AccessRefused:
		n.wrong(check, subject, f.say("etcd does not take this user with this password"), f.say("put the password into %s, or set it: etcdctl user passwd %s", c.PasswordFile, c.User))
	case AccessNameless:
		n.wrong(check, subject, f.say("it wants a user, and none is configured"), f.say("write user and password_file in [store] in %s", f.Places.Config))
	default:
		n.skip(check, subject, f.say("what may be done below %s is not known: %v", c.Prefix, s.AccessErr), "")
	}
	if s.Open {
		n.warn(check, "etcd", f.say("it takes anybody who reaches it: whoever does can see the names of the accounts, and remove everything"),
			f.say("etcdctl auth enable, with a user for the keeper; or have it take clients with a certificate alone (--client-cert-auth)"))
	}
}

// judgeSlot says whether the keeper here can open what is in etcd.
func judgeSlot(f *Facts, n *notes) {
	const check = "store.key"
	s, key := f.Store, f.State.Key
	switch {
	case s.Access != AccessFull && s.Access != AccessReads: // told there
	case s.Empty && key.Err == nil:
		n.wrong(check, key.Path, f.say("the key is here, and no vault is below %s in etcd: the keeper does not start, rather than begin with an empty one", f.Configuration.Value.Store.Prefix),
			f.say("mend store.endpoints and store.prefix; or move what was kept there: %s", f.command("vault", "migrate", "--to", "etcd")))
	case s.Empty:
		n.ok(check, key.Path, f.say("no vault is in etcd yet; the keeper makes it when it first starts"))
	case errors.Is(s.KeyErr, fs.ErrPermission):
		n.skip(check, key.Path, f.say("user %s cannot look at it: %v", f.User, s.KeyErr), "sudo bilikeeper doctor")
	case s.KeyErr != nil:
		n.wrong(check, key.Path, f.say("nothing here opens the vault in etcd: %v", s.KeyErr),
			f.say("carry vault.key over from a host whose keeper runs: %s", "install -m 600 vault.key "+shell(key.Path)))
	default:
		n.ok(check, key.Path, f.say("it opens the vault in etcd (%s)", s.Slot))
	}
}

// judgeHosts goes by what the keeper says of the others.
func judgeHosts(f *Facts, n *notes) {
	const check = "store.hosts"
	if !f.answered() || len(f.Keeper.Status.Daemon.Hosts) == 0 {
		return
	}
	sends := false
	var names []string
	for _, h := range f.Keeper.Status.Daemon.Hosts {
		names = append(names, h.Name)
		sends = sends || h.Sender
		if lag := time.Duration(h.LagMS) * time.Millisecond; lag > farBehind {
			n.warn(check, h.Name, f.say("what it reads is %s old: it does not get what is new in etcd", f.span(lag)), f.say("look at its keeper: bilikeeper doctor"))
		}
	}
	if !sends {
		n.warn(check, "etcd", f.say("no host sends messages at the moment"), f.command("status"))
	}
	n.ok(check, "etcd", f.say("%d hosts share the accounts: %s", len(names), strings.Join(names, ", ")))
}
