package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/filelock"
	"github.com/bilikeeper/bilikeeper/vault/fault"
)

// Wreck is a file that may be damaged in any way, locked and read without bbolt. It
// is never written to.
type Wreck struct {
	path string
	file *os.File
	size int64
	page int64

	roots []boltMeta // of the headers that are whole, the newest first
	seen  map[uint64]struct{}
	// Damage says in sentences what of the file's structure cannot be read.
	Damage []string
}

// Piece is a key and its value that were found in a wreck. Either may be damaged.
type Piece struct {
	// Buckets lead to it, from the outermost in; nil where nothing leads to its page.
	Buckets    []string
	Key, Value []byte
}

// OpenWreck locks a file, waiting up to timeout (0 means a second).
func OpenWreck(path string, timeout time.Duration) (*Wreck, error) {
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	file, err := lockedFile(path, os.O_RDWR, timeout)
	if err != nil {
		return nil, err
	}
	w := &Wreck{path: path, file: file, seen: map[uint64]struct{}{}, page: int64(os.Getpagesize())}
	info, err := file.Stat()
	if err != nil {
		w.Close()
		return nil, fault.Disk("open", path, err)
	}
	w.size = info.Size()
	w.headers()
	return w, nil
}

// Close gives the file and its lock back.
func (w *Wreck) Close() { _, _ = filelock.Release(w.file), w.file.Close() }

// ReplaceBy replaces the file by a finished one and closes it. It stays under the
// name aside.
func (w *Wreck) ReplaceBy(op, temp, aside string) error {
	if err := GiveTo(temp, w.path); err != nil {
		return fault.Disk(op, temp, err)
	}
	return replace(op, temp, w.path, aside, func() error { w.Close(); return nil })
}

// TornHeader reports whether one of the two headers of a file is not whole. After a
// power cut that is the header of a change that nobody was told had arrived; it may
// as well be damage, and the last change that did arrive undone by it.
func (f *File) TornHeader() bool {
	first, err := readMeta(f.file, 0)
	if err != nil {
		return true
	}
	_, err = readMeta(f.file, int64(first.pageSize))
	return err != nil
}

// headers finds the headers that are whole, at the offsets that page sizes give.
func (w *Wreck) headers() {
	if m, err := readMeta(w.file, 0); err == nil {
		w.roots = append(w.roots, m)
		w.page = int64(m.pageSize)
	}
	for at := int64(1024); at <= 1024<<14 && at < w.size; at *= 2 {
		m, err := readMeta(w.file, at)
		if err != nil || int64(m.pageSize) != at || len(w.roots) > 0 && w.page != at {
			continue
		}
		w.page = at
		if len(w.roots) > 0 && m.txid > w.roots[0].txid {
			w.roots = append([]boltMeta{m}, w.roots...)
		} else {
			w.roots = append(w.roots, m)
		}
	}
	switch len(w.roots) {
	case 0:
		w.damaged("both headers")
	case 1:
		w.damaged("one of the two headers, so that the last change may be undone")
	}
}

// mostDamage bounds the sentences: a person needs no thousand of them.
const mostDamage = 20

func (w *Wreck) damaged(format string, args ...any) {
	switch len(w.Damage) {
	case mostDamage:
	case mostDamage - 1:
		w.Damage = append(w.Damage, "and more")
	default:
		w.Damage = append(w.Damage, fmt.Sprintf(format, args...))
	}
}

// Pieces calls fn for all that the newest header leads to.
func (w *Wreck) Pieces(fn func(Piece)) {
	if len(w.roots) > 0 {
		w.walk(w.roots[0].root, nil, 0, fn)
	}
}

// Loose calls fn for what is on pages that nothing led to: lost ones, and free ones,
// which hold what was removed or replaced.
func (w *Wreck) Loose(fn func(Piece)) {
	for id := uint64(2); int64(id+1)*w.page <= w.size; id++ {
		if _, ok := w.seen[id]; ok {
			continue
		}
		p, err := w.read(id)
		if err == nil && binary.NativeEndian.Uint16(p[8:]) == leafPage {
			w.leaf(p, nil, 0, func(piece Piece) { piece.Buckets = nil; fn(piece) })
		}
	}
}

