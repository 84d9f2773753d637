package vault

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Every change from outside is found when the vault is opened.
func TestTampering(t *testing.T) {
	tests := []struct {
		name string
		fn   func(b *bolt.Tx, old map[string][]byte) error
	}{
		{"a record changed", func(b *bolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			env[len(env)-1] ^= 1
			return rawPut(b, "k", "a", env)
		}},
		{"a revision changed", func(b *bolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			env[8]++
			return rawPut(b, "k", "a", env)
		}},
		{"a record copied to another key", func(b *bolt.Tx, _ map[string][]byte) error {
			return rawPut(b, "k", "c", rawRecord(b, "k", "a"))
		}},
		{"two records swapped", func(b *bolt.Tx, _ map[string][]byte) error {
			x, y := rawRecord(b, "k", "a"), rawRecord(b, "k", "b")
			_ = rawPut(b, "k", "a", y)
			return rawPut(b, "k", "b", x)
		}},
		{"a record moved to another kind", func(b *bolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "a")
			_ = b.Bucket([]byte(bucketRecords)).Bucket([]byte("k")).Delete([]byte("a"))
			return rawPut(b, "other", "a", env)
		}},
		{"kind and key cut elsewhere", func(b *bolt.Tx, _ map[string][]byte) error {
			env := rawRecord(b, "k", "ab")
			_ = b.Bucket([]byte(bucketRecords)).Bucket([]byte("k")).Delete([]byte("ab"))
			return rawPut(b, "ka", "b", env)
		}},
		{"an older state put back", func(b *bolt.Tx, old map[string][]byte) error { return rawPut(b, "k", "a", old["a"]) }},
		{"a value of a transaction that was undone", func(b *bolt.Tx, old map[string][]byte) error {
			return rawPut(b, "k", "a", old["undone"])
		}},
		{"a deleted record put back", func(b *bolt.Tx, old map[string][]byte) error { return rawPut(b, "k", "gone", old["gone"]) }},
		{"a record removed", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketRecords)).Bucket([]byte("k")).Delete([]byte("a"))
		}},
		{"all records removed", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketRecords)).DeleteBucket([]byte("k"))
		}},
		{"records gone", func(b *bolt.Tx, _ map[string][]byte) error { return b.DeleteBucket([]byte(bucketRecords)) }},
		{"an older manifest", func(b *bolt.Tx, old map[string][]byte) error {
			return b.Bucket([]byte(bucketMeta)).Put([]byte(metaManifest), old["manifest"])
		}},
		{"no manifest", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketMeta)).Delete([]byte(metaManifest))
		}},
		{"a record as manifest", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketMeta)).Put([]byte(metaManifest), rawRecord(b, "k", "a"))
		}},
		{"the first event removed", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketJournal)).Delete(number(1))
		}},
		{"the last event removed", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketJournal)).Delete(number(3))
		}},
		{"an event moved", func(b *bolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte(bucketJournal))
			return j.Put(number(2), bytes.Clone(j.Get(number(1))))
		}},
		{"an event's time changed", func(b *bolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte(bucketJournal))
			env := bytes.Clone(j.Get(number(2)))
			env[5]++
			return j.Put(number(2), env)
		}},
		{"an event invented", func(b *bolt.Tx, _ map[string][]byte) error {
			j := b.Bucket([]byte(bucketJournal))
			return j.Put(number(4), bytes.Clone(j.Get(number(3))))
		}},
		{"no id", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketMeta)).Delete([]byte(metaID))
		}},
		{"no schema", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketMeta)).Delete([]byte(metaSchema))
		}},
		{"a value among the kinds", func(b *bolt.Tx, _ map[string][]byte) error {
			return b.Bucket([]byte(bucketRecords)).Put([]byte("v"), []byte("v"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, old := tampered(t)
			tamper(t, o.Path, func(b *bolt.Tx) error { return tt.fn(b, old) })
			_, err := Open(o)
			wantErr(t, err, ErrCorrupt)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		o, _ := tampered(t)
		tamper(t, o.Path, func(*bolt.Tx) error { return nil })
		check(t, mustOpen(t, o))
	})
}

// tampered returns a closed vault and envelopes of earlier states of it.
func tampered(t *testing.T) (Options, map[string][]byte) {
	o := options(t)
	v := mustOpen(t, o)
	rev := put(t, v, "k", "a", "old", 0)
	put(t, v, "k", "b", "b", 0)
	put(t, v, "k", "ab", "ab", 0)
	gone := put(t, v, "k", "gone", "gone", 0)
	for range 3 {
		appendOne(t, v, noon, "x")
	}
	old := map[string][]byte{}
	_ = v.reading("test", func(b *bolt.Tx) error {
		old["a"], old["gone"] = rawRecord(b, "k", "a"), rawRecord(b, "k", "gone")
		old["manifest"] = bytes.Clone(b.Bucket([]byte(bucketMeta)).Get([]byte(metaManifest)))
		return nil
	})
	rev = put(t, v, "k", "a", "new", rev)
	// The same place and the same revision: such a page may still lie in the file.
	old["undone"] = v.seal.seal(rev, []byte("other"), purposeRecord, []byte("k"), []byte("a"))
	if err := v.Update(func(tx *Tx) error { return tx.Delete("k", "gone", gone) }); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	return o, old
}

// Verify and Get find it too while the vault is open.
func TestTamperingWhileOpen(t *testing.T) {
	v := mustOpen(t, options(t))
	put(t, v, "k", "a", "a", 0)
	put(t, v, "k", "b", "b", 0)
	appendOne(t, v, noon, "x")
	err := v.exclusiveCommit("test", func(b *bolt.Tx) error {
		j := b.Bucket([]byte(bucketJournal))
		env := bytes.Clone(j.Get(number(1)))
		env[len(env)-1] ^= 1
		_ = j.Put(number(1), env)
		return rawPut(b, "k", "b", rawRecord(b, "k", "a"))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, v.Verify(), ErrCorrupt)
	_, err = get(v, "k", "b")
	wantErr(t, err, ErrCorrupt)
	wantErr(t, v.View(func(tx *Tx) error { return tx.Each("k", func(string, Record) error { return nil }) }), ErrCorrupt)
	_, err = events(v, 0, 0)
	wantErr(t, err, ErrCorrupt)
	// The rest goes on.
	wantValue(t, v, "k", "a", "a")
	put(t, v, "k", "c", "c", 0)
}

// A change that failed half-way undoes the transaction, even where the caller
// does not look at the error.
func TestAHalfChangeIsUndone(t *testing.T) {
	o := options(t)
	o.JournalMax = 1
	v := mustOpen(t, o)
	appendOne(t, v, noon, "x")
	err := v.exclusiveCommit("test", func(b *bolt.Tx) error {
		return b.Bucket([]byte(bucketJournal)).Put(number(1), []byte("x"))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = v.Update(func(tx *Tx) error {
		_, _ = tx.Put("k", "a", nil, 0)
		_, _ = tx.Append(noon, nil) // drops the damaged one
		return nil
	})
	wantErr(t, err, ErrCorrupt)
	if _, err := get(v, "k", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the record stayed: %v", err)
	}
}

// A record of another vault with the same key file is none of this one's.
func TestRecordsOfAnotherVault(t *testing.T) {
	o, other := options(t), options(t)
	v := mustOpen(t, o)
	other.KeyFile = o.KeyFile
	if other.KeyFile == "" {
		other.KeyFile = strings.TrimSuffix(o.Path, "vault.db") + defaultKeyName
	}
	w := mustOpen(t, other)
	put(t, v, "k", "a", "mine", 0)
	put(t, w, "k", "a", "theirs", 0)
	var env []byte
	_ = w.reading("test", func(b *bolt.Tx) error { env = rawRecord(b, "k", "a"); return nil })
	_ = v.Close()
	tamper(t, o.Path, func(b *bolt.Tx) error { return rawPut(b, "k", "a", env) })
	_, err := Open(o)
	wantErr(t, err, ErrCorrupt)
}

// The file alone tells no value, replaced and deleted ones included, and not
// the key either; nor does an error's text.
func TestNoPlaintext(t *testing.T) {
	const canary = "CANARY-SESSDATA-0123456789"
	o := options(t)
	v := mustOpen(t, o)
	rev := put(t, v, "k", "a", canary, 0)
	rev = put(t, v, "k", "a", canary+"2", rev)
	gone := put(t, v, "k", "b", strings.Repeat(canary, 1000), 0)
	_ = v.Update(func(tx *Tx) error {
		_, _ = tx.Append(noon, []byte(canary))
		return tx.Delete("k", "b", gone)
	})
	_ = v.Update(func(tx *Tx) error { _, _ = tx.Put("k", "never", []byte(canary), 0); return ErrConflict })
	err := v.Update(func(tx *Tx) error { _, err := tx.Put("k", "a", []byte(canary), rev+9); return err })
	if strings.Contains(err.Error(), canary) {
		t.Errorf("an error tells a value: %v", err)
	}
	if err := v.Backup(o.Path + ".copy"); err != nil {
		t.Fatal(err)
	}
	key, err := readKeyFile(strings.TrimSuffix(o.Path, "vault.db") + defaultKeyName)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{o.Path, o.Path + ".copy"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string][]byte{"a value": []byte(canary), "the key": key, "the key's text": encodeKeyFile(key)[len(keyFilePrefix):50]} {
			if bytes.Contains(data, secret) {
				t.Errorf("%s holds %s", path, name)
			}
		}
	}
}

func TestBindIsUnambiguous(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"ab", ""}, {"a", "b", ""}, {"\x00\x00\x00\x01a"}} {
		var raw [][]byte
		for _, p := range parts {
			raw = append(raw, []byte(p))
		}
		got := string(bind("p", raw...))
		if twin, ok := seen[got]; ok {
			t.Errorf("%q and %q are bound alike", parts, twin)
		}
		seen[got] = parts
	}
}

func TestSum(t *testing.T) {
	a, b := sum{0: 0xff, 7: 0xff, 15: 0x80, 31: 0xff}, sum{0: 1, 7: 1, 15: 0x80, 31: 0xff}
	for i := range a {
		if i%3 == 0 {
			a[i] |= 0xf0
		}
	}
	var x, y sum
	x.add(a)
	x.add(b)
	y.add(b)
	y.add(a)
	if x != y || x == a {
		t.Error("the order matters")
	}
	x.sub(a)
	if x != b {
		t.Errorf("%x, want %x", x, b)
	}
	x.sub(b)
	if x != (sum{}) {
		t.Errorf("%x is left", x)
	}
	// The carry goes over all four words.
	z := sum{}
	z.sub(sum{0: 1})
	if z != (sum)(bytes.Repeat([]byte{0xff}, 32)) {
		t.Errorf("%x", z)
	}
	z.add(sum{0: 1})
	if z != (sum{}) {
		t.Errorf("%x", z)
	}
}

func FuzzEnvelope(f *testing.F) {
	s, err := newSealer(make([]byte, keySize), make([]byte, vaultIDSize))
	if err != nil {
		f.Fatal(err)
	}
	good := s.seal(7, []byte("value"), purposeRecord, []byte("k"), []byte("a"))
	f.Add(good)
	f.Add(good[:envelopeHead])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, env []byte) {
		plain, err := s.open(nil, env, purposeRecord, []byte("k"), []byte("a"))
		if err != nil && bytes.Equal(env, good) {
			t.Fatalf("%x does not open: %v", env, err)
		}
		// Nobody but this test has the key, so nothing else can be in there.
		if err == nil && string(plain) != "value" {
			t.Fatalf("%x opened as %q", env, plain)
		}
		if _, err := s.open(nil, env, purposeEntry, []byte("k"), []byte("a")); err == nil {
			t.Fatalf("%x opened for another purpose", env)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(manifest{commit: 1, revision: 2, first: 3, newest: 4, records: 5}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeManifest(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatalf("%x became %x", b, m.encode())
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add(string(encodeKeyFile(make([]byte, keySize))))
	f.Add("bilikeeper-key-1 AAAA\n")
	f.Add("bilikeeper-key-2 AAAA\n")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseKeyFile([]byte(text))
		if err != nil {
			return
		}
		if strings.TrimRight(text, "\r\n") != strings.TrimSpace(string(encodeKeyFile(key))) {
			t.Fatalf("%q is read as %x", text, key)
		}
	})
}

func TestKeyFile(t *testing.T) {
	good := string(encodeKeyFile(bytes.Repeat([]byte{0xfb}, keySize)))
	line := strings.TrimSuffix(good, "\n")
	for text, ok := range map[string]bool{
		good: true, line: true, line + "\r\n": true,
		"": false, "\n": false, good + "\n": false, " " + good: false, line[:len(line)-1]: false,
		strings.Replace(good, "-1 ", "-2 ", 1): false, strings.Replace(line, "+", "\n+", 1): false,
		strings.Replace(line, "+", "-", 1): false,
	} {
		if _, err := parseKeyFile([]byte(text)); err == nil != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzSlot(f *testing.F) {
	f.Add(Slot{ID: "x", Kind: SlotKeyFile, Created: time.Unix(1, 0), Wrapped: []byte("w")}.encode())
	f.Add(Slot{ID: "x", Kind: SlotFile, Label: "l", Params: []byte("/k"), Wrapped: make([]byte, wrappedSize)}.encode())
	f.Add(Slot{ID: "x", Kind: SlotPassphrase, Params: newStretch().encode(), Wrapped: make([]byte, wrappedSize)}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSlot("x", b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatalf("%x became %x", b, s.encode())
		}
	})
}

func FuzzHolder(f *testing.F) {
	f.Add([]byte(`{"pid":1,"started_at":"2026-11-20T12:00:00Z","socket":"/run/x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseHolder(b); err == nil && p.PID <= 0 {
			t.Fatalf("%s names process %d", b, p.PID)
		}
	})
}

func TestSlot(t *testing.T) {
	secret, id, dataKey := bytes.Repeat([]byte{1}, keySize), bytes.Repeat([]byte{2}, vaultIDSize), bytes.Repeat([]byte{3}, keySize)
	s, err := newSlot(SlotKeyFile, secret, dataKey, id, noon)
	if err != nil {
		t.Fatal(err)
	}
	s, err = decodeSlot(s.ID, s.encode())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.unwrap(secret, id); err != nil || !bytes.Equal(got, dataKey) {
		t.Errorf("unwrap: %x, %v", got, err)
	}
	short, otherKind, otherID := s, s, s
	short.Wrapped, otherKind.Kind, otherID.ID = s.Wrapped[1:], "recovery", "other"
	for name, f := range map[string]func() ([]byte, error){
		"another secret": func() ([]byte, error) { return s.unwrap(dataKey, id) },
		"another vault":  func() ([]byte, error) { return s.unwrap(secret, secret[:vaultIDSize]) },
		"cut":            func() ([]byte, error) { return short.unwrap(secret, id) },
		"another kind":   func() ([]byte, error) { return otherKind.unwrap(secret, id) },
		"another slot":   func() ([]byte, error) { return otherID.unwrap(secret, id) },
	} {
		if _, err := f(); err != ErrWrongKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}
