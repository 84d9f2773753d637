package vault

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	bolt "go.etcd.io/bbolt"
)

const (
	samplePassphrase = "fake correct horse"
	sampleSecret     = "fake-secret-of-a-file-0123456789abcdef"
)

func says(text string) func() (secret.String, error) {
	return func() (secret.String, error) { return secret.New(text), nil }
}

func mustAdd(t testing.TB, v *Vault, n NewSlot) (SlotInfo, secret.String) {
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
		{"no kind", NewSlot{}, errSlotKind},
		{"another kind", NewSlot{Kind: "tpm"}, errSlotKind},
		{"a short passphrase", NewSlot{Kind: SlotPassphrase, Secret: secret.New("fake")}, ErrWeak},
		{"no passphrase", NewSlot{Kind: SlotPassphrase}, ErrWeak},
		{"an endless passphrase", NewSlot{Kind: SlotPassphrase, Secret: secret.New(strings.Repeat("x", maxPassphrase+1))}, ErrTooLarge},
		{"a long label", NewSlot{Kind: SlotRecovery, Label: strings.Repeat("x", maxLabel+1)}, ErrTooLarge},
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

// A slot is bound to its vault, its place and all that stands beside it.
func TestSlotsAreBound(t *testing.T) {
	o := options(t)
	v := mustOpen(t, o)
	info, key := mustAdd(t, v, NewSlot{Kind: SlotRecovery, Label: "drawer"})
	_ = v.Close()
	_ = os.Remove(keyPath(o))
	o.Keys.Recovery = says(key.Reveal())
	_ = mustOpen(t, o).Close()
	for name, change := range map[string]func(s *Slot){
		"label":   func(s *Slot) { s.Label = "other" },
		"created": func(s *Slot) { s.Created = s.Created.Add(time.Second) },
		"params":  func(s *Slot) { s.Params = []byte("x") },
		"id":      func(s *Slot) { s.ID = "OTHER" },
		"wrapped": func(s *Slot) { s.Wrapped[40] ^= 1 },
	} {
		before := mustRead(t, o.Path)
		tamper(t, o.Path, func(b *bolt.Tx) error {
			bk := b.Bucket([]byte(bucketSlots))
			s, err := decodeSlot(info.ID, bytes.Clone(bk.Get([]byte(info.ID))))
			if err != nil {
				return err
			}
			change(&s)
			_ = bk.Delete([]byte(info.ID))
			return bk.Put([]byte(s.ID), s.encode())
		})
		if _, err := Open(o); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(o.Path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever can write to the file cannot make a passphrase easier to guess, nor
// the keeper take all memory.
func TestStretchHasBounds(t *testing.T) {
	good := newStretch()
	if s, err := parseStretch(good.encode()); err != nil || s != good || s.memory < 64<<10 || s.time < 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, change := range map[string]func(*stretch){
		"less memory": func(s *stretch) { s.memory-- }, "fewer passes": func(s *stretch) { s.time-- },
		"all memory": func(s *stretch) { s.memory = 1 << 31 }, "for ever": func(s *stretch) { s.time = 1 << 20 },
		"no thread": func(s *stretch) { s.threads = 0 }, "many threads": func(s *stretch) { s.threads = 255 },
	} {
		bad := good
		change(&bad)
		if _, err := parseStretch(bad.encode()); err == nil {
			t.Errorf("%s was taken", name)
		}
		s := Slot{Kind: SlotPassphrase, Params: bad.encode(), Wrapped: make([]byte, wrappedSize)}
		if _, err := decodeSlot("x", s.encode()); err == nil {
			t.Errorf("a slot with %s was taken", name)
		}
	}
}

func TestNormalizedPassphrase(t *testing.T) {
	s := newStretch()
	if !bytes.Equal(s.key("cafe\u0301 fake word"), s.key("caf\u00e9 fake word")) {
		t.Error("two ways of typing the same are two passphrases")
	}
	if bytes.Equal(s.key("fake passphrase"), s.key("fake passphrasE")) {
		t.Error("two passphrases are one")
	}
}

// The bytes of a slot are on disk and never change.
func TestSlotBytes(t *testing.T) {
	wrapped := bytes.Repeat([]byte{0xAA}, wrappedSize)
	how := stretch{time: 3, memory: 64 << 10, threads: 4, salt: [16]byte{1, 2, 3}}
	w := strings.Repeat("aa", wrappedSize)
	for _, tt := range []struct {
		s    Slot
		want string
	}{
		{Slot{Kind: SlotKeyFile, Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"01076b657966696c65" + "0000000000000001" + w},
		{Slot{Kind: SlotFile, Label: "l", Params: []byte("/k"), Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"010466696c65" + "0000000000000001" + w + "016c" + "00022f6b"},
		{Slot{Kind: SlotRecovery, Params: []byte{}, Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"01087265636f76657279" + "0000000000000001" + w + "00" + "0000"},
		{Slot{Kind: SlotPassphrase, Params: how.encode(), Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"010a70617373706872617365" + "0000000000000001" + w + "00" + "001a" + "01" + "00000003" + "00010000" + "04" + "01020300000000000000000000000000"},
	} {
		if got := hex.EncodeToString(tt.s.encode()); got != tt.want {
			t.Errorf("%s: %s", tt.s.Kind, got)
		}
		raw, _ := hex.DecodeString(tt.want)
		if s, err := decodeSlot("", raw); err != nil || s.Kind != tt.s.Kind || s.Label != tt.s.Label || !bytes.Equal(s.Params, tt.s.Params) {
			t.Errorf("%s: %+v, %v", tt.s.Kind, s, err)
		}
	}
}

func FuzzStretch(f *testing.F) {
	f.Add(newStretch().encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStretch(b); err == nil && (!bytes.Equal(s.encode(), b) || s.memory < leastMemory || s.time < leastTime) {
			t.Fatalf("%x became %x", b, s.encode())
		}
	})
}

func TestRecoveryText(t *testing.T) {
	key := bytes.Repeat([]byte{0x5A}, recoveryRandom)
	text := encodeRecovery(key).Reveal()
	if want := strings.Repeat("gl", 3); !strings.HasPrefix(text, want+"-"+want+"-") {
		t.Errorf("text %q", text)
	}
	if len(text) != 8*6+7 || strings.Count(text, "-") != 7 {
		t.Errorf("%q is not eight groups of six letters", text)
	}
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"as printed":       {text, true},
		"upper case":       {strings.ToUpper(text), true},
		"no dashes":        {strings.ReplaceAll(text, "-", ""), true},
		"spaces and lines": {" " + strings.ReplaceAll(text, "-", " \n") + "\r\n", true},
		"long dashes":      {strings.ReplaceAll(text, "-", "–"), true},
		"empty":            {"", false},
		"a letter less":    {text[:len(text)-1], false},
		"a letter more":    {text + "c", false},
		"another letter":   {"a" + text[1:], false},
		"endless":          {strings.Repeat("c", 1<<20), false},
	} {
		got, err := parseRecovery(tt.text)
		if (err == nil) != tt.ok || tt.ok && !bytes.Equal(got, key) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	// Any one letter that is wrong, and any two that change places, are noticed.
	for i := range text {
		if text[i] == '-' {
			continue
		}
		wrong := []byte(text)
		wrong[i] = recoveryLetters[(strings.IndexByte(recoveryLetters, text[i])+1)%16]
		if _, err := parseRecovery(string(wrong)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
	if k, j := newRecovery(), newRecovery(); bytes.Equal(k, j) || len(k)*8 < 128 {
		t.Error("no random key")
	}
}

func FuzzRecoveryText(f *testing.F) {
	f.Add(encodeRecovery(make([]byte, recoveryRandom)).Reveal())
	f.Add("CBDE FG-hijk")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseRecovery(text)
		if err != nil {
			return
		}
		again, err := parseRecovery(encodeRecovery(key).Reveal())
		if err != nil || !bytes.Equal(again, key) {
			t.Fatalf("%q became %x, %v", text, again, err)
		}
	})
}

func FuzzFileSecret(f *testing.F) {
	f.Add([]byte(sampleSecret + "\n"))
	f.Add(encodeKeyFile(make([]byte, keySize)))
	f.Fuzz(func(t *testing.T, content []byte) {
		if s, err := fileSecret(content); err == nil && len(s) < leastSecret {
			t.Fatalf("%x is a secret", s)
		}
	})
}