var errPage = errors.New("cannot be read")

// read reads a page with those that it runs over into, as far as they are there.
func (w *Wreck) read(id uint64) ([]byte, error) {
	at := int64(id) * w.page
	if id < 2 || int64(id) > w.size/w.page || at+w.page > w.size {
		return nil, errPage
	}
	p := make([]byte, w.page)
	if _, err := w.file.ReadAt(p, at); err != nil {
		return nil, errPage
	}
	if over := int64(binary.NativeEndian.Uint32(p[12:])); over > 0 && over < (w.size-at)/w.page {
		whole := make([]byte, (over+1)*w.page)
		if _, err := w.file.ReadAt(whole, at); err == nil {
			p = whole
		}
	}
	return p, nil
}

// walk goes through the pages below id. What cannot be read is passed over.
func (w *Wreck) walk(id uint64, buckets []string, depth int, fn func(Piece)) {
	if _, twice := w.seen[id]; twice || depth > maxDepth {
		w.damaged("a page that is led to twice")
		return
	}
	p, err := w.read(id)
	if err != nil {
		w.damaged("page %d", id)
		return
	}
	w.seen[id] = struct{}{}
	switch binary.NativeEndian.Uint16(p[8:]) {
	case leafPage:
		w.leaf(p, buckets, depth, fn)
	case branchPage:
		for i := range int(binary.NativeEndian.Uint16(p[10:])) {
			e, err := pieceOf(p, i, false)
			if err != nil {
				w.damaged("an element of page %d", id)
				continue
			}
			w.walk(e.page, buckets, depth+1, fn)
		}
	default:
		w.damaged("page %d", id)
		delete(w.seen, id) // its values may still be found
	}
}

func (w *Wreck) leaf(p []byte, buckets []string, depth int, fn func(Piece)) {
	n := int(binary.NativeEndian.Uint16(p[10:]))
	for i := range n {
		e, err := pieceOf(p, i, true)
		if err != nil {
			if buckets != nil || depth > 0 {
				w.damaged("an element in %q", buckets)
			}
			if pageHead+(i+1)*elementSize > len(p) {
				return
			}
			continue
		}
		if e.flags&bucketFlag == 0 || depth > maxDepth {
			fn(Piece{buckets, e.key, e.value})
			continue
		}
		w.bucket(e.value, append(append([]string{}, buckets...), string(e.key)), depth+1, fn)
	}
}

func (w *Wreck) bucket(value []byte, inside []string, depth int, fn func(Piece)) {
	if len(value) < bucketHead {
		w.damaged("the bucket %q", inside)
		return
	}
	switch root := binary.NativeEndian.Uint64(value); {
	case root != 0:
		w.walk(root, inside, depth, fn)
	case len(value) >= bucketHead+pageHead:
		w.leaf(value[bucketHead:], inside, depth, fn)
	default:
		w.damaged("the bucket %q", inside)
	}
}

// pieceOf reads one element by itself.
func pieceOf(p []byte, i int, leaf bool) (element, error) {
	at := pageHead + i*elementSize
	if at+elementSize > len(p) {
		return element{}, errPage
	}
	ne := binary.NativeEndian
	head, e := p[at:at+elementSize], element{}
	pos, ksize, vsize := uint64(ne.Uint32(head)), uint64(ne.Uint32(head[4:])), uint64(0)
	if leaf {
		e.flags, pos, ksize, vsize = uint32(pos), ksize, uint64(ne.Uint32(head[8:])), uint64(ne.Uint32(head[12:]))
	} else {
		e.page = ne.Uint64(head[8:])
	}
	start := uint64(at) + pos
	if start > uint64(len(p)) || start+ksize+vsize > uint64(len(p)) {
		return element{}, errPage
	}
	e.key, e.value = p[start:start+ksize], p[start+ksize:start+ksize+vsize]
	return e, nil
}
