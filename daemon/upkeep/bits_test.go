package upkeep

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/store"
	"github.com/bilikeeper/bilikeeper/vault"
)

// filled is a vault as one is after years: many accounts that were written many times,
// so that earlier states of them lie about in its free pages, and a journal. It returns
// what is in it, and its newest copy.
func filled(t *testing.T, dir string) (o vault.Options, content map[string]string, copied string) {
	t.Helper()
	o = options(dir)
	o.Kinds, o.Lost = store.Kinds(), store.LostEntry()
	v, err := vault.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	revisions := map[string]uint64{}
	for round := range 8 {
		for n := range 12 {
			err := v.Update(func(tx vault.Tx) (err error) {
				for i, kind := range store.Kinds() {
					key := fmt.Sprintf("%s-%02d", kind, n)
					if revisions[key], err = tx.Put(kind, key, bytes.Repeat([]byte{byte(round + 1)}, 100+200*(i%4)), revisions[key]); err != nil {
						return err
					}
				}
				_, err = tx.Append(time.Now(), []byte(fmt.Sprintf(`{"type":"check.ok","account":"a%d"}`, n)))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	content = contentOf(t, v)
	dir = filepath.Join(dir, "backups")
	copied = filepath.Join(dir, nameAt(time.Now()))
	older := filepath.Join(dir, nameAt(time.Now().Add(-time.Hour)))
	if err := errors.Join(os.Mkdir(dir, 0o700), v.BackUp(older), v.BackUp(copied)); err != nil {
		t.Fatal(err)
	}
	return o, content, copied
}

func contentOf(t *testing.T, v *vault.File) map[string]string {
	t.Helper()
	content := map[string]string{}
	err := v.View(func(tx vault.Tx) error {
		for _, kind := range store.Kinds() {
			if err := tx.Each(kind, func(key string, r vault.Record) error {
				content[kind+"/"+key] = fmt.Sprintf("%d %x", r.Revision, r.Value)
				return nil
			}); err != nil {
				return err
			}
		}
		entries, err := tx.Events(tx.Oldest()-1, 0)
		for _, e := range entries {
			content[fmt.Sprintf("entry %d", e.ID)] = string(e.Value)
		}
		return err
	})
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return content
}

// changed are the names of what is not as it was.
func changed(before, now map[string]string) (names []string) {
	for name, value := range before {
		if now[name] != value {
			names = append(names, name)
		}
	}
	for name := range now {
		if _, was := before[name]; !was {
			names = append(names, name)
		}
	}
	return names
}

// TestFlippedBits turns bits of a filled vault over, one at a time. It is opened whole,
// or with its damage told of; or it is repaired and each loss is named; or it is refused
// and the newest copy is named. It never goes back to an earlier state in silence.
func TestFlippedBits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	o, content, copied := filled(t, dir)
	whole, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 5))
	outcomes := map[string]int{}
	for range flips {
		at, bit := random.IntN(len(whole)), random.IntN(8)
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << bit
		outcome, wrong := meet(t, o, content, bad, copied)
		if wrong != "" {
			t.Errorf("bit %d of byte %d, %s: %s", bit, at, outcome, wrong)
		}
		outcomes[outcome]++
		left, _ := filepath.Glob(o.Path + ".damaged-*")
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
	t.Logf("%d bytes, %d flips: %v", len(whole), flips, outcomes)
	if outcomes["opened"] == 0 || outcomes["repaired"] == 0 {
		t.Errorf("the flips did not reach everything: %v", outcomes)
	}
}

// meet is what a keeper and a person do with a damaged vault. It says what is wrong
// with that.
func meet(t *testing.T, o vault.Options, content map[string]string, bad []byte, copied string) (outcome, wrong string) {
	t.Helper()
	if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := vault.Open(o); err == nil {
		told, now := v.Info().Damage, contentOf(t, v)
		verr := errors.Join(v.Verify(), v.Close())
		other := changed(content, now)
		switch {
		case verr != nil:
			return "opened", verr.Error()
		case len(told) > 0:
			return "opened and told", ""
		case len(other) > 0:
			return "opened", fmt.Sprintf("nothing is told of %v", other)
		}
		return "opened", ""
	}
	// A keeper that does not start names the way back.
	if back := WayBack(o, filepath.Dir(copied)); back != "bilikeeper vault restore "+copied {
		return "refused", "the way back is " + back
	}
	r, err := vault.Repair(o)
	if err != nil {
		now, rerr := os.ReadFile(o.Path)
		if rerr != nil || !bytes.Equal(now, bad) {
			return "refused", "a repair that failed changed the vault"
		}
		return "refused", ""
	}
	v, err := vault.Open(o)
	if err != nil {
		return "repaired", err.Error()
	}
	now := contentOf(t, v)
	if err := errors.Join(v.Verify(), v.Close()); err != nil {
		return "repaired", err.Error()
	}
	for _, name := range changed(content, now) {
		if !named(r, content, name) {
			return "repaired", fmt.Sprintf("%s is not told of: %+v", name, r)
		}
	}
	return "repaired", ""
}

// named reports whether a repair tells of a record or an entry. Where the name itself
// is damaged, it is told as it is.
func named(r vault.Repaired, content map[string]string, name string) bool {
	if strings.HasPrefix(name, "entry ") {
		return r.LostEntries > 0 || len(r.Damage) > 1
	}
	told := slices.Concat(r.Lost, r.Older, r.Loose)
	strange := func(lost string) bool { return content[lost] == "" }
	return slices.Contains(told, name) || r.Unnamed > 0 || slices.ContainsFunc(r.Lost, strange) ||
		strings.Contains(strings.Join(r.Damage, "; "), "may be")
}
