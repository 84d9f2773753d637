package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

func noSecret(SlotInfo) (secret.String, error) { return secret.String{}, ErrDropSlot }

func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
		if info, err := e.Info(); err == nil && info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
	}
	return strings.Join(all, " ")
}

func TestCompact(t *testing.T) {
	o, _, content := specimen(t)
	v := mustOpen(t, o)
	rev := put(t, v, "waste", "a", string(make([]byte, 1<<20)), 0)
	if err := v.Update(func(tx Tx) error { return tx.Delete("waste", "a", rev) }); err != nil {
		t.Fatal(err)
	}
	_, err := Compact(o)
	wantErr(t, err, ErrInUse)
	_ = v.Close()
	before, err := Inspect(o)
	if err != nil || before.FreePages < 200 || before.PageSize == 0 {
		t.Errorf("free pages %d, %v", before.FreePages, err)
	}
	c, err := Compact(o)
	if err != nil || c.Before < 1<<20 || c.After > 200<<10 {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := names(t, filepath.Dir(o.Path)); got != "vault.db vault.key" {
		t.Errorf("files: %s", got)
	}
	v = mustOpen(t, o)
	check(t, v)
	if contentOf(t, v) != content || v.Info().ID != before.ID {
		t.Error("another content")
	}
	put(t, v, "k", "later", "x", 0)
	check(t, v)
	missing := options(t)
	_, err = Compact(missing)
	wantErr(t, err, ErrNotFound)
	if _, err := os.Stat(filepath.Dir(missing.Path)); err == nil {
		t.Error("something was made")
	}
}

func TestInspect(t *testing.T) {
	o, _, _ := specimen(t)
	before := mustRead(t, o.Path)
	d, err := Inspect(o)
	if err != nil || d.Records["k"] != 60 || d.Records["big"] != 1 || d.Events != 20 || d.LastEvent != 20 || !d.FirstAt.Equal(noon) ||
		d.Schema != Schema || d.BackedUp != nil || d.Created.IsZero() || len(d.Slots) != 1 || d.Size != int64(len(before)) {
		t.Errorf("%+v, %v", d, err)
	}
	if !bytes.Equal(before, mustRead(t, o.Path)) {
		t.Error("looking changed it")
	}
	v := mustOpen(t, o)
	_, err = Inspect(o)
	wantErr(t, err, ErrInUse)
	live, err := v.Details()
	if err != nil || live.FreePages != d.FreePages || live.ID != d.ID || live.Records["k"] != 60 || !live.LastAt.Equal(*d.LastAt) {
		t.Errorf("%+v, %v", live, err)
	}
	if err := v.BackedUp(noon); err != nil {
		t.Fatal(err)
	}
	if live, err = v.Details(); err != nil || live.BackedUp == nil || !live.BackedUp.Equal(noon.Truncate(time.Second)) {
		t.Errorf("backed up %v, %v", live.BackedUp, err)
	}
	check(t, v)
	_ = v.Close()
	// It tells without the key.
	_ = os.Remove(keyPath(o))
	if d, err = Inspect(o); err != nil || len(d.Slots) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	halve := mustRead(t, o.Path)
	_ = os.WriteFile(o.Path, halve[:len(halve)/2], 0o600)
	_, err = Inspect(o)
	wantErr(t, err, ErrCorrupt)
	_, err = Inspect(options(t))
	wantErr(t, err, ErrNotFound)
}

func TestCopy(t *testing.T) {
	o, _, content := specimen(t)
	v := mustOpen(t, o)
	c, err := v.Copy()
	if err != nil {
		t.Fatal(err)
	}
	data := mustRead(t, c.Path)
	if int64(len(data)) != c.Size || sha256.Sum256(data) != c.SHA256 {
		t.Error("the sum is of something else")
	}
	put(t, v, "k", "later", "x", 0)
	_ = v.Close()
	other := options(t)
	other.KeyFile = keyPath(o)
	// A new place: the backup becomes the vault.
	r, err := Restore(other, c.Path, false)
	if err != nil || r.Aside != "" || r.Opened.Kind != SlotKeyFile || r.Details.Records["k"] != 60 {
		t.Fatalf("%+v, %v", r, err)
	}
	w := mustOpen(t, other)
	if contentOf(t, w) != content {
		t.Error("another content")
	}
	c.Remove()
	if got := names(t, filepath.Dir(o.Path)); got != "vault.db vault.key" {
		t.Errorf("files: %s", got)
	}
}

func TestRestore(t *testing.T) {
	o, old, content := specimen(t)
	backup := writeSecret(t, t.TempDir(), "backup", string(old))
	v := mustOpen(t, o)
	put(t, v, "k", "later", "x", 0)
	_, err := Restore(o, backup, false)
	wantErr(t, err, ErrInUse)
	_ = v.Close()

	_, err = Restore(o, filepath.Join(t.TempDir(), "none"), false)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	_, err = Restore(o, t.TempDir(), false)
	if err == nil {
		t.Error("a directory was taken")
	}
	broken := bytes.Clone(old)
	broken[len(broken)/3] ^= 1
	for name, bad := range map[string][]byte{"cut": old[:len(old)/2], "empty": {}, "foreign": bytes.Repeat([]byte("hello\n"), 9000)} {
		_, err := Restore(o, writeSecret(t, t.TempDir(), name, string(bad)), true)
		wantErr(t, err, ErrCorrupt)
		if err != nil && strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%q names a file that nobody knows", err)
		}
	}
	stranger := options(t)
	_ = mustOpen(t, stranger).Close()
	_, err = Restore(o, stranger.Path, true)
	wantErr(t, err, ErrWrongKey)
	foreign := options(t)
	foreign.KeyFile = keyPath(o)
	_ = mustOpen(t, foreign).Close()
	_, err = Restore(o, foreign.Path, false)
	wantErr(t, err, ErrOtherVault)
	if got := names(t, filepath.Dir(o.Path)); got != "vault.db vault.key" {
		t.Errorf("files after refusals: %s", got)
	}
	r, err := Restore(o, backup, false)
	if err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	if contentOf(t, v) != content {
		t.Error("another content")
	}
	check(t, v)
	d, err := v.Details()
	if err != nil || len(d.Aside) != 1 || d.Aside[0] != r.Aside {
		t.Errorf("aside %v, %v", d.Aside, err)
	}
	_ = v.Close()
	// What was put aside is the vault as it was.
	if _, err := Restore(o, r.Aside, false); err != nil {
		t.Fatal(err)
	}
	v = mustOpen(t, o)
	wantValue(t, v, "k", "later", "x")
	_ = v.Close()
	// A damaged vault is what a restore is for.
	_ = os.WriteFile(o.Path, old[:5000], 0o600)
	if _, err := Restore(o, backup, false); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, o))
}

