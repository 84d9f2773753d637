package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/vault"
)

// kindHistory is how an account did day by day. The journal is a ring and does not
// go back far where many accounts are checked often.
const kindHistory = "history"

// An account's days lie in blocks, so that a commit writes one small record anew
// and reading a strip of 90 days reads four. Its blocks take turns on their places,
// which is what bounds them: the oldest is where the newest goes.
//
// blockPlaces hold MostHistory days while the newest block has but one.
const blockPlaces = (client.MostHistory+blockDays-1)/blockDays + 1

// dayNumber counts the days of the keeper's calendar.
func dayNumber(t time.Time) int {
	y, m, d := t.Local().Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

func dateOf(day int) string {
	return time.Unix(int64(day)*24*60*60, 0).UTC().Format(time.DateOnly)
}

// blockKey is where a block lies. An account's name has no slash.
func blockKey(account string, number int) string {
	return account + "/" + strconv.Itoa(number%blockPlaces)
}

// chronicle enters events into the history of their accounts, in the transaction
// that writes them.
func chronicle(tx vault.Tx, now time.Time, events []Event) error {
	byAccount := map[string][]client.EventData{}
	for _, e := range events {
		if e.Account != "" && matters(e.Data) {
			byAccount[e.Account] = append(byAccount[e.Account], e.Data)
		}
	}
	day := dayNumber(now)
	for account, list := range byAccount {
		b, revision, err := readBlock(tx, account, day/blockDays)
		if err != nil {
			return err
		}
		for _, data := range list {
			b.enter(day%blockDays, data)
		}
		if _, err := tx.Put(kindHistory, blockKey(account, day/blockDays), b.encode(), revision); err != nil {
			return err
		}
	}
	return nil
}

// uncounted are checks of one day that found what the one before them did, which are no
// events, and which the history does not have yet: that would be a second record to be
// written with nearly every check. The account's record has them meanwhile.
type uncounted struct {
	Day int `json:"day"`
	OK  int `json:"ok"`
}

// mostUncounted is how many wait at most.
const mostUncounted = 32

// with returns what the history has to be given with a change of a record, before the
// change's events, and what waits on.
func (u uncounted) with(r *Record, events []Event) (due []uncounted, left uncounted) {
	if r.checkedSilently(events) {
		if day := dayNumber(r.CheckedAt); u.OK > 0 && u.Day != day {
			due, u = append(due, u), uncounted{day, 1}
		} else {
			u = uncounted{day, u.OK + 1}
		}
	}
	// The order of what happened says how a day ended.
	if u.OK >= mostUncounted || u.OK > 0 && slices.ContainsFunc(events, func(e Event) bool { return matters(e.Data) }) {
		due, u = append(due, u), uncounted{}
	}
	return due, u
}

// count enters them into the history, unless that has forgotten their day.
func (u uncounted) count(tx vault.Tx, account string) error {
	number := u.Day / blockDays
	if dayNumber(time.Now())/blockDays-number >= blockPlaces {
		return nil
	}
	b, revision, err := readBlock(tx, account, number)
	if err != nil {
		return err
	}
	b.add(u)
	_, err = tx.Put(kindHistory, blockKey(account, number), b.encode(), revision)
	return err
}

// uncountedOf are those of an account, none where there is no such account or its record
// means nothing to this program.
func uncountedOf(tx vault.Tx, account string) (uncounted, error) {
	r, err := tx.Get(KindAccount, account)
	if errors.Is(err, vault.ErrNotFound) {
		return uncounted{}, nil
	}
	if err != nil {
		return uncounted{}, err
	}
	_, b, _ := splitBeside(string(r.Value))
	return b.Uncounted, nil
}

// checkedSilently reports whether a record has a check that found what the one
// before it did, and that is no event.
func (r *Record) checkedSilently(events []Event) bool {
	if !r.CheckedAt.After(r.Counted) || r.LastCheck != lifecycle.OutcomeOK {
		return false
	}
	return !slices.ContainsFunc(events, func(e Event) bool {
		switch e.Data.(type) {
		case client.CheckAlive, client.CheckUndecided, client.CheckDenied:
			return true
		}
		return false
	})
}

// matters reports whether a kind of event counts for the history.
func matters(data client.EventData) bool {
	switch d := data.(type) {
	case client.CheckAlive, client.CheckDenied, client.Refreshed, client.LoginDone:
		return true
	case client.CheckUndecided:
		return d.Asked
	case client.LoginRequired:
		return !d.Early
	case client.CredentialRead:
		return !d.Denied
	}
	return false
}

// readBlock returns a block, which is empty where its place holds another or none.
// One that means nothing to this program is begun anew: nothing depends on it.
func readBlock(tx vault.Tx, account string, number int) (b *block, revision uint64, err error) {
	r, err := tx.Get(kindHistory, blockKey(account, number))
	if errors.Is(err, vault.ErrNotFound) {
		return &block{number: number}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if b = decodeBlock(r.Value); b.number != number {
		b = &block{number: number}
	}
	return b, r.Revision, nil
}

// History returns how accounts did on the last days until now, the oldest first,
// all as of one moment. An account of which nothing is known has empty days.
func (s *Store) History(now time.Time, days int, accounts ...string) (map[string][]client.HistoryDay, error) {
	days = min(max(days, 1), client.MostHistory)
	all := make(map[string][]client.HistoryDay, len(accounts))
	err := s.vault.View(func(tx vault.Tx) error {
		for _, account := range accounts {
			list, err := readDays(tx, account, dayNumber(now), days)
			if err != nil {
				return fmt.Errorf("the history of %s: %w", account, err)
			}
			all[account] = list
		}
		return nil
	})
	return all, err
}

// readDays reads a block more than the days need, for how things stood when they
// began: a session stays dead on the days on which nobody asks.
func readDays(tx vault.Tx, account string, today, days int) ([]client.HistoryDay, error) {
	waiting, err := uncountedOf(tx, account)
	if err != nil {
		return nil, err
	}
	list := make([]client.HistoryDay, 0, days)
	first, dead := today-days+1, false
	newest := today / blockDays
	for n := max(first/blockDays-1, newest-blockPlaces+1); n <= newest; n++ {
		b, _, err := readBlock(tx, account, n)
		if err != nil {
			return nil, err
		}
		b.add(waiting)
		for i := range b.days {
			day, t := n*blockDays+i, &b.days[i]
			was := dead
			if t.end != 0 {
				dead = t.end == endsDead
			}
			if day < first || day > today {
				continue
			}
			list = append(list, client.HistoryDay{Date: dateOf(day), OK: t.ok, Unanswered: t.unanswered, Denied: t.denied,
				Dead: was || t.dead > 0, Refreshed: t.refreshed, LoggedIn: t.loggedIn, Reads: b.readings(t)})
		}
	}
	return list, nil
}

// forgetHistory removes the days of an account that is removed.
func forgetHistory(tx vault.Tx, account string) error {
	for place := range blockPlaces {
		key := blockKey(account, place)
		r, err := tx.Get(kindHistory, key)
		if errors.Is(err, vault.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := tx.Delete(kindHistory, key, r.Revision); err != nil {
			return err
		}
	}
	return nil
}
