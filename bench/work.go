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
		_, err := b.keeper.client().Patch(context.Background(), account(i), client.AccountPatch{Tags: &[]string{"tag" + strconv.Itoa(round)}})
		return err
	}
	one, raw, many := series{}, series{}, series{}
	for range b.rounds {
		round++
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
		round++
		atOnce := min(64, n)
		begun := time.Now()
		if err := each(4*atOnce, atOnce, func(i int) error { return change(i % atOnce) }); err != nil {
			return err
		}
		many = append(many, float64(time.Since(begun))/1e3/float64(4*atOnce))
	}
	b.add(row{name: "durable change", accounts: n, unit: "µs", got: one, floor: raw, floorsName: "raw put", must: "1.3"})
	b.add(row{name: "durable change, 64 at once, each", accounts: n, unit: "µs", got: many, floor: one, floorsName: "one after the other", must: "1/15"})
	return nil
}

// checks compares a check of all accounts with a client that asks the same of the
// same site, and keeps nothing.
func (b *bench) checks(n int) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	list := filepath.Join(b.dir, "cookies")
	if err := writeLines(list, b.cookies); err != nil {
		return err
	}
	got, floor, work, least := series{}, series{}, series{}, series{}
	for range min(b.rounds, 5) {
		before, begun := cpu(b.keeper.pid()), time.Now()
		err := each(n, 64, func(i int) error {
			r, err := b.keeper.client().Check(context.Background(), account(i), true)
			if err == nil && r.Outcome != client.CheckOK {
				err = fmt.Errorf("the check of %s came to %s: %s", account(i), r.Outcome, r.Detail)
			}
			return err
		})
		if err != nil {
			return err
		}
		got = append(got, float64(time.Since(begun))/1e3/float64(n))
		work = append(work, (cpu(b.keeper.pid())-before)*1000/float64(n))
		child := exec.Command(own, "client", b.server.URL, list, "64")
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			return fmt.Errorf("the bare client: %w", err)
		}
		var wall, spent float64
		if _, err := fmt.Sscan(string(out), &wall, &spent); err != nil {
			return err
		}
		floor, least = append(floor, wall*1000/float64(n)), append(least, spent*1000/float64(n))
	}
	b.add(row{name: "check, 64 at once, each", accounts: n, unit: "µs", got: got, floor: floor, floorsName: "bare client", must: "1.25"})
	b.add(row{name: "CPU of a check", accounts: n, unit: "µs", got: work, floor: least, floorsName: "bare client"})
	return nil
}

func writeLines(name string, lines []string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(f, line); err != nil {
			_ = f.Close()
			return err
		}
	}
	return f.Close()
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
			if _, err := b.keeper.client().Check(context.Background(), account(i%n), true); err != nil {
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
	b.add(row{name: "CPU of a check that 1,000 watch", accounts: n, unit: "ms", got: watched, floor: alone, floorsName: "none watches", must: "5 ms"})
	return nil
}
