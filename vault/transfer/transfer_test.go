package transfer_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/transfer"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, o vault.Options) *vault.File {
	t.Helper()
	v, err := vault.Open(o)
	must(t, err)
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// source is a vault with records of several kinds, a journal that does not begin with 1,
// and a recovery key.
func source(t *testing.T) (*vault.File, secret.String) {
	t.Helper()
	v := open(t, vault.Options{Path: filepath.Join(t.TempDir(), "a", "vault.db"), JournalMax: 90})
	must(t, v.Update(func(tx vault.Tx) error {
		for i := range 100 {
			if _, err := tx.Put("account", fmt.Sprintf("a%03d", i), []byte(strings.Repeat("x", i)), 0); err != nil {
				return err
			}
		}
		_, err := tx.Put("secret", "page", []byte("of the page"), 0)
		return err
	}))
	must(t, v.Update(func(tx vault.Tx) error {
		for i := range 120 {
			if _, err := tx.Append(time.Date(2020, 1, 1, 0, i, 0, 7, time.UTC), fmt.Appendf(nil, "entry %d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
	_, key, err := v.AddSlot(vault.NewSlot{Kind: vault.SlotRecovery})
	must(t, err)
	if v.Info().FirstEvent < 2 {
		t.Fatal("the journal was not trimmed")
	}
	return v, key
}

// target is what a vault is filled in, begun with the seed of another.
func target(t *testing.T, from vault.Vault) vault.Options {
	t.Helper()
	seed, err := from.Seed()
	must(t, err)
	path, _ := from.Identity()
	return vault.Options{
		Path: filepath.Join(t.TempDir(), "b", "vault.db"), KeyFile: filepath.Join(filepath.Dir(path), "vault.key"), Seed: &seed, JournalAge: transfer.Ageless,
	}
}

// alike wants both to hold the same, and the target to be opened by the recovery key.
func alike(t *testing.T, from vault.Vault, o vault.Options, f transfer.Filled, key secret.String) {
	t.Helper()
	v := open(t, o)
	must(t, v.Verify())
	a, b := from.Info(), v.Info()
	if a.ID != b.ID || a.FirstEvent != b.FirstEvent || a.LastEvent != b.LastEvent || len(a.Slots) != len(b.Slots) {
		t.Errorf("got %+v, want %+v", b, a)
	}
	digest, err := transfer.Digest(v, b.FirstEvent-1)
	must(t, err)
	if digest != f.Digest || f.Records != 101 || f.Events != a.Events {
		t.Errorf("digest %s, and what was said is %+v", digest, f)
	}
	if err := transfer.Usable(v); !errors.Is(err, transfer.ErrUnfinished) {
		t.Errorf("before it is released: %v", err)
	}
	must(t, transfer.Release(v))
	must(t, transfer.Usable(v))
	must(t, v.Close())
	o.KeyFile, o.Seed, o.Existing = filepath.Join(filepath.Dir(o.Path), "none.key"), nil, true
	o.Keys.Recovery = func() (secret.String, error) { return key, nil }
	must(t, open(t, o).Close())
}

func TestFill(t *testing.T) {
	from, key := source(t)
	o := target(t, from)
	to := open(t, o)
	last := 0
	f, err := transfer.Fill(from, to, func(done, total int) {
		if done < last || total != 101+from.Info().Events {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	})
	must(t, err)
	if f.Resumed || last != 101+f.Events {
		t.Errorf("got %+v, and progress came to %d", f, last)
	}
	// It goes on as the one that it was made of would.
	must(t, to.Close())
	alike(t, from, o, f, key)
}

// cut is a vault whose process is killed at an update, before it is committed or after.
type cut struct {
	vault.Vault
	left  int
	after bool
}

var errKilled = errors.New("killed")

func (c *cut) Update(fn func(vault.Tx) error) error {
	if c.left--; c.left >= 0 {
		return c.Vault.Update(fn)
	}
	if c.after && c.left == -1 {
		if err := c.Vault.Update(fn); err != nil {
			return err
		}
	}
	return errKilled
}

// Cut off at each commit, it comes to the same when it is called again, also where the
// source was used meanwhile.
func TestFillCutOff(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 0; ; n++ {
			from, key := source(t)
			o := target(t, from)
			to := open(t, o)
			_, err := transfer.Fill(from, &cut{Vault: to, left: n, after: after}, nil)
			must(t, to.Close())
			if err == nil {
				if n < 6 {
					t.Fatalf("only %d commits", n)
				}
				break
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if n%2 == 1 {
				must(t, from.Update(func(tx vault.Tx) error {
					r, err := tx.Get("account", "a001")
					if err != nil {
						return err
					}
					if _, err = tx.Put("account", "a001", []byte("changed"), r.Revision); err != nil {
						return err
					}
					if r, err = tx.Get("account", "a002"); err != nil {
						return err
					}
					if err = tx.Delete("account", "a002", r.Revision); err != nil {
						return err
					}
					if _, err = tx.Put("account", "b", []byte("new"), 0); err != nil {
						return err
					}
					tx.KeepJournal(1000)
					_, err = tx.Append(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), []byte("later"))
					return err
				}))
			}
			to = open(t, o)
			f, err := transfer.Fill(from, to, nil)
			must(t, err)
			must(t, to.Close())
			alike(t, from, o, f, key)
		}
	}
}

func TestOtherContentIsRefused(t *testing.T) {
	from, _ := source(t)
	other := open(t, vault.Options{Path: filepath.Join(t.TempDir(), "b", "vault.db")})
	if _, err := transfer.Fill(from, other, nil); !errors.Is(err, transfer.ErrOther) {
		t.Errorf("another vault: %v", err)
	}
	if _, found, err := transfer.StateOf(other); found || err != nil {
		t.Errorf("it was changed: %v", err)
	}
	o := target(t, from)
	to := open(t, o)
	_, err := transfer.Fill(from, to, nil)
	must(t, err)
	must(t, transfer.Release(to))
	f, err := transfer.Fill(from, to, nil) // killed just before the source was left
	must(t, err)
	must(t, transfer.Release(to))
	must(t, to.Update(func(tx vault.Tx) error {
		_, err := tx.Put("account", "z", []byte("of its own"), 0)
		return err
	}))
	if _, err := transfer.Fill(from, to, nil); !errors.Is(err, transfer.ErrOther) {
		t.Errorf("one that is used: %v", err)
	}
	// What was left is filled from again when everything comes back.
	must(t, transfer.Leave(to, "elsewhere", f.Digest))
	if err := transfer.Usable(to); !errors.Is(err, transfer.ErrLeft) {
		t.Errorf("left: %v", err)
	}
	if _, err := transfer.Fill(to, from, nil); !errors.Is(err, transfer.ErrLeft) {
		t.Errorf("from one that was left: %v", err)
	}
	again, err := transfer.Fill(from, to, nil)
	must(t, err)
	if again.Digest != f.Digest || !again.Resumed {
		t.Errorf("got %+v, want %+v", again, f)
	}
}

func TestSetAside(t *testing.T) {
	from, _ := source(t)
	path, _ := from.Identity()
	aside, err := vault.SetAside(from)
	must(t, err)
	key := filepath.Join(filepath.Dir(path), "vault.key")
	if _, err := vault.Open(vault.Options{Path: path}); !errors.Is(err, vault.ErrGone) {
		t.Errorf("in its place: %v", err)
	}
	v := open(t, vault.Options{Path: aside, KeyFile: key, Existing: true})
	must(t, v.Verify())
}

func TestCopy(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	from, key := source(t)
	c, err := transfer.Copy(from)
	must(t, err)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Path), "*")); len(left) != 1 || left[0] != c.Path {
		t.Errorf("there is %v", left)
	}
	o := vault.Options{Path: filepath.Join(t.TempDir(), "c", "vault.db")}
	o.Keys.Recovery = func() (secret.String, error) { return key, nil }
	_, err = vault.Restore(o, c.Path, false)
	must(t, err)
	v := open(t, o)
	must(t, v.Verify())
	want, err := transfer.Digest(from, from.Info().FirstEvent-1)
	must(t, err)
	if got, err := transfer.Digest(v, v.Info().FirstEvent-1); err != nil || got != want {
		t.Errorf("got %s, want %s: %v", got, want, err)
	}
}
