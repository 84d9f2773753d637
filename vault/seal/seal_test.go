package seal

import (
	"bytes"
	"testing"
)

func TestBindIsUnambiguous(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"ab", ""}, {"a", "b", ""}, {"\x00\x00\x00\x01a"}} {
		var raw [][]byte
		for _, p := range parts {
			raw = append(raw, []byte(p))
		}
		got := string(Bind("p", raw...))
		if twin, ok := seen[got]; ok {
			t.Errorf("%q and %q are bound alike", parts, twin)
		}
		seen[got] = parts
	}
}

func TestSum(t *testing.T) {
	a, b := Sum{0: 0xff, 7: 0xff, 15: 0x80, 31: 0xff}, Sum{0: 1, 7: 1, 15: 0x80, 31: 0xff}
	for i := range a {
		if i%3 == 0 {
			a[i] |= 0xf0
		}
	}
	var x, y Sum
	x.Add(a)
	x.Add(b)
	y.Add(b)
	y.Add(a)
	if x != y || x == a {
		t.Error("the order matters")
	}
	x.Sub(a)
	if x != b {
		t.Errorf("%x, want %x", x, b)
	}
	x.Sub(b)
	if x != (Sum{}) {
		t.Errorf("%x is left", x)
	}
	// The carry goes over all four words.
	z := Sum{}
	z.Sub(Sum{0: 1})
	if z != (Sum)(bytes.Repeat([]byte{0xff}, 32)) {
		t.Errorf("%x", z)
	}
	z.Add(Sum{0: 1})
	if z != (Sum{}) {
		t.Errorf("%x", z)
	}
}

func FuzzEnvelope(f *testing.F) {
	s, err := NewSealer(make([]byte, KeySize), make([]byte, IDSize))
	if err != nil {
		f.Fatal(err)
	}
	good := s.Seal(7, []byte("value"), Record([]byte("k"), []byte("a")))
	f.Add(good)
	f.Add(good[:envelopeHead])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, env []byte) {
		_, plain, err := s.Open(nil, env, Record([]byte("k"), []byte("a")))
		if err != nil && bytes.Equal(env, good) {
			t.Fatalf("%x does not open: %v", env, err)
		}
		// Nobody but this test has the key, so nothing else can be in there.
		if err == nil && string(plain) != "value" {
			t.Fatalf("%x opened as %q", env, plain)
		}
		if _, _, err := s.Open(nil, env, Position{Entry(nil).purpose, [][]byte{[]byte("k"), []byte("a")}}); err == nil {
			t.Fatalf("%x opened for another purpose", env)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(Manifest{Commit: 1, Revision: 2, First: 3, Newest: 4, Records: 5}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeManifest(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatalf("%x became %x", b, m.encode())
		}
	})
}
