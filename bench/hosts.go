//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/durable"
)

const (
	manyHosts = 5
	// members are those of etcd.
	members = 3
	// shared is how long the hosts may take to share the accounts anew.
	shared = 3 * time.Minute
)

// team are several keepers that share the accounts of the bench's keeper.
type team struct {
	*bench
	n       int
	store   *store
	keepers []keeper
}

// hosts measures five keepers that share the accounts over an etcd of three members,
// all on this machine.
func (t *team) hosts(n int) (err error) {
	program, err := exec.LookPath("etcd")
	if err != nil {
		t.missing = append(t.missing, "etcd")
		return nil
	}
	if err := t.keeper.stop(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.keeper.start()) }()
	dir := filepath.Join(t.dir, "hosts"+strconv.Itoa(n))
	t.n = n
	defer t.end()
	if t.store, err = startStore(program, dir, members); err != nil {
		return err
	}
	for _, step := range []func(dir string) error{t.found, t.share, t.memory, t.work, t.lag, t.away, t.fail} {
		if err := step(dir); err != nil {
			return err
		}
	}
	return nil
}

func (t *team) end() {
	for i := range t.keepers {
		_ = t.keepers[i].kill()
	}
	if t.store != nil {
		t.store.end()
	}
}

// found moves the accounts into etcd, and makes the hosts.
func (t *team) found(dir string) error {
	program := filepath.Join(t.dir, "bilikeeper-etcd")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/bilikeeper-etcd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build bilikeeper-etcd: %w\n%s", err, out)
	}
	for i := range manyHosts {
		own := filepath.Join(dir, "host"+strconv.Itoa(i))
		state := filepath.Join(own, "state")
		if err := os.MkdirAll(state, 0o700); err != nil {
			return err
		}
		files := []string{"vault.key"}
		if i == 0 {
			files = append(files, "vault.db")
		}
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(filepath.Dir(t.keeper.config), "state", file))
			if err != nil {
				return err
			}
			if err := durable.WriteFile(filepath.Join(state, file), content, 0o600); err != nil {
				return err
			}
		}
		t.keepers = append(t.keepers, newKeeper(program, own))
		if err := os.WriteFile(t.keepers[i].config, []byte(t.ofHost(own, i, "bolt")), 0o600); err != nil {
			return err
		}
	}
	ms, err := took(program, "--config", t.keepers[0].config, "vault", "migrate", "--to", "etcd")
	if err != nil {
		return fmt.Errorf("vault migrate: %w", err)
	}
	t.add(row{name: "`bilikeeper vault migrate --to etcd`", accounts: t.n, unit: "s", got: series{ms / 1000}})
	for i, k := range t.keepers {
		if err := os.WriteFile(k.config, []byte(t.ofHost(filepath.Dir(k.config), i, "etcd")), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (t *team) ofHost(dir string, i int, kind string) string {
	text := t.settings(dir, never) + fmt.Sprintf("[store]\ntype = %q\nhost = \"host%d\"\nendpoints = [", kind, i)
	for _, endpoint := range t.store.endpoints {
		text += strconv.Quote(endpoint) + ", "
	}
	return text + "]\n"
}

// share starts all hosts, until each account has one that looks after it.
func (t *team) share(string) error {
	begun := time.Now()
	for i := range t.keepers {
		if err := t.keepers[i].spawn(); err != nil {
			return err
		}
	}
	if err := t.untilShared(begun, manyHosts); err != nil {
		return err
	}
	t.add(row{name: "five hosts: start until each account has its host", accounts: t.n, unit: "s", got: series{time.Since(begun).Seconds()}})
	return nil
}

// untilShared waits until so many hosts look after all accounts.
func (t *team) untilShared(begun time.Time, hosts int) error {
	last := ""
	for ; time.Since(begun) < shared; time.Sleep(20 * time.Millisecond) {
		s, err := t.keepers[0].client.Status(context.Background())
		if err != nil {
			last = err.Error()
			continue
		}
		has := map[string]int{}
		for _, a := range s.Accounts {
			has[a.Host]++
		}
		if delete(has, ""); len(has) == hosts && len(s.Daemon.Hosts) == hosts {
			left := t.n
			for _, h := range s.Daemon.Hosts {
				left -= has[h.Name]
			}
			if left == 0 {
				return nil
			}
		}
		last = fmt.Sprint(has)
	}
	return fmt.Errorf("the accounts are not shared: %s\n%s", last, t.keepers[0].log)
}

func (t *team) memory(string) error {
	time.Sleep(settled)
	got := series{}
	for i := range t.keepers {
		got = append(got, resident(t.keepers[i].pid()))
	}
	t.add(row{name: "five hosts: idle memory (RSS) of each", accounts: t.n, unit: "MB", got: got})
	return nil
}

// owners are the hosts of the accounts, by their place among the keepers.
func (t *team) owners() ([]int, error) {
	list := make([]int, t.n)
	s, err := t.keepers[0].client.Status(context.Background())
	if err != nil {
		return nil, err
	}
	for i, a := range s.Accounts { // by name, as the accounts are numbered
		if _, err := fmt.Sscanf(a.Host, "host%d", &list[i]); err != nil {
			return nil, fmt.Errorf("account %s has no host: %w", a.Name, err)
		}
	}
	return list, nil
}

// checkShared has each host check the accounts that it looks after.
func (t *team) checkShared() error {
	owners, err := t.owners()
	if err != nil {
		return err
	}
	return each(t.n, 64, func(i int) error {
		r, err := t.keepers[owners[i]].client.Check(context.Background(), account(i), true)
		if err == nil && r.Outcome != client.CheckOK {
			err = fmt.Errorf("the check of %s came to %s: %s", account(i), r.Outcome, r.Detail)
		}
		return err
	})
}

// work measures what checks of all accounts write, after a first round, of which each is
// told.
func (t *team) work(string) error {
	rate, changes, floor := series{}, series{}, series{}
	for round := range 4 {
		before, err := t.store.revision()
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := t.checkShared(); err != nil {
			return err
		}
		if round == 0 {
			continue
		}
		rate = append(rate, float64(t.n)/time.Since(begun).Seconds())
		after, err := t.store.revision()
		if err != nil {
			return err
		}
		changes = append(changes, (after-before)/float64(t.n))
		perSecond, _, err := t.bare(t.n)
		if err != nil {
			return err
		}
		floor = append(floor, perSecond)
	}
	t.add(row{name: "five hosts: checks over the sockets, 64 at once", accounts: t.n, unit: "/s", got: rate, floor: floor, floorsName: "bare client"})
	t.add(row{name: "five hosts: transactions of etcd a check", accounts: t.n, got: changes, must: "≤ 2 /check"})
	return nil
}

// lag measures how much later the other hosts hand a new credential out than the one
// that was given it, while nothing else goes on and while all accounts are checked.
func (t *team) lag(string) error {
	for _, busy := range []string{"", ", while all are checked"} {
		done := make(chan error, 1)
		stop := make(chan struct{})
		go func() {
			var err error
			for busy != "" && err == nil {
				select {
				case <-stop:
					done <- nil
					return
				default:
					err = t.checkShared()
				}
			}
			done <- err
		}()
		behind := series{}
		owners, err := t.owners()
		if err != nil {
			return err
		}
		for i := range min(200, t.n) {
			one, err := t.behind(i, owners[i])
			if err != nil {
				return fmt.Errorf("lag%s: %w", busy, err)
			}
			behind = append(behind, one...)
		}
		close(stop)
		if err := <-done; err != nil {
			return err
		}
		t.add(row{name: "five hosts: a new credential at another one" + busy, accounts: t.n, unit: "ms", got: behind})
		t.add(row{name: "of that, 99 of 100 within", accounts: t.n, unit: "ms", got: series{behind.at(0.99)}, must: "≤ 1,000 ms"})
	}
	return nil
}

// behind gives an account another session, and returns by how many milliseconds the
// other hosts' readers had its credential after its owner's.
func (t *team) behind(i, owner int) (series, error) {
	a, err := t.keepers[owner].client.Account(context.Background(), account(i))
	if err != nil {
		return nil, err
	}
	had := make([]time.Time, len(t.keepers))
	errs := make([]error, len(t.keepers)+1)
	var all sync.WaitGroup
	for k := range t.keepers {
		r, err := newReader(t.keepers[k].socket, fmt.Sprintf("%s&after=%d&wait=60s", credentialPath(i), a.Generation))
		if err != nil {
			return nil, err
		}
		all.Go(func() {
			defer r.conn.Close()
			_, errs[k] = r.read()
			had[k] = time.Now()
		})
	}
	_, errs[len(t.keepers)] = t.keepers[owner].client.Import(context.Background(), client.ImportRequest{Account: account(i), Data: session(t.site, i)})
	all.Wait()
	behind := series{}
	for k := range had {
		if k != owner {
			behind = append(behind, float64(max(0, had[k].Sub(had[owner])))/1e6)
		}
	}
	return behind, errors.Join(errs...)
}

// away measures readings while etcd stands still, in turn with readings while it works.
func (t *team) away(string) error {
	there, gone := series{}, series{}
	for range 3 {
		one, err := readAtOnce(t.keepers[1].socket, 1, t.n)
		if err != nil {
			return err
		}
		there = append(there, one...)
		t.store.signal(syscall.SIGSTOP)
		one, err = readAtOnce(t.keepers[1].socket, 1, t.n)
		t.store.signal(syscall.SIGCONT)
		if err != nil {
			return err
		}
		gone = append(gone, one...)
		time.Sleep(2 * time.Second)
	}
	t.add(row{name: "five hosts: credential over the socket, etcd away", accounts: t.n, unit: "µs", got: gone, floor: there, floorsName: "etcd there"})
	return t.untilShared(time.Now(), manyHosts)
}

// fail measures how long an account is without a host that acts for it, when its own
// is killed, and how soon a host that was killed hands credentials out again.
func (t *team) fail(string) error {
	took, back := series{}, series{}
	for range 3 {
		owners, err := t.owners()
		if err != nil {
			return err
		}
		const victim = manyHosts - 1
		of := 0
		for of < t.n && owners[of] != victim {
			of++
		}
		if of == t.n {
			return fmt.Errorf("host%d looks after nothing", victim)
		}
		if err := t.keepers[victim].kill(); err != nil {
			return err
		}
		begun := time.Now()
		for {
			_, err := t.keepers[0].client.Check(context.Background(), account(of), true)
			if err == nil {
				break
			}
			if time.Since(begun) > time.Minute {
				return fmt.Errorf("no other host checks: %w", err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		took = append(took, time.Since(begun).Seconds())
		begun = time.Now()
		if err := t.keepers[victim].spawn(); err != nil {
			return err
		}
		for {
			r, err := newReader(t.keepers[victim].socket, credentialPath(t.n-1))
			if err == nil {
				_, err = r.read()
				_ = r.conn.Close()
			}
			if err == nil {
				break
			}
			if time.Since(begun) > time.Minute {
				return fmt.Errorf("no credential: %w\n%s", err, t.keepers[victim].log)
			}
			time.Sleep(time.Millisecond)
		}
		back = append(back, float64(time.Since(begun))/1e6)
		if err := t.untilShared(time.Now(), manyHosts); err != nil {
			return err
		}
	}
	t.add(row{name: "five hosts: owner killed until another one checks", accounts: t.n, unit: "s", got: took, must: "≤ 20 s"})
	t.add(row{name: "five hosts: start to credential, after SIGKILL", accounts: t.n, unit: "ms", got: back})
	return nil
}
