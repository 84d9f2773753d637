package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// bbolt maps the file into memory and follows the page numbers in it without
// checking them: a damaged file makes it panic, fault or loop,
// some of that on goroutines of its own where nobody can recover. So
// the file is first read like any foreign input. What passes here has every
// page inside the file, every element inside its page, every key in order and
// every page used once only, and in a file of a usual size none that is neither used
// nor free, which is all that bbolt's own check finds; what the values say is for the
// seals.
//
// The numbers are in the machine's own byte order, as bbolt writes them.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHead    = 16
	elementSize = 16 // of leaf and branch pages alike
	bucketHead  = 16
	metaSize    = 64 // up to and with the checksum

	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freelistPage = 0x10

	bucketFlag = 0x01

	noFreelist = ^uint64(0)

	// 2^16 entries a page and keys of a few bytes: a tree that is deeper than
	// this is none.
	maxDepth = 40
)

type boltMeta struct {
	pageSize uint32
	root     uint64
	freelist uint64
	pages    uint64 // the high water mark
	txid     uint64
}

// pageCheck walks one file.
type pageCheck struct {
	file io.ReaderAt
	size int64
	meta boltMeta
	// used is true for each page that was met.
	used []bool
	// levels are what the pages on the way to the current one are read into, by depth:
	// a page's keys bound those of the pages below it.
	levels []level
}

// level is the page that is looked at on one depth, and its elements.
type level struct {
	page     []byte
	elements []element
}

// checkPages tells whether bbolt may open the file. The error is plain text.
func checkPages(file io.ReaderAt, size int64) error {
	meta, err := chooseMeta(file, size)
	if err != nil {
		return err
	}
	if meta.pages < 4 || meta.pages > uint64(size)/uint64(meta.pageSize) {
		return fmt.Errorf("the file ends before its %d pages do", meta.pages)
	}
	c := &pageCheck{file: file, size: size, meta: meta, used: make([]bool, meta.pages), levels: make([]level, maxDepth+2)}
	if err := c.tree(meta.root, nil, nil, 0); err != nil {
		return err
	}
	if err := c.freelist(); err != nil || size >= CheckedWhole {
		return err
	}
	return c.rest()
}

// rest looks at what no tree and no list leads to.
func (c *pageCheck) rest() error {
	if lost := slices.Index(c.used[2:], false); lost >= 0 {
		return fmt.Errorf("page %d is neither used nor free", lost+2)
	}
	head := make([]byte, pageHead)
	for id := range uint64(2) {
		if _, err := c.file.ReadAt(head, int64(id)*int64(c.meta.pageSize)); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		if binary.NativeEndian.Uint64(head) != id || binary.NativeEndian.Uint16(head[8:]) != metaPage {
			return fmt.Errorf("page %d is not a header", id)
		}
	}
	return nil
}

// chooseMeta does as bbolt does: the newer of the two headers that is whole.
// One of them may be torn, that is what there are two for. Where bbolt would
// choose by other rules than these, which takes a forged header, the file is
// refused: what is checked must be what is opened.
func chooseMeta(file io.ReaderAt, size int64) (boltMeta, error) {
	first, err := readMeta(file, 0)
	if err == nil {
		second, serr := readMeta(file, int64(first.pageSize))
		if serr != nil {
			return first, nil
		}
		if second.pageSize != first.pageSize {
			return boltMeta{}, fmt.Errorf("the headers contradict each other")
		}
		if second.txid > first.txid {
			return second, nil
		}
		return first, nil
	}
	// The offset of the second header depends on the page size, which is in it.
	for at := int64(1024); at <= 1024<<14 && at < size-1024; at *= 2 {
		second, serr := readMeta(file, at)
		if serr != nil {
			continue
		}
		if int64(second.pageSize) != at {
			return boltMeta{}, fmt.Errorf("a header is at the wrong offset")
		}
		return second, nil
	}
	return boltMeta{}, fmt.Errorf("no header is whole: %w", err)
}

