package vault

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

const (
	samplePassphrase = "fake correct horse"
	sampleSecret     = "fake-secret-of-a-file-0123456789abcdef"
)

func says(text string) func() (secret.String, error) {
	return func() (secret.String, error) { return secret.New(text), nil }
}

func mustAdd(t testing.TB, v *File, n NewSlot) (SlotInfo, secret.String) {
	t.Helper()
	s, key, err := v.AddSlot(n)
	if err != nil {
		t.Fatalf("add %s: %v", n.Kind, err)
	}
	return s, key
}

func writeSecret(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each kind of slot alone opens the vault, and the error of none says what was
// tried.
func TestEachKindOfSlotOpens(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	put(t, v, "k", "a", "x", 0)
	source := writeSecret(t, filepath.Dir(o.Path), "other.key", sampleSecret+"\n")
	o.Keys.Credentials = t.TempDir()
	writeSecret(t, o.Keys.Credentials, "vaultkey", sampleSecret+"2")
	mustAdd(t, v, NewSlot{Kind: SlotFile, Source: source})
	mustAdd(t, v, NewSlot{Kind: SlotFile, Source: CredentialSource("vaultkey"), Secret: secret.New(sampleSecret + "2\n")})
	mustAdd(t, v, NewSlot{Kind: SlotPassphrase, Label: "mine", Secret: secret.New(samplePassphrase)})
	_, recovery := mustAdd(t, v, NewSlot{Kind: SlotRecovery})
	shown := map[string]string{}
	for _, s := range v.Info().Slots {
		if s.InUse != (s.Kind == SlotKeyFile) {
			t.Errorf("in use: %v", s)
		}
		shown[s.Kind+s.Source] = s.Label
	}
	if want := map[string]string{"keyfile": "", "file" + source: "", "filecredential:vaultkey": "", "passphrase": "mine", "recovery": ""}; !maps.Equal(shown, want) {
		t.Errorf("slots %v", shown)
	}
	check(t, v)
	_ = v.Close()

	_ = os.Rename(keyPath(o), keyPath(o)+".away")
	asked := 0
	o.Keys.Passphrase = func() (secret.String, error) { asked++; return secret.New("wrong passphrase"), nil }
	opens := func(kind string) {
		t.Helper()
		v, err := Open(o)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, s := range v.Info().Slots {
			if s.InUse && s.Kind != kind {
				t.Errorf("opened by a %s, want a %s", s.Kind, kind)
			}
		}
		wantValue(t, v, "k", "a", "x")
		_ = v.Close()
	}
	opens(SlotFile)
	_ = os.Remove(source)
	opens(SlotFile)
	o.Keys.Credentials = ""
	_, err := Open(o)
	wantErr(t, err, ErrWrongKey)
	for _, part := range []string{keyPath(o) + " (missing)", source + " (missing)", "credential:vaultkey (this process was given no credentials)", "the passphrase (does not open it)", "the recovery key (not given)"} {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	o.Keys.Passphrase = func() (secret.String, error) { return secret.String{}, ErrNotGiven }
	_, err = Open(o)
	wantErr(t, err, ErrKeyMissing)
	o.Keys.Passphrase = says(samplePassphrase)
	opens(SlotPassphrase)
	o.Keys.Passphrase = nil
	o.Keys.Recovery = says(strings.ToUpper(strings.ReplaceAll(recovery.Reveal(), "-", " ")))
	opens(SlotRecovery)
	o.Keys.Recovery = says("cbdefg")
	_, err = Open(o)
	wantErr(t, err, ErrWrongKey)
	mine := errors.New("mine")
	o.Keys.Recovery = func() (secret.String, error) { return secret.String{}, mine }
	if _, err := Open(o); !errors.Is(err, mine) {
		t.Errorf("the caller's own error became %v", err)
	}
}

func TestSlotsThatAreRefused(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	dir := filepath.Dir(o.Path)
	open := writeSecret(t, dir, "open", sampleSecret)
	_ = os.Chmod(open, 0o644)
	tests := []struct {
		name string
		n    NewSlot
		want error
	}{
		{"no kind", NewSlot{}, keys.ErrSlotKind},
		{"another kind", NewSlot{Kind: "tpm"}, keys.ErrSlotKind},
		{"a short passphrase", NewSlot{Kind: SlotPassphrase, Secret: secret.New("fake")}, ErrWeak},
		{"no passphrase", NewSlot{Kind: SlotPassphrase}, ErrWeak},
		{"an endless passphrase", NewSlot{Kind: SlotPassphrase, Secret: secret.New(strings.Repeat("x", 1025))}, ErrTooLarge},
		{"a long label", NewSlot{Kind: SlotRecovery, Label: strings.Repeat("x", 129)}, ErrTooLarge},
		{"a missing file", NewSlot{Kind: SlotFile, Source: filepath.Join(dir, "none")}, ErrKeyMissing},
		{"a short file", NewSlot{Kind: SlotFile, Source: writeSecret(t, dir, "short", sampleSecret[:20])}, ErrWeak},
		{"zeros", NewSlot{Kind: SlotFile, Source: writeSecret(t, dir, "zeros", strings.Repeat("\x00", 64))}, ErrWeak},
		{"a directory", NewSlot{Kind: SlotFile, Source: dir}, ErrWrongKey},
		{"a credential that is not there", NewSlot{Kind: SlotFile, Source: CredentialSource("x")}, ErrKeyMissing},
	}
	if runtime.GOOS != "windows" {
		tests = append(tests, struct {
			name string
			n    NewSlot
			want error
		}{"an open file", NewSlot{Kind: SlotFile, Source: open}, ErrExposed})
	}
	for _, tt := range tests {
		_, key, err := v.AddSlot(tt.n)
		if !errors.Is(err, tt.want) || !key.IsZero() {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		wantErr(t, err, tt.want)
		if err != nil && (strings.Contains(err.Error(), sampleSecret[:20]) || strings.Contains(err.Error(), "fake correct")) {
			t.Errorf("%s: the error shows the secret: %v", tt.name, err)
		}
	}
	for _, source := range []string{"", "relative", "credential:", "credential:../x", "credential:a/b", "credential:."} {
		if _, _, err := v.AddSlot(NewSlot{Kind: SlotFile, Source: source}); err == nil {
			t.Errorf("the source %q was taken", source)
		}
	}
	if n := len(v.Info().Slots); n != 1 {
		t.Errorf("%d slots", n)
	}
}

func TestRemovingSlots(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	first := v.Info().Slots[0].ID
	wantErr(t, v.RemoveSlot(first, ""), ErrLastSlot)
	wantErr(t, v.RemoveSlot("none", ""), ErrNotFound)
	recovery, key := mustAdd(t, v, NewSlot{Kind: SlotRecovery})
	wantErr(t, v.RemoveSlot(first, ""), ErrAttended)
	wantErr(t, v.RemoveSlot(first, first), ErrNotFound)
	wantErr(t, v.RemoveSlot(first, "none"), ErrNotFound)
	other, _ := mustAdd(t, v, NewSlot{Kind: SlotFile, Source: writeSecret(t, filepath.Dir(o.Path), "other", sampleSecret)})
	if err := v.RemoveSlot(other.ID, ""); err != nil {
		t.Fatal(err)
	}
	if err := v.RemoveSlot(first, recovery.ID); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	_, err := Open(o)
	wantErr(t, err, ErrKeyMissing) // the file is there, and is not asked any more
	o.Keys.Recovery = says(key.Reveal())
	v = mustOpen(t, o)
	// The key file that lies there is used again.
	mustAdd(t, v, NewSlot{Kind: SlotKeyFile, Label: "is dropped"})
	if err := v.RemoveSlot(recovery.ID, ""); err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	o.Keys = Keys{}
	check(t, mustOpen(t, o))
}

// A slot is bound to its vault, its id and all that stands beside it.
func TestSlotsAreBound(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	info, key := mustAdd(t, v, NewSlot{Kind: SlotRecovery, Label: "printed"})
	_ = v.Close()
	_ = os.Remove(keyPath(o))
	o.Keys.Recovery = says(key.Reveal())
	_ = mustOpen(t, o).Close()
	for name, change := range map[string]func(s *keys.Slot){
		"label":   func(s *keys.Slot) { s.Label = "other" },
		"created": func(s *keys.Slot) { s.Created = s.Created.Add(time.Second) },
		"params":  func(s *keys.Slot) { s.Params = []byte("x") },
		"id":      func(s *keys.Slot) { s.ID = "OTHER" },
		"wrapped": func(s *keys.Slot) { s.Wrapped[40] ^= 1 },
	} {
		before := mustRead(t, o.Path)
		tamper(t, o.Path, func(b *bbolt.Tx) error {
			bk := b.Bucket([]byte("slots"))
			s, err := keys.Decode(info.ID, bytes.Clone(bk.Get([]byte(info.ID))))
			if err != nil {
				return err
			}
			change(&s)
			_ = bk.Delete([]byte(info.ID))
			return bk.Put([]byte(s.ID), s.Encode())
		})
		if _, err := Open(o); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(o.Path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
