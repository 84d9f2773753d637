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
	perRound = 2000 // readings of each in a round
	// mostRead are the accounts that are read: the first reading of each is noted on
	// the disk, and is not what is measured.
	mostRead = 50
)

func credentialPath(i int) string {
	return "/v1/accounts/" + account(i) + "/credential?format=header"
}

// readings compares a credential over the socket with an empty handler.
func (b *bench) readings(n int) error {
	length := int64(0)
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
		must := map[int]string{1: "≤ 1.15", 16: "≤ 1.25"}[clients]
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
	b.add(row{name: "`bilikeeper get`", accounts: n, unit: "ms", got: get, floor: floor, floorsName: "Go program that does nothing", must: "≤ 2.0"})
	return nil
}

// status measures the status of all accounts and of one.
func (b *bench) status(n int) error {
	for _, one := range []struct{ name, path, must string }{
		{"status over the socket", "/v1/status", with(n, "", "≤ 30 ms")}, {"status of one account over the socket", "/v1/accounts/" + account(0), ""},
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
		name, must := "`bilikeeper status`", with(n, "", "≤ 80 ms")
		if len(args) > 1 {
			name, must = "`bilikeeper status ACCOUNT`", ""
		}
		b.add(row{name: name, accounts: n, unit: "ms", got: got, must: must})
	}
	return nil
}

// Memory is given back in the course of a minute after a start, and of some after an
// import, in which every record was new.
const (
	early   = 3 * time.Second
	settled = 90 * time.Second
)

// memory is that of a keeper that does nothing: soon after the import and a kill, and
// once it has given back what it needed for that.
func (b *bench) memory(n int) error {
	got := series{}
	for range 3 {
		if err := b.keeper.kill(); err != nil {
			return err
		}
		if err := b.keeper.start(); err != nil {
			return err
		}
		time.Sleep(early)
		got = append(got, resident(b.keeper.pid()))
	}
	b.add(row{name: "memory (RSS) 3 s after a start, the import just done", accounts: n, unit: "MB", got: got})
	time.Sleep(settled)
	got = series{}
	for range 3 {
		got = append(got, resident(b.keeper.pid()))
		time.Sleep(early)
	}
	b.add(row{name: "idle memory (RSS)", accounts: n, unit: "MB", got: got, must: with(n, "≤ 18 MB", "≤ 40 MB")})
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
		must: with(n, "≤ 30 ms", "≤ 100 ms")})
	b.add(row{name: "CPU of a start", accounts: n, unit: "ms", got: work})
	return nil
}

// tags is how many there are, each of as many accounts.
const tags = 100

// configured measures a keeper whose configuration has an entry for each account.
func (b *bench) configured(n int) error {
	if !b.only.MatchString("configured") {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%d accounts: configured\n", n)
	dir := filepath.Join(b.dir, fmt.Sprintf("keeper%d", n))
	text := b.settings(dir, never)
	for i := range n {
		text += fmt.Sprintf("[[account]]\nname = %q\ntags = [\"tag%d\", \"all\"]\n", account(i), i%tags)
	}
	b.keeper = newKeeper(b.program, dir)
	if err := os.WriteFile(b.keeper.config, []byte(text), 0o600); err != nil {
		return err
	}
	starts, floor := series{}, series{}
	for range 3 {
		least, err := took(b.nothing)
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := b.keeper.start(); err != nil {
			return err
		}
		starts, floor = append(starts, float64(time.Since(begun))/1e6), append(floor, least)
		if err := b.keeper.stop(); err != nil {
			return err
		}
	}
	b.add(row{name: "start with an `[[account]]` each", accounts: n, unit: "ms", got: starts, floor: floor, floorsName: "Go program that does nothing",
		must: with(n, "", "≤ 300 ms")})
	if err := b.keeper.start(); err != nil {
		return err
	}
	if err := b.tagged(n); err != nil {
		return err
	}
	return b.keeper.stop()
}

// tagged measures how a credential is got by a tag that many have.
func (b *bench) tagged(n int) error {
	r, err := newReader(b.keeper.socket, "/v1/credential?tag=tag7&format=header")
	if err != nil {
		return err
	}
	defer r.conn.Close()
	length, err := r.read()
	if err != nil {
		return err
	}
	h, err := b.startHandler(length)
	if err != nil {
		return err
	}
	defer h.end()
	empty, err := newReader(h.socket, "/")
	if err != nil {
		return err
	}
	defer empty.conn.Close()
	sides := []struct {
		name, must string
		do         func() error
		got        series
	}{
		{name: "credential by tag over the socket, an `[[account]]` each", must: with(n, "", "≤ 1 ms"), do: func() error { _, err := r.read(); return err }},
		{name: "empty handler", do: func() error { _, err := empty.read(); return err }},
		{name: "`bilikeeper get --tag`, an `[[account]]` each", do: func() error {
			_, err := took(b.program, "--socket", b.keeper.socket, "get", "--tag", "tag7")
			return err
		}},
		{name: "Go program that does nothing", do: func() error { _, err := took(b.nothing); return err }},
	}
	// The first reading of each account is noted on the disk, as with one account.
	for range n / tags {
		for i := 0; i < len(sides); i += 2 {
			if err := sides[i].do(); err != nil {
				return fmt.Errorf("%s: %w", sides[i].name, err)
			}
		}
	}
	for range 4 * b.rounds {
		for i := range sides {
			begun := time.Now()
			if err := sides[i].do(); err != nil {
				return fmt.Errorf("%s: %w", sides[i].name, err)
			}
			sides[i].got = append(sides[i].got, float64(time.Since(begun))/1e6)
		}
	}
	for i := 0; i < len(sides); i += 2 {
		b.add(row{name: sides[i].name, accounts: n, unit: "ms", got: sides[i].got, floor: sides[i+1].got, floorsName: sides[i+1].name, must: sides[i].must})
	}
	return nil
}
