//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	perRound = 400 // readings of each in a round
	// mostRead are the accounts that are read: the first reading of each is noted on
	// the disk, and is not what is measured.
	mostRead = 50
)

func credentialPath(i int) string {
	return "/v1/accounts/" + account(i) + "/credential?format=header"
}

// readings compares a credential over the socket with an empty handler.
func (b *bench) readings(n int) error {
	length := 0
	for i := range min(n, mostRead) {
		one, err := newReader(b.keeper.socket, credentialPath(i))
		if err != nil {
			return err
		}
		if length, err = one.read(); err != nil {
			return err
		}
		_ = one.conn.Close()
	}
	h, err := b.startHandler(length)
	if err != nil {
		return err
	}
	defer h.end()
	for _, clients := range []int{1, 16} {
		got, floor := row{accounts: n, unit: "µs"}, series{}
		work, least := series{}, series{}
		must := map[int]string{1: "1.15", 16: "1.25"}[clients]
		for range b.rounds {
			for _, side := range []struct {
				socket    string
				pid       int
				took, cpu *series
			}{{b.keeper.socket, b.keeper.pid(), &got.got, &work}, {h.socket, h.cmd.Process.Pid, &floor, &least}} {
				before := cpu(side.pid)
				each, err := readAtOnce(side.socket, clients, n)
				if err != nil {
					return err
				}
				*side.cpu = append(*side.cpu, (cpu(side.pid)-before)*1000/float64(len(each)))
				*side.took = append(*side.took, each.median())
			}
		}
		got.name, got.floor, got.floorsName, got.must = fmt.Sprintf("credential over the socket, %d at once", clients), floor, "empty handler", must
		b.add(got)
		b.add(row{name: fmt.Sprintf("CPU of that, %d at once", clients), accounts: n, unit: "µs", got: work, floor: least, floorsName: "empty handler"})
	}
	return nil
}

// readAtOnce has some clients read, and returns how long each reading took, in
// microseconds.
func readAtOnce(socket string, clients, n int) (series, error) {
	took := make([]series, clients)
	err := each(clients, clients, func(i int) error {
		r, err := newReader(socket, credentialPath(rand.IntN(min(n, mostRead))))
		if err != nil {
			return err
		}
		defer r.conn.Close()
		for range perRound / clients {
			begun := time.Now()
			if _, err := r.read(); err != nil {
				return err
			}
			took[i] = append(took[i], float64(time.Since(begun))/1e3)
		}
		return nil
	})
	var all series
	for _, s := range took {
		all = append(all, s...)
	}
	return all, err
}

// crowd counts those who are refused where many come at once.
func (b *bench) crowd(n int) error {
	for _, clients := range []int{64, 256, 1000} {
		var refused atomic.Int64
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for range clients {
			wg.Go(func() {
				<-begin
				r, err := newReader(b.keeper.socket, credentialPath(rand.IntN(n)))
				if err == nil {
					_, err = r.read()
					_ = r.conn.Close()
				}
				if err != nil {
					refused.Add(1)
				}
			})
		}
		close(begin)
		wg.Wait()
		b.add(row{name: fmt.Sprintf("refused of %d at once", clients), accounts: n, got: series{float64(refused.Load())}, must: "0"})
	}
	return nil
}

// commands compares the command line with a program that does nothing.
func (b *bench) commands(n int) error {
	get, floor := series{}, series{}
	for range 4 * b.rounds {
		t, err := took(b.program, "--socket", b.keeper.socket, "get", account(0))
		if err != nil {
			return err
		}
		least, err := took(b.nothing)
		if err != nil {
			return err
		}
		get, floor = append(get, t), append(floor, least)
	}
	b.add(row{name: "`bilikeeper get`", accounts: n, unit: "ms", got: get, floor: floor, floorsName: "Go program that does nothing", must: "2.0"})
	return nil
}

