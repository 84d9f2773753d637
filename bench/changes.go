//go:build linux

package main

import (
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/vault"
)

// size is as many bytes as an account's record has.
const size = 2 << 10

// writing is what changes of the accounts take.
type writing struct{ *bench }

// changes compares a durable change with one durable put of as many bytes: in the vault
// alone, and as it is asked for over the socket.
func (b writing) changes(n int) error {
	alone, err := vault.Open(vault.Options{Path: filepath.Join(b.dir, "alone"+strconv.Itoa(n), "vault.db")})
	if err != nil {
		return err
	}
	defer alone.Close()
	fill := func(tx vault.Tx) error {
		for i := range n {
			if _, err := tx.Put("record", account(i), make([]byte, size), 0); err != nil {
				return err
			}
		}
		return nil
	}
	if err := alone.Update(fill); err != nil {
		return err
	}
	err = b.durable(n, "in the vault", "≤ 1.3", "≥ 15", func(_, i, round int) error {
		return alone.Update(func(tx vault.Tx) error {
			r, err := tx.Get("record", account(i))
			if err == nil {
				_, err = tx.Put("record", account(i), append(make([]byte, size-1), byte(round)), r.Revision)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	var readers [atOnce]*reader // each client has one connection, as those have that read
	for i := range readers {
		if readers[i], err = newReader(b.keeper.socket, ""); err != nil {
			return err
		}
		defer readers[i].conn.Close()
	}
	return b.durable(n, "over the socket", "", "", func(client, i, round int) error {
		return readers[client].patch("/v1/accounts/"+account(i), changed(round))
	})
}

// changed is a change that differs from round to round.
func changed(round int) client.AccountPatch {
	return client.AccountPatch{Tags: &[]string{"tag" + strconv.Itoa(round)}}
}

// atOnce is how many clients want changes at once.
const atOnce = 64

// durable has one client make changes, in turn with bbolt alone, and then many at once.
// Each change is of the i-th account.
func (b writing) durable(n int, where, one, together string, change func(client, i, round int) error) (err error) {
	db, err := bbolt.Open(filepath.Join(b.dir, "raw.db"), 0o600, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	put := func(i int) error {
		return db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("raw"))
			if err != nil {
				return err
			}
			return bucket.Put([]byte(strconv.Itoa(i)), make([]byte, size))
		})
	}
	single, raw, many, serial := series{}, series{}, series{}, series{}
	for round := range b.rounds {
		var spent float64
		for i := range 20 {
			begun := time.Now()
			if err := change(0, i%n, 2*round); err != nil {
				return err
			}
			took := float64(time.Since(begun)) / 1e3
			single, spent = append(single, took), spent+took
			begun = time.Now()
			if err := put(i); err != nil {
				return err
			}
			raw = append(raw, float64(time.Since(begun))/1e3)
		}
		serial = append(serial, 20/spent*1e6)
		begun := time.Now()
		const times = 4
		err := each(times*atOnce, atOnce, func(i int) error { return change(i%atOnce, i%min(n, atOnce), 2*round+1+i/atOnce*1000) })
		if err != nil {
			return err
		}
		many = append(many, times*atOnce/time.Since(begun).Seconds())
	}
	b.add(row{name: "durable change " + where, accounts: n, unit: "µs", got: single, floor: raw, floorsName: "raw put", must: one})
	b.add(row{name: "durable changes " + where + ", 64 at once", accounts: n, unit: "/s", got: many, floor: serial, floorsName: "one after the other", must: together})
	return nil
}
