package vault

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const lostEntry = "lost"

// stateOf is all that is in a vault, by kind/key and by entry.
func stateOf(t testing.TB, v *File) map[string]string {
	t.Helper()
	state := map[string]string{}
	err := v.View(func(tx Tx) error {
		kinds, err := tx.(*fileTx).b.Subs("records")
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			err := tx.Each(kind, func(key string, r Record) error {
				state[kind+"/"+key] = fmt.Sprintf("%d %x", r.Revision, r.Value)
				return nil
			})
			if err != nil {
				return err
			}
		}
		es, err := tx.Events(tx.Oldest()-1, 0)
		for _, e := range es {
			state[fmt.Sprintf("entry %d", e.ID)] = string(e.Value)
		}
		return err
	})
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return state
}

// tellsOf reports whether a difference from what there was is told of.
func tellsOf(r Repaired, want map[string]string, name string) bool {
	if strings.HasPrefix(name, "entry ") {
		return r.LostEntries > 0 || len(r.Damage) > 1
	}
	told := slices.Concat(r.Lost, r.Older, r.Loose)
	// Where a name is damaged it is told as it is.
	damaged := slices.ContainsFunc(r.Lost, func(lost string) bool { return want[lost] == "" })
	return slices.Contains(told, name) || r.Unnamed > 0 || damaged || strings.Contains(strings.Join(r.Damage, "; "), "may be")
}

// Bits that turned over anywhere: each time the vault opens whole, or with the
// damage told of, or is repaired with each loss named, or is refused and a copy is
// there. Nothing goes back in silence.
func TestRepairFlippedBits(t *testing.T) {
	o, data, _ := specimen(t)
	v := mustOpen(t, o)
	want := stateOf(t, v)
	copied := filepath.Join(filepath.Dir(o.Path), "copy.db")
	if err := v.BackUp(copied); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	o.Lost = []byte(lostEntry)
	random := rand.New(rand.NewPCG(7, 11))
	outcomes := map[string]int{}
	for round := range 200 {
		bad := bytes.Clone(data)
		for range 1 + random.IntN(3) {
			bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		}
		outcomes[repairRound(t, o, bad, want, fmt.Sprintf("round %d", round), copied)]++
		for _, left := range asides(o) {
			_ = os.Remove(left)
		}
	}
	t.Logf("%v", outcomes)
	if outcomes["refused"] > 40 || outcomes["repaired"] == 0 || outcomes["opened"] == 0 {
		t.Errorf("outcomes %v", outcomes)
	}
}

func asides(o Options) []string {
	list, _ := filepath.Glob(o.Path + ".damaged-*")
	return list
}

func repairRound(t *testing.T, o Options, bad []byte, want map[string]string, round, copied string) string {
	t.Helper()
	if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := Open(o)
	if err == nil {
		defer v.Close()
		told := v.Info().Damage
		for name, value := range stateOf(t, v) {
			if value != want[name] && len(told) == 0 {
				t.Errorf("%s: %s is another one, and nothing is told", round, name)
			}
		}
		if len(stateOf(t, v)) < len(want) && len(told) == 0 {
			t.Errorf("%s: something is missing, and nothing is told", round)
		}
		check(t, v)
		if len(told) > 0 {
			return "opened and told"
		}
		return "opened"
	}
	if !repairable(err) {
		t.Errorf("%s: refused with %v", round, err)
	}
	r, err := Repair(o)
	if err != nil {
		if now := mustRead(t, o.Path); !bytes.Equal(now, bad) {
			t.Errorf("%s: a repair that failed changed the vault", round)
		}
		if _, err := Examine(o, copied); err != nil {
			t.Errorf("%s: the copy: %v", round, err)
		}
		return "refused"
	}
	if r.Whole || r.Aside == "" || !bytes.Equal(mustRead(t, r.Aside), bad) {
		t.Errorf("%s: the damaged file was not kept: %+v", round, r)
	}
	v = mustOpen(t, o)
	defer v.Close()
	check(t, v)
	state := stateOf(t, v)
	for name, value := range want {
		if state[name] != value && !tellsOf(r, want, name) {
			t.Errorf("%s: %s is gone or another one, and not told of: %+v", round, name, r)
		}
	}
	for name := range state {
		if _, ok := want[name]; !ok && !tellsOf(r, want, name) {
			t.Errorf("%s: %s came from nowhere", round, name)
		}
	}
	put(t, v, "after", "a", "x", 0)
	return "repaired"
}

