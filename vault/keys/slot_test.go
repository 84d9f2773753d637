package keys

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

func FuzzKeyFile(f *testing.F) {
	f.Add(string(encodeKeyFile(make([]byte, seal.KeySize))))
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
	good := string(encodeKeyFile(bytes.Repeat([]byte{0xfb}, seal.KeySize)))
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
	f.Add(Slot{ID: "x", Kind: KindKeyFile, Created: time.Unix(1, 0), Wrapped: []byte("w")}.Encode())
	f.Add(Slot{ID: "x", Kind: KindFile, Label: "l", Params: []byte("/k"), Wrapped: make([]byte, wrappedSize)}.Encode())
	f.Add(Slot{ID: "x", Kind: KindPassphrase, Params: newKDF().encode(), Wrapped: make([]byte, wrappedSize)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Decode("x", b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Fatalf("%x became %x", b, s.Encode())
		}
	})
}

func TestSlot(t *testing.T) {
	secret, id, dataKey := bytes.Repeat([]byte{1}, seal.KeySize), bytes.Repeat([]byte{2}, seal.IDSize), bytes.Repeat([]byte{3}, seal.KeySize)
	s := newSlot(KindKeyFile)
	if err := s.wrap(secret, dataKey, id); err != nil {
		t.Fatal(err)
	}
	s, err := Decode(s.ID, s.Encode())
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
		"another vault":  func() ([]byte, error) { return s.unwrap(secret, secret[:seal.IDSize]) },
		"cut":            func() ([]byte, error) { return short.unwrap(secret, id) },
		"another kind":   func() ([]byte, error) { return otherKind.unwrap(secret, id) },
		"another slot":   func() ([]byte, error) { return otherID.unwrap(secret, id) },
	} {
		if _, err := f(); err != fault.ErrWrongKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever can write to the file cannot make a passphrase easier to guess, nor
// the keeper take all memory.
func TestKDFHasBounds(t *testing.T) {
	good := newKDF()
	if s, err := parseKDF(good.encode()); err != nil || s != good || s.memory < 64<<10 || s.time < 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, change := range map[string]func(*kdf){
		"less memory": func(s *kdf) { s.memory-- }, "fewer passes": func(s *kdf) { s.time-- },
		"all memory": func(s *kdf) { s.memory = 1 << 31 }, "for ever": func(s *kdf) { s.time = 1 << 20 },
		"no thread": func(s *kdf) { s.threads = 0 }, "many threads": func(s *kdf) { s.threads = 255 },
	} {
		bad := good
		change(&bad)
		if _, err := parseKDF(bad.encode()); err == nil {
			t.Errorf("%s was taken", name)
		}
		s := Slot{Kind: KindPassphrase, Params: bad.encode(), Wrapped: make([]byte, wrappedSize)}
		if _, err := Decode("x", s.Encode()); err == nil {
			t.Errorf("a slot with %s was taken", name)
		}
	}
}

func TestNormalizedPassphrase(t *testing.T) {
	s := newKDF()
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
	how := kdf{time: 3, memory: 64 << 10, threads: 4, salt: [16]byte{1, 2, 3}}
	w := strings.Repeat("aa", wrappedSize)
	for _, tt := range []struct {
		s    Slot
		want string
	}{
		{Slot{Kind: KindKeyFile, Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"01076b657966696c65" + "0000000000000001" + w},
		{Slot{Kind: KindFile, Label: "l", Params: []byte("/k"), Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"010466696c65" + "0000000000000001" + w + "016c" + "00022f6b"},
		{Slot{Kind: KindRecovery, Params: []byte{}, Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"01087265636f76657279" + "0000000000000001" + w + "00" + "0000"},
		{Slot{Kind: KindPassphrase, Params: how.encode(), Created: time.Unix(1, 0).UTC(), Wrapped: wrapped},
			"010a70617373706872617365" + "0000000000000001" + w + "00" + "001a" + "01" + "00000003" + "00010000" + "04" + "01020300000000000000000000000000"},
	} {
		if got := hex.EncodeToString(tt.s.Encode()); got != tt.want {
			t.Errorf("%s: %s", tt.s.Kind, got)
		}
		raw, _ := hex.DecodeString(tt.want)
		if s, err := Decode("", raw); err != nil || s.Kind != tt.s.Kind || s.Label != tt.s.Label || !bytes.Equal(s.Params, tt.s.Params) {
			t.Errorf("%s: %+v, %v", tt.s.Kind, s, err)
		}
	}
}

func FuzzKDF(f *testing.F) {
	f.Add(newKDF().encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseKDF(b); err == nil && (!bytes.Equal(s.encode(), b) || s.memory < leastMemory || s.time < leastTime) {
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

func FuzzFileKey(f *testing.F) {
	f.Add([]byte("fake-secret-of-a-file-0123456789abcdef\n"))
	f.Add(encodeKeyFile(make([]byte, seal.KeySize)))
	f.Fuzz(func(t *testing.T, content []byte) {
		if s, err := fileKey(content); err == nil && len(s) < leastSecret {
			t.Fatalf("%x is a secret", s)
		}
	})
}