func readMeta(file io.ReaderAt, at int64) (boltMeta, error) {
	buf := make([]byte, pageHead+metaSize)
	if _, err := file.ReadAt(buf, at); err != nil {
		return boltMeta{}, fmt.Errorf("too short: %w", err)
	}
	b := buf[pageHead:]
	ne := binary.NativeEndian
	if ne.Uint32(b) != boltMagic || ne.Uint32(b[4:]) != boltVersion {
		return boltMeta{}, fmt.Errorf("not a vault")
	}
	h := fnv.New64a()
	_, _ = h.Write(b[:metaSize-8])
	if h.Sum64() != ne.Uint64(b[metaSize-8:]) {
		return boltMeta{}, fmt.Errorf("wrong checksum")
	}
	m := boltMeta{
		pageSize: ne.Uint32(b[8:]),
		root:     ne.Uint64(b[16:]),
		freelist: ne.Uint64(b[32:]),
		pages:    ne.Uint64(b[40:]),
		txid:     ne.Uint64(b[48:]),
	}
	if m.pageSize < 1024 || m.pageSize > 1024<<14 || m.pageSize&(m.pageSize-1) != 0 {
		return boltMeta{}, fmt.Errorf("impossible page size %d", m.pageSize)
	}
	return m, nil
}

// page reads a page with those that it runs over into, and books them. It lies in
// its depth's place until the next page of that depth is read.
func (c *pageCheck) page(id uint64, depth int) ([]byte, error) {
	if id < 2 || id >= c.meta.pages {
		return nil, fmt.Errorf("page %d does not exist", id)
	}
	size := uint64(c.meta.pageSize)
	at := &c.levels[depth].page
	if *at == nil {
		*at = make([]byte, size)
	}
	p := (*at)[:size]
	if _, err := c.file.ReadAt(p, int64(id*size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	over := uint64(binary.NativeEndian.Uint32(p[12:]))
	if got := binary.NativeEndian.Uint64(p); got != id {
		return nil, fmt.Errorf("page %d calls itself %d", id, got)
	}
	if over >= c.meta.pages-id {
		return nil, fmt.Errorf("page %d runs over the end", id)
	}
	for i := id; i <= id+over; i++ {
		if err := c.book(i); err != nil {
			return nil, err
		}
	}
	if over == 0 {
		return p, nil
	}
	p = append(p, make([]byte, over*size)...)
	if _, err := c.file.ReadAt(p[size:], int64((id+1)*size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	*at = p
	return p, nil
}

func (c *pageCheck) book(id uint64) error {
	if c.used[id] {
		return fmt.Errorf("page %d is used twice", id)
	}
	c.used[id] = true
	return nil
}

// tree walks the pages below id, whose keys are in [low, high); nil is open.
func (c *pageCheck) tree(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d is too deep", id)
	}
	p, err := c.page(id, depth)
	if err != nil {
		return err
	}
	switch flags := binary.NativeEndian.Uint16(p[8:]); flags {
	case leafPage:
		if err := c.leaf(p, low, high, depth); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		return nil
	case branchPage:
		return c.branch(id, p, low, high, depth)
	default:
		return fmt.Errorf("page %d is of no known type (%#x)", id, flags)
	}
}

func (c *pageCheck) branch(id uint64, p, low, high []byte, depth int) error {
	children, err := c.elements(p, depth, false, low, high)
	if err == nil && len(children) == 0 {
		err = fmt.Errorf("branches nowhere")
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for i, child := range children {
		next := high
		if i+1 < len(children) {
			next = children[i+1].key
		}
		if err := c.tree(child.page, child.key, next, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *pageCheck) leaf(p, low, high []byte, depth int) error {
	all, err := c.elements(p, depth, true, low, high)
	if err != nil {
		return err
	}
	for i, e := range all {
		switch e.flags {
		case 0:
		case bucketFlag:
			if err := c.bucket(e.value, depth); err != nil {
				return err
			}
		default:
			return fmt.Errorf("element %d is of no known type (%#x)", i, e.flags)
		}
	}
	return nil
}

// element is one of a page's: of a leaf it has a value and flags, of a branch
// the page of a child.
type element struct {
	key, value []byte
	flags      uint32
	page       uint64
}

// elements reads a page's elements, whose keys have to be in order and in
// [low, high). They lie in their depth's place.
func (c *pageCheck) elements(p []byte, depth int, leaf bool, low, high []byte) ([]element, error) {
	ne := binary.NativeEndian
	n := int(ne.Uint16(p[10:]))
	body := pageHead + n*elementSize
	if body > len(p) {
		return nil, fmt.Errorf("%d elements do not fit", n)
	}
	all := slices.Grow(c.levels[depth].elements[:0], n)[:n]
	c.levels[depth].elements = all
	for i := range all {
		at := pageHead + i*elementSize
		head, e := p[at:at+elementSize], &all[i]
		*e = element{}
		pos, ksize, vsize := uint64(ne.Uint32(head)), uint64(ne.Uint32(head[4:])), uint64(0)
		if leaf {
			e.flags, pos, ksize, vsize = uint32(pos), ksize, uint64(ne.Uint32(head[8:])), uint64(ne.Uint32(head[12:]))
		} else {
			e.page = ne.Uint64(head[8:])
		}
		// Four 32-bit numbers cannot overflow 64 bits.
		start := uint64(at) + pos
		if start < uint64(body) || start+ksize+vsize > uint64(len(p)) {
			return nil, fmt.Errorf("element %d is outside", i)
		}
		e.key, e.value = p[start:start+ksize], p[start+ksize:start+ksize+vsize]
		if i > 0 && bytes.Compare(all[i-1].key, e.key) >= 0 {
			return nil, fmt.Errorf("keys %d and %d are out of order", i-1, i)
		}
	}
	if n > 0 && (low != nil && bytes.Compare(all[0].key, low) < 0 || high != nil && bytes.Compare(all[n-1].key, high) >= 0) {
		return nil, fmt.Errorf("a key is in the wrong page")
	}
	return all, nil
}

// bucket checks a value that is a bucket: a page of its own, or a small one
// inside the value.
func (c *pageCheck) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return fmt.Errorf("a bucket is too short")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.tree(root, nil, nil, depth+1)
	}
	p := value[bucketHead:]
	if len(p) < pageHead || binary.NativeEndian.Uint16(p[8:]) != leafPage {
		return fmt.Errorf("a small bucket is not one")
	}
	all, err := c.elements(p, depth+1, true, nil, nil)
	if err != nil {
		return fmt.Errorf("a small bucket: %w", err)
	}
	if slices.ContainsFunc(all, func(e element) bool { return e.flags != 0 }) {
		return fmt.Errorf("a small bucket has another in it")
	}
	return nil
}

// freelist makes sure that no page in use is also free: bbolt would overwrite
// it with the next commit.
func (c *pageCheck) freelist() error {
	if c.meta.freelist == noFreelist {
		// A vault is never written without it, and bbolt would gather it on a
		// goroutine that nobody guards.
		return fmt.Errorf("the list of free pages is missing")
	}
	p, err := c.page(c.meta.freelist, 0)
	if err != nil {
		return err
	}
	ne := binary.NativeEndian
	if flags := ne.Uint16(p[8:]); flags != freelistPage {
		return fmt.Errorf("page %d is not the list of free pages", c.meta.freelist)
	}
	n, ids := uint64(ne.Uint16(p[10:])), p[pageHead:]
	if n == 0xFFFF { // too many for the field: the number comes first
		n, ids = ne.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return fmt.Errorf("the list of free pages is cut off")
	}
	free := make([]uint64, n)
	for i := range free {
		free[i] = ne.Uint64(ids[i*8:])
		if free[i] < 2 || free[i] >= c.meta.pages {
			return fmt.Errorf("free page %d does not exist", free[i])
		}
		if err := c.book(free[i]); err != nil {
			return err
		}
	}
	if !slices.IsSorted(free) {
		return fmt.Errorf("the list of free pages is out of order")
	}
	return nil
}
