package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

func keyPath(o Options) string { return filepath.Join(filepath.Dir(o.Path), defaultKeyName) }

// keyText is what is in a key file.
func keyText(key string) string {
	return "bilikeeper-key-1 " + base64.StdEncoding.EncodeToString([]byte(key)) + "\n"
}

func TestFirstStart(t *testing.T) {
	o := options(t)
	o.Socket = "/run/example/control.sock"
	v := mustOpen(t, o)
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{
			filepath.Dir(o.Path): 0o700, o.Path: 0o600, keyPath(o): 0o600,
			filepath.Join(filepath.Dir(o.Path), bolt.HolderFile): 0o600,
		} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v; want mode %o", path, info.Mode(), err, want)
			}
		}
	}
	p, err := Holder(filepath.Dir(o.Path))
	if err != nil || p.PID != os.Getpid() || p.Socket != o.Socket || time.Since(p.StartedAt) > time.Minute {
		t.Errorf("holder %+v, %v", p, err)
	}
	names := func() string {
		entries, _ := os.ReadDir(filepath.Dir(o.Path))
		var all []string
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return strings.Join(all, " ")
	}
	if got := names(); got != "keeper.pid vault.db vault.key" {
		t.Errorf("files: %s", got)
	}
	_ = v.Close()
	if got := names(); got != "vault.db vault.key" {
		t.Errorf("files after the end: %s", got)
	}
	_, err = Holder(filepath.Dir(o.Path))
	wantErr(t, err, ErrNotFound)
}

// Of many first starts at once one gets the vault, and no key is lost.
func TestFirstStartsAtOnce(t *testing.T) {
	o := options(t)
	o.LockTimeout = time.Nanosecond
	var wg sync.WaitGroup
	vaults, errs := make([]*File, 8), make([]error, 8)
	for i := range vaults {
		wg.Go(func() { vaults[i], errs[i] = Open(o) })
	}
	wg.Wait()
	var winner *File
	for i, v := range vaults {
		switch {
		case v != nil && winner == nil:
			winner = v
		case v != nil:
			t.Fatal("two hold the vault")
		default:
			wantErr(t, errs[i], ErrInUse)
		}
	}
	if winner == nil {
		t.Fatalf("nobody got it: %v", errs)
	}
	put(t, winner, "k", "a", "x", 0)
	_ = winner.Close()
	v := mustOpen(t, o)
	wantValue(t, v, "k", "a", "x")
	check(t, v)
}