// What is lost is named, and what is left goes on: revisions and ids grow.
func TestRepairNamesTheLoss(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "account", "gone", strings.Repeat("x", 300), 0)
	put(t, v, "account", "stays", "y", 0)
	for i := range 5 {
		appendOne(t, v, noon, fmt.Sprint(i))
	}
	want := stateOf(t, v)
	var env []byte
	err := v.View(func(tx Tx) (err error) {
		env, err = tx.(*fileTx).b.Get(recordsBucket("account"), []byte("gone"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	data := mustRead(t, o.Path)
	for at := 0; ; { // in each state of it that the file has
		i := bytes.Index(data[at:], env)
		if i < 0 {
			break
		}
		at += i + 60
		data[at], data[at+1] = data[at]^0xff, data[at+1]^0xff
	}
	if err := os.WriteFile(o.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(o)
	wantErr(t, err, ErrCorrupt)
	r, err := Repair(o)
	if err != nil || !slices.Equal(r.Lost, []string{"account/gone"}) || r.Unnamed != 0 || r.LostEntries != 0 || r.Details.Records["account"] != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	v = mustOpen(t, o)
	delete(want, "account/gone")
	if got := stateOf(t, v); !maps.Equal(got, want) {
		t.Errorf("left is %v", got)
	}
	if rev := put(t, v, "account", "new", "z", 0); rev != 3 {
		t.Errorf("the next revision is %d", rev)
	}
	d, err := v.Details()
	if err != nil || !slices.Contains(d.Aside, r.Aside) {
		t.Errorf("set aside are %v, %v", d.Aside, err)
	}
	_ = v.Close()
	if r, err := Repair(o); err != nil || !r.Whole || r.Aside != "" {
		t.Errorf("a whole vault: %+v, %v", r, err)
	}
	key := mustRead(t, keyPath(o))
	if err := errors.Join(os.Remove(keyPath(o)), os.Truncate(o.Path, int64(3*os.Getpagesize()))); err != nil {
		t.Fatal(err)
	}
	if _, err := Repair(o); err == nil {
		t.Error("repaired without a key")
	}
	_ = os.WriteFile(keyPath(o), key, 0o600)
}

// A record that was removed stays removed.
func TestRepairBringsNothingBack(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	rev := put(t, v, "account", "removed", "x", 0)
	put(t, v, "account", "stays", "y", 0)
	if err := v.Update(func(tx Tx) error { return tx.Delete("account", "removed", rev) }); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		appendOne(t, v, noon, fmt.Sprint(i))
	}
	want := stateOf(t, v)
	_ = v.Close()
	data := mustRead(t, o.Path)
	page := os.Getpagesize()
	for _, meta := range []int{0, page} {
		bad := bytes.Clone(data)
		bad[meta+pageHead+20] ^= 1
		if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if told := v.Info().Damage; len(told) != 1 || !strings.Contains(told[0], "header") {
			t.Errorf("told is %q", told)
		}
		if got := stateOf(t, v); got["account/removed"] != "" && !maps.Equal(got, want) {
			t.Errorf("back is %v", got)
		}
		_ = v.Close()
	}
}

// A journal that is damaged keeps no account from being loaded.
func TestDamagedJournal(t *testing.T) {
	for _, tt := range []struct {
		name string
		spot int // in the envelope
		more int
		lost bool
	}{{"one bit of the seal", 50, 0, false}, {"the seal", 50, 1, true}, {"the head", 3, 1, true}, {"the version", 0, 0, false}} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			v := mustOpen(t, o)
			put(t, v, "account", "a", "x", 0)
			for i := range 5 {
				appendOne(t, v, noon, fmt.Sprintf("entry number %d", i+1))
			}
			want := stateOf(t, v)
			var env []byte
			err := v.View(func(tx Tx) (err error) {
				env, err = tx.(*fileTx).b.Get(journalBucket, []byte{0, 0, 0, 0, 0, 0, 0, 3})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			_ = v.Close()
			data := mustRead(t, o.Path)
			for at := 0; ; {
				i := bytes.Index(data[at:], env)
				if i < 0 {
					break
				}
				at += i + tt.spot
				data[at] ^= 2
				data[at+tt.more] ^= 4 * byte(tt.more)
			}
			if err := os.WriteFile(o.Path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(o)
			wantErr(t, err, ErrCorrupt)
			o.Lost = []byte(lostEntry)
			v = mustOpen(t, o)
			check(t, v)
			if tt.lost {
				want["entry 3"] = lostEntry
			}
			if got := stateOf(t, v); !maps.Equal(got, want) {
				t.Errorf("left is %v", got)
			}
			told := v.Info().Damage
			if len(told) != 1 || !strings.Contains(told[0], "the first is 3") || len(asides(o)) != 1 || !bytes.HasPrefix(data[2*os.Getpagesize():], mustRead(t, asides(o)[0])[2*os.Getpagesize():]) {
				t.Errorf("told is %q, set aside %v", told, asides(o))
			}
			if id := appendOne(t, v, noon, "next"); id != 6 {
				t.Errorf("the next id is %d", id)
			}
			_ = v.Close()
			v = mustOpen(t, o)
			if told := v.Info().Damage; len(told) != 0 {
				t.Errorf("told again: %q", told)
			}
			_ = v.Close()
		})
	}
}
