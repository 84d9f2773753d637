package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/lifecycle"
	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/internal/dirtest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// days is the history of one account.
func days(t *testing.T, s *store.Store, n int) []client.HistoryDay {
	t.Helper()
	all, err := s.History(time.Now(), n, "main", "nobody")
	if err != nil || len(all["main"]) != n || len(all["nobody"]) != n {
		t.Fatalf("%d and %d days of %d: %v", len(all["main"]), len(all["nobody"]), n, err)
	}
	return all["main"]
}

// What happens is counted on its day; a session that died stays dead on the days on
// which nobody asks; 400 days are kept, each in its own place, and no more.
func TestHistory(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	program, user := "/usr/bin/yt-dlp", "media"
	read := client.CredentialRead{Program: &program, User: &user, Format: "netscape", Reads: 2}
	at := time.Now()
	tell := func(days int, list ...client.EventData) {
		t.Helper()
		if err := store.TellAt(s, at.AddDate(0, 0, days), store.Of("main", list...)...); err != nil {
			t.Fatal(err)
		}
	}
	for back := 430; back > 40; back-- {
		tell(-back, client.CheckAlive{})
	}
	tell(-40, client.CheckAlive{}, client.CheckDenied{}, client.CheckDenied{Confirmed: true}, client.LoginRequired{})
	tell(-37, client.LoginDone{}, client.CheckAlive{})
	tell(-36, client.CheckUndecided{}, client.CheckUndecided{Asked: true}, client.CheckUndecided{Asked: true, Blocks: true})
	tell(-1, client.Refreshed{}, client.LoginRequired{Early: true}, client.LoginDone{Revived: true}, read, client.CredentialRead{Remote: "192.0.2.7"}, client.CredentialRead{Denied: true})
	tell(0, client.CheckAlive{}, client.CheckAlive{}, read)

	list := days(t, s, client.MostHistory)
	for i, day := range list {
		if want := at.AddDate(0, 0, i-len(list)+1).Format(time.DateOnly); day.Date != want {
			t.Fatalf("%d: %s, %s", i, day.Date, want)
		}
	}
	ago := func(n int) client.HistoryDay { return list[len(list)-1-n] }
	if d := ago(399); d.OK != 1 {
		t.Errorf("the oldest: %+v", d)
	}
	if d := ago(40); d.OK != 1 || d.Denied != 2 || !d.Dead {
		t.Errorf("the death: %+v", d)
	}
	if d := ago(38); d.OK+d.Denied != 0 || !d.Dead {
		t.Errorf("dead, and nobody asks: %+v", d)
	}
	if d := ago(37); d.LoggedIn != 1 || !d.Dead || d.OK != 1 {
		t.Errorf("the login: %+v", d)
	}
	if d := ago(36); d.Unanswered != 2 || d.Dead || d.OK != 0 {
		t.Errorf("no answer: %+v", d)
	}
	if d := ago(20); d.OK+d.Unanswered+d.Denied != 0 || d.Dead {
		t.Errorf("nothing: %+v", d)
	}
	if d := ago(1); d.Refreshed != 1 || d.LoggedIn != 0 || d.Dead || len(d.Reads) != 2 || d.Reads[0] != (client.HistoryReads{Program: "yt-dlp", User: "media", Format: "netscape", Reads: 3}) || d.Reads[1].Remote != "192.0.2.7" {
		t.Errorf("yesterday: %+v", d)
	}
	if d := ago(0); d.OK != 2 || len(d.Reads) != 1 {
		t.Errorf("today: %+v", d)
	}
	if short := days(t, s, 40); !short[0].Dead || !short[1].Dead || short[2].LoggedIn != 1 {
		t.Errorf("a death before the days that are asked for: %+v", short[:3])
	}
	keys, err := s.Keys("history")
	if err != nil || len(keys) != 14 {
		t.Errorf("%d records: %v", len(keys), err)
	}
}