func TestInUse(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	start := time.Now()
	_, err := Open(o)
	wantErr(t, err, ErrInUse)
	if e, ok := errors.AsType[*Error](err); !ok || e.PID != os.Getpid() || e.Path != o.Path {
		t.Errorf("error %+v", err)
	}
	if !strings.Contains(err.Error(), "in use by process ") {
		t.Errorf("error %q does not name the process", err)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("it took %v to say so", d)
	}
	_ = os.Remove(filepath.Join(filepath.Dir(o.Path), bolt.HolderFile))
	_, err = Open(o)
	wantErr(t, err, ErrInUse)
	put(t, v, "k", "a", "x", 0)
	_ = v.Close()
	// Whoever waits gets it.
	o.LockTimeout = time.Minute
	v = mustOpen(t, o)
	got := make(chan error, 1)
	go func() {
		w, err := Open(o)
		if err == nil {
			err = w.Close()
		}
		got <- err
	}()
	_ = v.Close()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// Waiting costs nothing where the time is not real, and no goroutine stays.
func TestInABubble(t *testing.T) {
	o := options(t)
	o.LockTimeout = 2 * time.Minute // it is looked for a few hundred times a minute
	synctest.Test(t, func(t *testing.T) {
		v, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		put(t, v, "k", "a", "x", 0)
		start := time.Now()
		_, err = Open(o)
		wantErr(t, err, ErrInUse)
		if d := time.Since(start); d < o.LockTimeout || d > o.LockTimeout+time.Minute {
			t.Errorf("waited %v", d)
		}
		changed := v.Changed()
		go func() {
			_ = v.Update(func(tx Tx) error { _, err := tx.Append(time.Now(), nil); return err })
		}()
		<-changed
		if err := errors.Join(v.Writable(), v.Verify(), v.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeys(t *testing.T) {
	write := func(text string, mode os.FileMode) func(*testing.T, Options) {
		return func(t *testing.T, o Options) {
			_ = os.Remove(keyPath(o))
			if err := os.WriteFile(keyPath(o), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		do   func(*testing.T, Options)
		want error
	}{
		{"missing", func(_ *testing.T, o Options) { _ = os.Remove(keyPath(o)) }, ErrKeyMissing},
		{"another", write(keyText(string(make([]byte, seal.KeySize))), 0o600), ErrWrongKey},
		{"empty", write("", 0o600), ErrWrongKey},
		{"no key", write("hello\n", 0o600), ErrWrongKey},
		{"a large file", write(strings.Repeat("x", 4097), 0o600), ErrWrongKey},
		{"a directory", func(_ *testing.T, o Options) { _ = os.Remove(keyPath(o)); _ = os.Mkdir(keyPath(o), 0o700) }, ErrWrongKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			_ = mustOpen(t, o).Close()
			key, before := mustRead(t, keyPath(o)), mustRead(t, o.Path)
			tt.do(t, o)
			_, err := Open(o)
			wantErr(t, err, tt.want)
			if string(mustRead(t, o.Path)) != string(before) {
				t.Error("the vault was touched")
			}
			_ = os.Remove(keyPath(o))
			_ = os.WriteFile(keyPath(o), key, 0o600)
			check(t, mustOpen(t, o))
		})
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A key that is there already is used for the first vault.
func TestAKeyWithoutAVault(t *testing.T) {
	o := options(t)
	o.KeyFile = filepath.Join(t.TempDir(), "key")
	text := []byte(keyText(strings.Repeat("k", seal.KeySize)))
	if err := os.WriteFile(o.KeyFile, text, 0o400); err != nil {
		t.Fatal(err)
	}
	v := mustOpen(t, o)
	if got := mustRead(t, o.KeyFile); string(got) != string(text) {
		t.Errorf("the key became %q", got)
	}
	check(t, v)
}

func TestExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	for name, path := range map[string]func(Options) string{
		"directory": func(o Options) string { return filepath.Dir(o.Path) },
		"vault":     func(o Options) string { return o.Path },
		"key":       keyPath,
	} {
		for _, bit := range []os.FileMode{0o040, 0o020, 0o010, 0o004, 0o002, 0o001} {
			o := options(t)
			_ = mustOpen(t, o).Close()
			info, _ := os.Stat(path(o))
			mode := info.Mode().Perm() | bit
			if err := os.Chmod(path(o), mode); err != nil {
				t.Fatal(err)
			}
			_, err := Open(o)
			wantErr(t, err, ErrExposed)
			if err != nil && !strings.Contains(err.Error(), path(o)) {
				t.Errorf("%s: %q does not name it", name, err)
			}
			if info, _ := os.Stat(path(o)); info.Mode().Perm() != mode {
				t.Errorf("%s: the mode was changed silently", name)
			}
		}
	}
	// A key may lie where others can look, not where they can put another.
	o := options(t)
	o.KeyFile = filepath.Join(t.TempDir(), "key")
	_ = os.Chmod(filepath.Dir(o.KeyFile), 0o755)
	_ = mustOpen(t, o).Close()
	_ = os.Chmod(filepath.Dir(o.KeyFile), 0o775)
	_, err := Open(o)
	wantErr(t, err, ErrExposed)
}

func TestNotAFile(t *testing.T) {
	o := options(t)
	_ = mustOpen(t, o).Close()
	if err := os.Rename(o.Path, o.Path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(o.Path+".moved", o.Path); err != nil {
		t.Skip(err)
	}
	_, err := Open(o)
	wantErr(t, err, ErrCorrupt)
	_ = os.Remove(o.Path)
	_ = os.Mkdir(o.Path, 0o700)
	_, err = Open(o)
	wantErr(t, err, ErrCorrupt)
	_, err = Open(Options{})
	if err == nil {
		t.Error("a vault without a path was opened")
	}
}

// What a crash left half-way is cleared away and told.
func TestLeftovers(t *testing.T) {
	o := options(t)
	_ = mustOpen(t, o).Close()
	for _, name := range []string{".vault.db.ABC.tmp", ".vault.key.ABC.tmp", "other.tmp"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(o.Path), name), mustRead(t, o.Path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v := mustOpen(t, o)
	if got := v.Info().Leftovers; len(got) != 2 {
		t.Errorf("leftovers %v", got)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(o.Path), ".vault.key.ABC.tmp")); err == nil {
		t.Error("half a key is still there")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(o.Path), "other.tmp")); err != nil {
		t.Error("somebody else's file is gone")
	}
}

func TestMigration(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "k", "a", "x", 0)
	_ = v.Close()

	mark := func(name string) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error { return tx.Put(metaBucket, []byte(name), []byte("done")) }
	}
	// One that fails leaves the vault what it was.
	mine := errors.New("mine")
	_, err := opener{schema: 3, migrations: []func(*bolt.Tx) error{mark("one"), func(*bolt.Tx) error { return mine }}}.open(o)
	wantErr(t, err, mine)
	_ = mustOpen(t, o).Close()

	// A panic in one is an error too.
	_, err = opener{schema: 2, migrations: []func(*bolt.Tx) error{func(*bolt.Tx) error { panic("mine") }}}.open(o)
	wantErr(t, err, ErrCorrupt)
	_ = mustOpen(t, o).Close()

	two := opener{schema: 3, migrations: []func(*bolt.Tx) error{mark("one"), mark("two")}}
	v, err = two.open(o)
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, v, "k", "a", "x")
	if v.Info().Schema != 3 {
		t.Errorf("schema %d", v.Info().Schema)
	}
	if string(stored(t, v, metaBucket, "one")) != "done" || string(stored(t, v, metaBucket, "two")) != "done" {
		t.Error("a migration is missing")
	}
	check(t, v)
	_ = v.Close()

	// This program knows schema 1 only.
	_, err = Open(o)
	wantErr(t, err, ErrNewerSchema)

	// The copy is the vault as it was.
	backup := o.Path + ".schema-1.bak"
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Fatalf("backup: %v, %v", info, err)
	}
	if err := os.Rename(backup, o.Path); err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	wantValue(t, v, "k", "a", "x")
	check(t, v)
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	o := options(t)
	_ = mustOpen(t, o).Close()
	tamper(t, o.Path, func(b *bbolt.Tx) error {
		return b.Bucket([]byte("meta")).Put([]byte(metaSchema), binary.BigEndian.AppendUint32(nil, 7))
	})
	before := string(mustRead(t, o.Path))
	_, err := Open(o)
	wantErr(t, err, ErrNewerSchema)
	if string(mustRead(t, o.Path)) != before {
		t.Error("the vault was touched")
	}
}

func TestBackup(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "k", "a", "x", 0)
	if err := v.file.Backup(o.Path); err == nil {
		t.Fatal("the vault was replaced by its backup while open")
	}
	copied := options(t)
	if err := os.Mkdir(filepath.Dir(copied.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.file.Backup(copied.Path); err != nil {
			t.Fatal(err)
		}
	}
	put(t, v, "k", "b", "later", 0)
	copied.KeyFile = keyPath(o)
	w := mustOpen(t, copied)
	wantValue(t, w, "k", "a", "x")
	if _, err := get(w, "k", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the copy has what came later: %v", err)
	}
	check(t, w)
	check(t, v)
}

// A vault that is missing while its key is there was lost; one whose beginning was
// cut off is begun again.
func TestGone(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "k", "a", "x", 0)
	_ = v.Close()
	if _, err := os.Stat(o.Path + beginning); err == nil {
		t.Error("the mark of a beginning is left")
	}
	key := mustRead(t, keyPath(o))
	if err := os.Rename(o.Path, o.Path+".lost"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Open(o)
		wantErr(t, err, ErrGone)
		if _, err := os.Lstat(o.Path); err == nil || !bytes.Equal(key, mustRead(t, keyPath(o))) {
			t.Fatal("something was begun anew")
		}
	}
	if err := os.Rename(o.Path+".lost", o.Path); err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	wantValue(t, v, "k", "a", "x")
	_ = v.Close()

	if err := errors.Join(os.Remove(o.Path), os.WriteFile(o.Path+beginning, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	check(t, v)
	_ = v.Close()
	if _, err := os.Stat(o.Path + beginning); err == nil {
		t.Error("the mark of a beginning is left")
	}
	// A key that is kept elsewhere may be there before its first vault.
	o.KeyFile = writeSecret(t, t.TempDir(), "other.key", string(key))
	if err := os.Remove(o.Path); err != nil {
		t.Fatal(err)
	}
	_ = mustOpen(t, o).Close()
}
