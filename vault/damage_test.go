package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Sizes in a bbolt file.
const pageHead, elementSize = 16, 16

// specimen is a vault with trees of several levels, free pages and a value
// that runs over several pages; it returns its bytes and its content.
func specimen(t testing.TB) (o Options, data []byte, content string) {
	t.Helper()
	o = options(t)
	v := mustOpen(t, o)
	err := v.Update(func(tx Tx) error {
		for i := range 60 {
			if _, err := tx.Put("k", fmt.Sprintf("%03d", i), bytes.Repeat([]byte{byte(i)}, 200), 0); err != nil {
				return err
			}
		}
		_, err := tx.Put("big", "one", make([]byte, 9000), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		appendOne(t, v, noon, fmt.Sprint(i))
	}
	content = contentOf(t, v)
	_ = v.Close()
	data, err = os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	return o, data, content
}

func contentOf(t testing.TB, v *File) string {
	t.Helper()
	var b strings.Builder
	err := v.View(func(tx Tx) error {
		for _, kind := range []string{"big", "k"} {
			err := tx.Each(kind, func(key string, r Record) error {
				_, err := fmt.Fprintf(&b, "%s/%s@%d %x\n", kind, key, r.Revision, r.Value)
				return err
			})
			if err != nil {
				return err
			}
		}
		es, err := tx.Events(0, 0)
		for _, e := range es {
			fmt.Fprintf(&b, "%d %s\n", e.ID, e.Value)
		}
		return err
	})
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return b.String()
}

// openDamaged opens a damaged file. It must be refused in one of the known
// ways, or be whole: damage to what is not in use does not matter, and a torn
// header means the commit before.
func openDamaged(t *testing.T, o Options, data []byte, content string) (refused bool) {
	t.Helper()
	if err := os.WriteFile(o.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := Open(o)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrNewerSchema) {
			t.Errorf("refused with %v", err)
		}
		return true
	}
	defer func() { _ = v.Close() }()
	if err := v.Verify(); err != nil {
		t.Errorf("opened, but %v", err)
	}
	if got := contentOf(t, v); got != content && !strings.HasPrefix(content, got) {
		t.Error("opened with another content")
	}
	// It can be written, too.
	put(t, v, "after", "a", "x", 0)
	return false
}

func TestCutAnywhere(t *testing.T) {
	o, data, content := specimen(t)
	page := os.Getpagesize()
	inUse := 0
	for n := 0; n < len(data); n += page / 2 {
		if openDamaged(t, o, data[:n], content) {
			inUse = n
		} else if n < inUse {
			t.Errorf("%d bytes are enough, %d are not", n, inUse)
		}
	}
	if inUse < 10*page {
		t.Errorf("a file of %d bytes was taken", inUse)
	}
	for _, n := range []int{1, 15, 16, 17, 79, 80, 81, page - 1, page + 1, 2*page + 1} {
		if !openDamaged(t, o, data[:n], content) {
			t.Errorf("%d bytes were enough", n)
		}
	}
}

func TestFlippedBits(t *testing.T) {
	o, data, content := specimen(t)
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 300
	if testing.Short() {
		rounds = 100
	}
	refused := 0
	for range rounds {
		bad := bytes.Clone(data)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		if openDamaged(t, o, bad, content) {
			refused++
		}
	}
	t.Logf("%d of %d refused", refused, rounds)
	if refused == 0 {
		t.Error("no flip was seen")
	}
}

// The heads of pages are where a flip leads astray.
func TestFlippedHeads(t *testing.T) {
	o, data, content := specimen(t)
	r := rand.New(rand.NewPCG(3, 4))
	page := os.Getpagesize()
	for at := 0; at < len(data); at += page {
		for range 6 {
			bad := bytes.Clone(data)
			bad[at+r.IntN(pageHead+3*elementSize)] = byte(r.Uint32())
			openDamaged(t, o, bad, content)
		}
	}
}

func TestForeignFiles(t *testing.T) {
	o, data, content := specimen(t)
	r := rand.New(rand.NewPCG(5, 6))
	page := os.Getpagesize()
	noise := make([]byte, len(data))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	withHeads := append(bytes.Clone(data[:2*page]), noise[2*page:]...)
	zeroed := append(bytes.Clone(data[:2*page]), make([]byte, len(data)-2*page)...)
	noHeads := append(make([]byte, 2*page), data[2*page:]...)
	for name, bad := range map[string][]byte{
		"empty": {}, "text": []byte("hello\n"), "noise": noise, "heads, then noise": withHeads,
		"heads, then nothing": zeroed, "no heads": noHeads, "zeros": make([]byte, len(data)),
		"large text": bytes.Repeat([]byte("hello\n"), 20000),
	} {
		if !openDamaged(t, o, bad, content) {
			t.Errorf("%s was taken", name)
		}
	}
}

// A page number that leads back to its own page must not turn in a circle.
func TestPagesInACircle(t *testing.T) {
	o, data, content := specimen(t)
	page := os.Getpagesize()
	for at := 2 * page; at < len(data); at += page {
		bad := bytes.Clone(data)
		copy(bad[at+pageHead+8:at+pageHead+16], bad[at:at+8]) // the first child is the page itself
		openDamaged(t, o, bad, content)
	}
}

// A file that shrinks while it is in use is a memory fault; the program stays.
func TestCutWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file in use cannot be cut here")
	}
	o, _, _ := specimen(t)
	v := mustOpen(t, o)
	if err := os.Truncate(o.Path, int64(3*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := get(v, "k", "030")
		wantErr(t, err, ErrCorrupt)
		err = v.Update(func(tx Tx) error {
			_, _ = tx.Put("k", "030", nil, 0) // the error is not looked at
			return nil
		})
		if err == nil {
			t.Error("a write to a file that is gone succeeded")
		}
	}
	if err := os.Truncate(o.Path, 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := get(v, "k", "030"); err == nil {
			t.Error("read from a file that is gone")
		}
		if err := v.Update(func(tx Tx) error { _, err := tx.Put("k", "x", nil, 0); return err }); err == nil {
			t.Error("wrote to a file that is gone")
		}
		if err := v.Verify(); err == nil {
			t.Error("a file that is gone was found whole")
		}
	}
	if err := v.Close(); err != nil {
		t.Logf("close: %v", err)
	}
	// Its lock is given back.
	_, err := Open(o)
	wantErr(t, err, ErrCorrupt)
}

// What the page check takes, bbolt can open without a panic.
func FuzzPages(f *testing.F) {
	small := mustOpen(f, options(f))
	put(f, small, "k", "a", "x", 0)
	_ = small.Close()
	data, err := os.ReadFile(small.path)
	if err != nil {
		f.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(small.path), defaultKeyName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	f.Add(uint32(2*os.Getpagesize()), []byte{9, 0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		bad := bytes.Clone(data)
		copy(bad[int(at)%len(bad):], patch)
		o := options(t)
		if err := os.Mkdir(filepath.Dir(o.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string][]byte{o.Path: bad, filepath.Join(filepath.Dir(o.Path), defaultKeyName): key} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		v, err := Open(o)
		if err == nil {
			if err := v.Verify(); err != nil {
				t.Errorf("opened, but %v", err)
			}
			_ = v.Close()
		}
	})
}