// The form on disk stays readable, and what a later version adds is passed over.
func TestFormOfHistory(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	y, m, d := time.Now().Date()
	day := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	text := fmt.Sprintf("%d\nz later\nr \"a \\\"b\\\"\" \"media\" \"\" \"netscape\"\nr \"\" \"\" \"192.0.2.7\" \"\" more\n%d o3 n2 d1 x1 r4 l5 q9 ed 0:7 1:1 40:1\n99 o1\n", day/32, day%32)
	err := v.Update(func(tx vault.Tx) error {
		_, err := tx.Put("history", fmt.Sprintf("main/%d", day/32%14), []byte(text), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		got := days(t, s, 1)[0]
		want := client.HistoryDay{Date: got.Date, OK: 3, Unanswered: 2 + i, Denied: 1, Dead: true, Refreshed: 4, LoggedIn: 5, Reads: []client.HistoryReads{
			{Program: `a "b"`, User: "media", Format: "netscape", Reads: 7}, {Remote: "192.0.2.7", Reads: 1}}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
		// Written anew, it says the same.
		if err := s.Tell(store.Of("main", client.CheckUndecided{Asked: true})...); err != nil {
			t.Fatal(err)
		}
	}
}

// A check that changes nothing but its time is no event, and counts all the same;
// once, whatever else is written of the account.
func TestHistoryOfSilentChecks(t *testing.T) {
	dir := filepath.Join(dirtest.Dir(t), "state")
	s, v := open(t, dir)
	r := full()
	save := func(events ...client.EventData) {
		t.Helper()
		if err := s.Save(r, store.Of("main", events...), nil); err != nil {
			t.Fatal(err)
		}
	}
	r.LastCheck = lifecycle.OutcomeOK
	save(client.AccountAdded{})
	for i := range 3 {
		r.CheckedAt = time.Now().Add(time.Duration(i) * time.Microsecond)
		save()
		save(client.LoginScan{})
	}
	r.CheckedAt = time.Now()
	save(client.CheckAlive{})
	r.CheckedAt, r.LastCheck = time.Now(), lifecycle.OutcomeBlocked
	save(client.CheckUndecided{Asked: true, Blocks: true})
	if d := days(t, s, 1)[0]; d.OK != 4 || d.Unanswered != 1 {
		t.Errorf("%+v", d)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	s, v = open(t, dir)
	defer v.Close()
	again, err := s.Record("main")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(again, nil, nil); err != nil {
		t.Fatal(err)
	}
	if d := days(t, s, 1)[0]; d.OK != 4 {
		t.Errorf("after a restart: %+v", d)
	}
}

// Checks that are no events are no second record each time, and are counted on their
// days whatever comes between.
func TestSilentChecksWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
		defer v.Close()
		r := full()
		r.LastCheck = lifecycle.OutcomeOK
		written := func() uint64 {
			t.Helper()
			list, err := s.Keys("history")
			if err != nil {
				t.Fatal(err)
			}
			var sum uint64
			for _, key := range list {
				revision, err := s.Get("history", key, &json.RawMessage{})
				if revision == 0 {
					t.Fatal(err)
				}
				sum += revision
			}
			return sum
		}
		check := func(events ...client.EventData) {
			t.Helper()
			time.Sleep(time.Minute)
			r.CheckedAt = time.Now()
			if err := s.Save(r, store.Of("main", events...), nil); err != nil {
				t.Fatal(err)
			}
		}
		want := func(today client.HistoryDay) {
			t.Helper()
			list := days(t, s, 2)
			got := list[len(list)-1]
			if today.Date, today.Reads = got.Date, got.Reads; !reflect.DeepEqual(got, today) {
				t.Errorf("got %+v, want %+v", got, today)
			}
		}
		changes, last := 0, written()
		for n := range 100 {
			check()
			want(client.HistoryDay{OK: n + 1})
			if now := written(); now != last {
				changes, last = changes+1, now
			}
		}
		if changes != 3 {
			t.Errorf("the history was written %d times in 100 checks", changes)
		}
		// A death comes after them, and one alive ends the day otherwise.
		check(client.CheckDenied{Confirmed: true})
		want(client.HistoryDay{OK: 100, Denied: 1, Dead: true})
		time.Sleep(24 * time.Hour)
		want(client.HistoryDay{Dead: true})
		check()
		time.Sleep(24 * time.Hour)
		check()
		check()
		want(client.HistoryDay{OK: 2})
		if yesterday := days(t, s, 2)[0]; yesterday.OK != 1 || !yesterday.Dead {
			t.Errorf("yesterday is %+v", yesterday)
		}
		// What nobody went on with for longer than the history goes back is gone, and
		// takes nothing's place.
		time.Sleep(2 * client.MostHistory * 24 * time.Hour)
		check(client.CheckAlive{})
		want(client.HistoryDay{OK: 1})
	})
}

// Who reads under ever new names does not make the record grow, and an account that
// is removed leaves nothing behind.
func TestHistoryIsBounded(t *testing.T) {
	s, v := open(t, filepath.Join(dirtest.Dir(t), "state"))
	defer v.Close()
	r := full()
	if err := s.Save(r, nil, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		program := string(rune('a'+i%26)) + string(rune('a'+i/26))
		if err := s.Tell(store.Of("main", client.CredentialRead{Program: &program})...); err != nil {
			t.Fatal(err)
		}
	}
	today := days(t, s, 1)[0]
	total := uint64(0)
	for _, r := range today.Reads {
		total += r.Reads
	}
	if len(today.Reads) != 32 || total != 300 || today.Reads[0].Program != "" {
		t.Errorf("%d readers, %d reads: %+v", len(today.Reads), total, today.Reads[0])
	}
	if err := s.Delete(r, nil); err != nil {
		t.Fatal(err)
	}
	if keys, err := s.Keys("history"); err != nil || len(keys) != 0 {
		t.Errorf("%q is left: %v", keys, err)
	}
}
