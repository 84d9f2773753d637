//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

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

// checking is what checks of all accounts take.
type checking struct{ *bench }

// checks compares checks of all accounts that are asked for, over the socket and by
// the command line, with a client that asks the same of the same site: over plain HTTP,
// over TLS, as the real one is asked, and of one that does not answer at once.
func (b checking) checks(n int) error {
	plain, floor, err := b.checked(n, 5)
	if err != nil {
		return err
	}
	command := series{}
	for range min(b.rounds, 5) {
		ms, err := took(b.program, "--socket", b.keeper.socket, "check", "--force")
		if err != nil {
			return fmt.Errorf("bilikeeper check: %w", err)
		}
		command = append(command, float64(n)/ms*1000)
	}
	if err := b.over(b.secure, n); err != nil {
		return err
	}
	secure, floorSecure, err := b.checked(n, 5)
	if err != nil {
		return err
	}
	if err := b.over(b.plain, n); err != nil {
		return err
	}
	b.away.by.Store(int64(100 * time.Millisecond))
	defer b.away.by.Store(0)
	far, floorFar, err := b.checked(n, 3)
	if err != nil {
		return err
	}
	for _, r := range []row{
		{name: "checks over the socket, 64 at once", got: plain, floor: floor},
		{name: "the same, over TLS to the site", got: secure, floor: floorSecure, must: with(n, "", "≥ 0.8")},
		{name: "the same, of a site that takes 100 ms", got: far, floor: floorFar},
		{name: "`bilikeeper check --force`", got: command, floor: floor},
	} {
		r.accounts, r.unit, r.floorsName = n, "/s", "bare client"
		b.add(r)
	}
	return nil
}

// over starts the keeper anew, with the site at another server.
func (b checking) over(server *httptest.Server, n int) error {
	b.server = server
	if err := b.keeper.stop(); err != nil {
		return err
	}
	text := b.settings(filepath.Join(b.dir, "keeper"+strconv.Itoa(n)), never)
	if err := os.WriteFile(b.keeper.config, []byte(text), 0o600); err != nil {
		return err
	}
	return b.keeper.start()
}

// checked returns how many checks a second are made, in turn with those of the client
// that keeps nothing.
func (b checking) checked(n, most int) (got, floor series, err error) {
	for range min(b.rounds, most) {
		begun := time.Now()
		if err := b.checkAll(n); err != nil {
			return nil, nil, err
		}
		got = append(got, float64(n)/time.Since(begun).Seconds())
		perSecond, _, err := b.bare(n)
		if err != nil {
			return nil, nil, err
		}
		floor = append(floor, perSecond)
	}
	return got, floor, nil
}

// checkAll has 64 clients ask for the checks of all accounts.
func (b *bench) checkAll(n int) error {
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