func TestRekey(t *testing.T) {
	o, old, content := specimen(t)
	v := mustOpen(t, o)
	dir := filepath.Dir(o.Path)
	source := writeSecret(t, dir, "other", sampleSecret)
	mustAdd(t, v, NewSlot{Kind: SlotFile, Source: source})
	mustAdd(t, v, NewSlot{Kind: SlotPassphrase, Secret: secret.New(samplePassphrase)})
	_, recovery := mustAdd(t, v, NewSlot{Kind: SlotRecovery})
	_, err := Rekey(o, Rekeying{Secret: noSecret})
	wantErr(t, err, ErrInUse)
	was, id := v.seal.DataKey(), v.Info().ID
	_ = v.Close()

	mine := errors.New("mine")
	for name, tt := range map[string]struct {
		answer func(SlotInfo) (secret.String, error)
		want   error
	}{
		"somebody's error": {func(SlotInfo) (secret.String, error) { return secret.String{}, mine }, mine},
		"another secret":   {func(SlotInfo) (secret.String, error) { return secret.New("fake other text"), nil }, ErrWrongKey},
	} {
		before := mustRead(t, o.Path)
		_, err := Rekey(o, Rekeying{Secret: tt.answer})
		wantErr(t, err, tt.want)
		if !bytes.Equal(before, mustRead(t, o.Path)) {
			t.Errorf("%s: something happened", name)
		}
	}
	r, err := Rekey(o, Rekeying{Secret: func(s SlotInfo) (secret.String, error) {
		switch s.Kind {
		case SlotPassphrase:
			return secret.New(samplePassphrase), nil
		case SlotRecovery:
			return recovery, nil
		}
		t.Errorf("asked for %v", s)
		return secret.String{}, ErrDropSlot
	}})
	if err != nil || len(r.Kept) != 4 || len(r.Dropped) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := names(t, dir); got != "other vault.db vault.key" {
		t.Errorf("files: %s", got)
	}
	v = mustOpen(t, o)
	check(t, v)
	if contentOf(t, v) != content || v.Info().ID != id || bytes.Equal(v.seal.DataKey(), was) {
		t.Error("not the same content under another key")
	}
	put(t, v, "k", "later", "x", 0)
	check(t, v)
	_ = v.Close()
	// The old data key opens nothing of the new file.
	if s, _ := seal.NewSealer(was, v.seal.ID()); checkCopy(o.Path, s) == nil {
		t.Error("the old key still opens it")
	}
	_, err = Rekey(o, Rekeying{Secret: noSecret, Confirm: func(dropped []SlotInfo) error {
		if len(dropped) != 2 {
			t.Errorf("told of %v", dropped)
		}
		return mine
	}})
	if !errors.Is(err, mine) {
		t.Errorf("without consent: %v", err)
	}
	r, err = Rekey(o, Rekeying{Secret: noSecret})
	if err != nil || len(r.Kept) != 2 || len(r.Dropped) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	// A slot that opens it without the key file makes it possible to drop that.
	_ = os.Remove(keyPath(o))
	if r, err = Rekey(o, Rekeying{Secret: noSecret}); err != nil || len(r.Kept) != 1 || r.Kept[0].Kind != SlotFile {
		t.Fatalf("%+v, %v", r, err)
	}
	check(t, mustOpen(t, o))
	_ = old
}

// A keeper that starts after a rekeying was cut off takes the old file away,
// because its own is whole.
func TestBeforeRekeyIsSwept(t *testing.T) {
	o, data, _ := specimen(t)
	writeSecret(t, filepath.Dir(o.Path), "vault.db"+beforeRekey, string(data))
	v := mustOpen(t, o)
	if got := v.Info().Leftovers; len(got) != 1 {
		t.Errorf("leftovers %v", got)
	}
}
