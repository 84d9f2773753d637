package vault

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Details are what [Info] says, and what has to be looked up in the file.
type Details struct {
	Info
	Created time.Time
	// BackedUp is when a copy was last made of the vault, nil before the first.
	BackedUp *time.Time
	// FreePages of PageSize bytes each are in the file and not in use.
	FreePages, PageSize int
	// FirstAt and LastAt are the times of the journal's ends, nil where it is
	// empty.
	FirstAt, LastAt *time.Time
	// Aside are files beside the vault that were vaults once: what a restore
	// replaced, and the copy that a new schema left.
	Aside []string
}

// Details reads what there is to tell of the vault.
func (v *Vault) Details() (Details, error) {
	d := Details{Info: v.Info()}
	err := v.reading("describe", func(b *bolt.Tx) error { return d.read(b, v.path, v.file) })
	d.lookBeside()
	return d, err
}

// Inspect tells of a vault that nobody uses, without a key and without changing
// anything: what it shows lies in the clear, so it is not proof against
// somebody who can write to the file.
func Inspect(o Options) (Details, error) {
	o, err := o.complete()
	if err != nil {
		return Details{}, err
	}
	v, err := openCopy(o.Path, o.LockTimeout)
	if err != nil {
		return Details{}, err
	}
	defer func() { _ = v.abandon() }()
	d := Details{Info: Info{Path: o.Path}}
	if info, err := v.file.Stat(); err == nil {
		d.Size = info.Size()
	}
	err = v.reading("describe", func(b *bolt.Tx) error {
		if err := d.readClear(b, o.Path); err != nil {
			return err
		}
		return d.read(b, o.Path, v.file)
	})
	d.lookBeside()
	return d, err
}

// openCopy opens a vault's file to read it: a copy, or the vault of nobody. No
// key is asked for.
func openCopy(path string, timeout time.Duration) (*Vault, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Op: "open", Path: path, Err: ErrNotFound}
	}
	if err != nil {
		return nil, diskError("open", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, corrupt("open", path, "it is not a regular file")
	}
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	file, err := lockedAs(path, os.O_RDONLY, timeout)
	if err != nil {
		return nil, err
	}
	v := &Vault{path: path, file: file, failed: make(chan struct{}), changed: make(chan struct{})}
	if info, err = file.Stat(); err == nil {
		if perr := checkPages(file, info.Size()); perr != nil {
			err = &Error{Op: "open", Path: path, Err: joinCause(ErrCorrupt, perr)}
		}
	}
	if err == nil {
		err = handOver(file)
	}
	if err == nil {
		options := boltOptions(file, timeout)
		options.ReadOnly = true
		err = v.guard("open", func() (err error) {
			v.db, err = bolt.Open(path, 0o600, options)
			return err
		})
	}
	if err != nil {
		_ = v.abandon()
		return nil, diskError("open", path, err)
	}
	return v, nil
}

// readClear fills in what an open vault knows by itself.
func (d *Details) readClear(b *bolt.Tx, path string) error {
	var err error
	if d.Schema, err = readSchema(b, path); err != nil {
		return err
	}
	id, err := readID(b, path)
	if err != nil {
		return err
	}
	d.ID = hex.EncodeToString(id)
	slots, err := readSlots(b, path)
	if err != nil {
		return err
	}
	for _, s := range slots {
		d.Slots = append(d.Slots, s.info())
	}
	records, err := bucket(b, path, bucketRecords)
	if err != nil {
		return err
	}
	d.Records = map[string]int{}
	err = records.ForEachBucket(func(kind []byte) error {
		n := 0
		err := records.Bucket(kind).ForEach(func(_, _ []byte) error { n++; return nil })
		if n > 0 {
			d.Records[string(kind)] = n
		}
		return err
	})
	if err != nil {
		return err
	}
	journal, err := bucket(b, path, bucketJournal)
	if err != nil {
		return err
	}
	first, _ := journal.Cursor().First()
	last, _ := journal.Cursor().Last()
	if d.FirstEvent = 1; len(first) == 8 && len(last) == 8 {
		d.FirstEvent, d.LastEvent = binary.BigEndian.Uint64(first), binary.BigEndian.Uint64(last)
		d.Events = int(d.LastEvent + 1 - d.FirstEvent)
	}
	return nil
}

func (d *Details) read(b *bolt.Tx, path string, file *os.File) error {
	meta, err := bucket(b, path, bucketMeta)
	if err != nil {
		return err
	}
	if at := seconds(meta.Get([]byte(metaCreated))); at != nil {
		d.Created = *at
	}
	d.BackedUp = seconds(meta.Get([]byte(metaBackedUp)))
	journal, err := bucket(b, path, bucketJournal)
	if err != nil {
		return err
	}
	_, first := journal.Cursor().First()
	_, last := journal.Cursor().Last()
	d.FirstAt, d.LastAt = entryTime(first), entryTime(last)
	// The transaction keeps the pages that the list lies on from being reused.
	d.FreePages, d.PageSize, err = freePages(file)
	if err != nil {
		return corrupt("describe", path, "%v", err)
	}
	return nil
}

func seconds(raw []byte) *time.Time {
	if len(raw) != 8 {
		return nil
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0).UTC()
	return &at
}

func entryTime(env []byte) *time.Time {
	n, err := parseEnvelope(env)
	if err != nil {
		return nil
	}
	at := time.Unix(0, int64(n)).UTC()
	return &at
}

// freePages reads the list of free pages as far as its length.
func freePages(file *os.File) (n, pageSize int, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	meta, err := chooseMeta(file, info.Size())
	if err != nil {
		return 0, 0, err
	}
	head := make([]byte, pageHead+8)
	if _, err := file.ReadAt(head, int64(meta.freelist)*int64(meta.pageSize)); err != nil {
		return 0, 0, err
	}
	if n = int(binary.NativeEndian.Uint16(head[10:])); n == 0xFFFF {
		n = int(binary.NativeEndian.Uint64(head[pageHead:]))
	}
	return n, int(meta.pageSize), nil
}

func (d *Details) lookBeside() {
	for _, pattern := range []string{".before-*", ".schema-*.bak"} {
		found, _ := filepath.Glob(escapeGlob(d.Path) + pattern)
		d.Aside = append(d.Aside, found...)
	}
}

// escapeGlob takes their meaning from the characters of a path.
func escapeGlob(path string) string {
	var out []rune
	for _, r := range path {
		switch r {
		case '*', '?', '[':
			out = append(out, '[', r, ']')
		default:
			out = append(out, r)
		}
	}
	return string(out)
}
