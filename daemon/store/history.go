package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
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
const (
	blockDays = 32
	// blockPlaces hold MostHistory days while the newest block has but one.
	blockPlaces = (client.MostHistory+blockDays-1)/blockDays + 1
	// mostReaders bounds the readers of a block that are told apart.
	mostReaders = 32
)

// block is some days in a row of one account. The names are on disk.
type block struct {
	Number int `json:"n"`
	// Days are by their place in the block.
	Days map[int]*tally `json:"d"`
	// Readers are those that the days' reads are counted for, by place.
	Readers []historyReader `json:"r,omitempty"`
}

// tally is what happened to an account on a day.
type tally struct {
	OK         int `json:"ok,omitempty"`
	Unanswered int `json:"no,omitempty"`
	Denied     int `json:"de,omitempty"`
	Dead       int `json:"dd,omitempty"`
	Refreshed  int `json:"re,omitempty"`
	LoggedIn   int `json:"in,omitempty"`
	// End is how the day ended.
	End   ending         `json:"e,omitempty"`
	Reads map[int]uint64 `json:"r,omitempty"`
}

// ending is what a day's last word on the session was, "" where there was none.
type ending string

const (
	endsDead  ending = "d"
	endsAlive ending = "a"
)

// historyReader is a program with its user, or an address, and what it reads.
type historyReader struct {
	Program string `json:"p,omitempty"`
	User    string `json:"u,omitempty"`
	Remote  string `json:"a,omitempty"`
	Format  string `json:"f,omitempty"`
}

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
func chronicle(tx *vault.Tx, now time.Time, events []Event) error {
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
		data, err := json.Marshal(b)
		if err != nil {
			return err
		}
		if _, err := tx.Put(kindHistory, blockKey(account, day/blockDays), data, revision); err != nil {
			return err
		}
	}
	return nil
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
func readBlock(tx *vault.Tx, account string, number int) (b *block, revision uint64, err error) {
	b = &block{}
	r, err := tx.Get(kindHistory, blockKey(account, number))
	switch {
	case errors.Is(err, vault.ErrNotFound):
	case err != nil:
		return nil, 0, err
	default:
		revision = r.Revision
		if json.Unmarshal(r.Value, b) != nil || b.Number != number {
			b = &block{}
		}
	}
	b.Number = number
	if b.Days == nil {
		b.Days = map[int]*tally{}
	}
	return b, revision, nil
}

// enter counts an event on a day.
func (b *block) enter(day int, data client.EventData) {
	t := b.Days[day]
	if t == nil {
		t = &tally{}
		b.Days[day] = t
	}
	switch d := data.(type) {
	case client.CheckAlive:
		t.OK++
		t.End = endsAlive
	case client.CheckUndecided:
		t.Unanswered++
	case client.CheckDenied:
		t.Denied++
		if d.Confirmed {
			t.Dead++
			t.End = endsDead
		}
	case client.LoginRequired:
		t.Dead++
		t.End = endsDead
	case client.Refreshed:
		t.Refreshed++
		t.End = endsAlive
	case client.LoginDone:
		if !d.Revived {
			t.LoggedIn++
		}
		t.End = endsAlive
	case client.CredentialRead:
		if t.Reads == nil {
			t.Reads = map[int]uint64{}
		}
		t.Reads[b.reader(d)] += 1 + d.Reads
	}
}

// reader is the place of a reader. Where there are too many, the last place is for
// all others.
func (b *block) reader(d client.CredentialRead) int {
	r := historyReader{Remote: d.Remote, Format: d.Format}
	if d.Program != nil && *d.Program != "" {
		r.Program = path.Base(*d.Program)
	}
	if d.User != nil {
		r.User = *d.User
	} else if d.UID != nil {
		r.User = strconv.FormatUint(uint64(*d.UID), 10)
	}
	if i := slices.Index(b.Readers, r); i >= 0 {
		return i
	}
	if len(b.Readers) >= mostReaders-1 {
		r = historyReader{}
		if i := slices.Index(b.Readers, r); i >= 0 {
			return i
		}
	}
	b.Readers = append(b.Readers, r)
	return len(b.Readers) - 1
}

// History returns how accounts did on the last days until now, the oldest first,
// all as of one moment. An account of which nothing is known has empty days.
func (s *Store) History(now time.Time, days int, accounts ...string) (map[string][]client.HistoryDay, error) {
	days = min(max(days, 1), client.MostHistory)
	all := make(map[string][]client.HistoryDay, len(accounts))
	err := s.vault.View(func(tx *vault.Tx) error {
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
func readDays(tx *vault.Tx, account string, today, days int) ([]client.HistoryDay, error) {
	list := make([]client.HistoryDay, 0, days)
	first, dead := today-days+1, false
	newest := today / blockDays
	for n := max(first/blockDays-1, newest-blockPlaces+1); n <= newest; n++ {
		b, _, err := readBlock(tx, account, n)
		if err != nil {
			return nil, err
		}
		for i := range blockDays {
			day, t := n*blockDays+i, b.Days[i]
			if t == nil {
				t = &tally{}
			}
			was := dead
			if t.End != "" {
				dead = t.End == endsDead
			}
			if day < first || day > today {
				continue
			}
			list = append(list, client.HistoryDay{Date: dateOf(day), OK: t.OK, Unanswered: t.Unanswered, Denied: t.Denied,
				Dead: was || t.Dead > 0, Refreshed: t.Refreshed, LoggedIn: t.LoggedIn, Reads: b.reads(t)})
		}
	}
	return list, nil
}

// reads are those of a day, the most first.
func (b *block) reads(t *tally) []client.HistoryReads {
	list := make([]client.HistoryReads, 0, len(t.Reads))
	for i, n := range t.Reads {
		if i >= 0 && i < len(b.Readers) {
			r := b.Readers[i]
			list = append(list, client.HistoryReads{Program: r.Program, User: r.User, Remote: r.Remote, Format: r.Format, Reads: n})
		}
	}
	slices.SortFunc(list, func(a, b client.HistoryReads) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), cmp.Compare(a.Program+a.Remote, b.Program+b.Remote), cmp.Compare(a.User+a.Format, b.User+b.Format))
	})
	return list
}

// forgetHistory removes the days of an account that is removed.
func forgetHistory(tx *vault.Tx, account string) error {
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
