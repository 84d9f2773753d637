//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// changes compares a durable change with one durable put of as many bytes as a
// record has.
func (b *bench) changes(n int) error {
	db, err := bbolt.Open(filepath.Join(b.dir, "raw.db"), 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	value := make([]byte, 2048)
	put := func(i int) error {
		return db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("raw"))
			if err != nil {
				return err
			}
			return bucket.Put([]byte(strconv.Itoa(i)), value)
		})
	}
	round := 0
	change := func(i int) error {
		_, err := b.keeper.client.Patch(context.Background(), account(i), client.AccountPatch{Tags: &[]string{"tag" + strconv.Itoa(round)}})
		return err
	}
	one, raw, many, serial := series{}, series{}, series{}, series{}
	for range b.rounds {
		round++
		first := time.Now()
		for i := range 20 {
			begun := time.Now()
			if err := change(i % n); err != nil {
				return err
			}
			one = append(one, float64(time.Since(begun))/1e3)
			begun = time.Now()
			if err := put(i); err != nil {
				return err
			}
			raw = append(raw, float64(time.Since(begun))/1e3)
		}
		serial = append(serial, 20/(time.Since(first).Seconds()-sum(raw[len(raw)-20:])/1e6))
		round++
		atOnce := min(64, n)
		begun := time.Now()
		if err := each(4*atOnce, atOnce, func(i int) error { return change(i % atOnce) }); err != nil {
			return err
		}
		many = append(many, float64(4*atOnce)/time.Since(begun).Seconds())
	}
	b.add(row{name: "durable change", accounts: n, unit: "µs", got: one, floor: raw, floorsName: "raw put", must: "≤ 1.3"})
	b.add(row{name: "durable changes, 64 at once", accounts: n, unit: "/s", got: many, floor: serial, floorsName: "one after the other", must: "≥ 15"})
	return nil
}

// bare runs the client that asks the same and keeps nothing, and returns how many
// checks a second it makes and how many microseconds of CPU each takes.
func (b *bench) bare(n int) (perSecond, work float64, err error) {
	own, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	list := filepath.Join(b.dir, "cookies")
	if err := os.WriteFile(list, []byte(strings.Join(b.cookies, "\n")+"\n"), 0o600); err != nil {
		return 0, 0, err
	}
	child := exec.Command(own, "client", b.server.URL, list, "64")
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("the bare client: %w", err)
	}
	var wall, spent float64
	_, err = fmt.Sscan(string(out), &wall, &spent)
	return float64(n) / wall * 1000, spent * 1000 / float64(n), err
}

// checks compares checks of all accounts that are asked for, over the socket and by
// the command line, with a client that asks the same of the same site.
func (b *bench) checks(n int) error {
	got, command, floor := series{}, series{}, series{}
	for range min(b.rounds, 5) {
		begun := time.Now()
		if err := b.checkAll(n); err != nil {
			return err
		}
		got = append(got, float64(n)/time.Since(begun).Seconds())
		perSecond, _, err := b.bare(n)
		if err != nil {
			return err
		}
		floor = append(floor, perSecond)
		ms, err := took(b.program, "--socket", b.keeper.socket, "check", "--force")
		if err != nil {
			return fmt.Errorf("bilikeeper check: %w", err)
		}
		command = append(command, float64(n)/ms*1000)
	}
	b.add(row{name: "checks over the socket, 64 at once", accounts: n, unit: "/s", got: got, floor: floor, floorsName: "bare client"})
	b.add(row{name: "`bilikeeper check --force`", accounts: n, unit: "/s", got: command, floor: floor, floorsName: "bare client"})
	return nil
}

// checkAll has 64 clients ask for the checks of all accounts.
func (b *bench) checkAll(n int) error {
	const atOnce = 64
	return each(atOnce, atOnce, func(first int) error {
		r, err := newReader(b.keeper.socket, "")
		if err != nil {
			return err
		}
		defer r.conn.Close()
		for i := first; i < n; i += atOnce {
			var answer client.CheckResult
			if err := r.post("/v1/accounts/"+account(i)+"/check", &answer); err != nil {
				return err
			}
			if answer.Outcome != client.CheckOK {
				return fmt.Errorf("the check of %s came to %s: %s", account(i), answer.Outcome, answer.Detail)
			}
		}
		return nil
	})
}

// watchers measures what a check costs while a thousand follow the events.
func (b *bench) watchers(n int) error {
	const many = 1000
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	measure := func() (series, error) {
		got := series{}
		for i := range b.rounds {
			before := cpu(b.keeper.pid())
			if _, err := b.keeper.client.Check(context.Background(), account(i%n), true); err != nil {
				return nil, err
			}
			time.Sleep(100 * time.Millisecond) // until all have been told
			got = append(got, cpu(b.keeper.pid())-before)
		}
		return got, nil
	}
	alone, err := measure()
	if err != nil {
		return err
	}
	for range many {
		conn, err := net.Dial("unix", b.keeper.socket)
		if err != nil {
			return err
		}
		open = append(open, conn)
		if _, err := fmt.Fprint(conn, "GET /v1/events HTTP/1.1\r\nHost: bilikeeper\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			return err
		}
		go func() {
			into := make([]byte, 32<<10)
			for {
				if _, err := conn.Read(into); err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(2 * time.Second)
	watched, err := measure()
	if err != nil {
		return err
	}
	b.add(row{name: "CPU of a check that 1,000 watch", accounts: n, unit: "ms", got: watched, floor: alone, floorsName: "none watches", must: "≤ 5 ms"})
	return nil
}