// status measures the status of all accounts and of one.
func (b *bench) status(n int) error {
	for _, one := range []struct{ name, path, must string }{
		{"status over the socket", "/v1/status", "30 ms for 10,000"}, {"status of one account over the socket", "/v1/accounts/" + account(0), ""},
	} {
		r, err := newReader(b.keeper.socket, one.path)
		if err != nil {
			return err
		}
		got := series{}
		for range b.rounds {
			begun := time.Now()
			if _, err := r.read(); err != nil {
				return err
			}
			got = append(got, float64(time.Since(begun))/1e6)
		}
		_ = r.conn.Close()
		b.add(row{name: one.name, accounts: n, unit: "ms", got: got, must: one.must})
	}
	for _, args := range [][]string{{"status"}, {"status", account(0)}} {
		got := series{}
		for range b.rounds {
			t, err := took(b.program, append([]string{"--socket", b.keeper.socket}, args...)...)
			if err != nil {
				return err
			}
			got = append(got, t)
		}
		name, must := "`bilikeeper status`", "80 ms for 10,000"
		if len(args) > 1 {
			name, must = "`bilikeeper status ACCOUNT`", ""
		}
		b.add(row{name: name, accounts: n, unit: "ms", got: got, must: must})
	}
	return nil
}

// memory is that of a keeper that was started anew and does nothing.
func (b *bench) memory(n int) error {
	got := series{}
	for range 3 {
		if err := b.keeper.kill(); err != nil {
			return err
		}
		if err := b.keeper.start(); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		got = append(got, resident(b.keeper.pid()))
	}
	b.add(row{name: "idle memory (RSS)", accounts: n, unit: "MB", got: got, must: map[bool]string{true: "18 MB", false: "40 MB for 10,000"}[n <= 100]})
	return nil
}

// starts measures from the start of the process after a kill to the first credential.
func (b *bench) starts(n int) error {
	got, work, floor := series{}, series{}, series{}
	for range b.rounds {
		if err := b.keeper.kill(); err != nil {
			return err
		}
		least, err := took(b.nothing)
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := b.keeper.spawn(); err != nil {
			return err
		}
		for {
			r, err := newReader(b.keeper.socket, credentialPath(n-1))
			if err == nil {
				_, err = r.read()
				_ = r.conn.Close()
			}
			if err == nil {
				break
			}
			if time.Since(begun) > time.Minute {
				return fmt.Errorf("no credential: %w\n%s", err, b.keeper.log)
			}
			time.Sleep(200 * time.Microsecond)
		}
		got, floor = append(got, float64(time.Since(begun))/1e6), append(floor, least)
		time.Sleep(300 * time.Millisecond)
		work = append(work, cpu(b.keeper.pid()))
	}
	b.add(row{name: "start to credential, after SIGKILL", accounts: n, unit: "ms", got: got, floor: floor, floorsName: "Go program that does nothing",
		must: map[bool]string{true: "30 ms", false: "100 ms for 10,000"}[n <= 100]})
	b.add(row{name: "CPU of a start", accounts: n, unit: "ms", got: work})
	return nil
}

// configured measures a keeper whose configuration has an entry for each account.
func (b *bench) configured(n int) error {
	if !b.only.MatchString("configured") {
		return nil
	}
	from := filepath.Join(b.dir, fmt.Sprintf("keeper%d", n))
	text := b.settings(from)
	for i := range n {
		text += fmt.Sprintf("[[account]]\nname = %q\ntags = [\"tag%d\", \"all\"]\n", account(i), i%100)
	}
	b.keeper = keeper{program: b.program, config: filepath.Join(from, "config.toml"), socket: filepath.Join(from, "control.sock")}
	if err := os.WriteFile(b.keeper.config, []byte(text), 0o600); err != nil {
		return err
	}
	starts, gets := series{}, series{}
	for range 3 {
		begun := time.Now()
		if err := b.keeper.start(); err != nil {
			return err
		}
		starts = append(starts, time.Since(begun).Seconds())
		r, err := newReader(b.keeper.socket, "/v1/credential?tag=tag7")
		if err != nil {
			return err
		}
		for range b.rounds {
			begun := time.Now()
			if _, err := r.read(); err != nil {
				return err
			}
			gets = append(gets, float64(time.Since(begun))/1e6)
		}
		if err := b.keeper.stop(); err != nil {
			return err
		}
	}
	b.add(row{name: "start with an `[[account]]` each", accounts: n, unit: "s", got: starts, must: "0.3 s for 10,000"})
	b.add(row{name: "credential by tag, an `[[account]]` each", accounts: n, unit: "ms", got: gets, must: "1 ms for 10,000"})
	return nil
}
