package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/durable"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// What Options mean where they say nothing.
const (
	defaultLockTimeout = time.Second
	defaultJournalMax  = 10_000
	defaultJournalAge  = 90 * 24 * time.Hour
	defaultKeyName     = "vault.key"
)

// Options say where a vault lies and how long its journal is.
type Options struct {
	// Path is the vault's file. Its directory is made, private, where it is
	// missing.
	Path string
	// KeyFile opens the vault; it is made together with a new vault, never for
	// an old one. "" means vault.key beside the vault.
	KeyFile string
	// Keys are the other ways to open it.
	Keys Keys
	// Existing refuses to make a new vault, with ErrNotFound.
	Existing bool
	// LockTimeout is how long to wait for another process, 0 means a second.
	LockTimeout time.Duration
	// JournalMax and JournalAge say when the journal's oldest entries go; 0
	// means 10,000 entries and 90 days.
	JournalMax int
	JournalAge time.Duration
	// Socket is where the holder can be reached; others are told.
	Socket string
}

func (o Options) complete() (Options, error) {
	if o.Path == "" {
		return o, &Error{Op: "open", Err: errors.New("no path is given")}
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return o, diskError("open", o.Path, err)
	}
	o.Path = path
	if o.KeyFile == "" {
		o.KeyFile = filepath.Join(filepath.Dir(path), defaultKeyName)
	}
	if o.KeyFile, err = filepath.Abs(o.KeyFile); err != nil {
		return o, diskError("open", o.KeyFile, err)
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = defaultLockTimeout
	}
	if o.JournalMax <= 0 {
		o.JournalMax = defaultJournalMax
	}
	if o.JournalAge <= 0 {
		o.JournalAge = defaultJournalAge
	}
	return o, nil
}

// Vault is an open vault. Its methods may be called from any goroutine.
type Vault struct {
	path       string
	keyFile    string
	keys       Keys
	journalMax uint64
	journalAge time.Duration

	db   *bolt.DB
	file *os.File // the one that db has open, for when db cannot close it
	seal *sealer

	id        string
	schema    int
	opened    string // the slot that opened it
	leftovers []string

	newest atomic.Uint64
	// dead is set once the vault can no longer be used and says why; failed is
	// closed right after.
	dead   atomic.Pointer[Error]
	failed chan struct{}
	// stuck is set where bbolt panicked with its locks held: it would wait for
	// them for ever.
	stuck atomic.Bool

	// writer is held for the length of a transaction that writes, starting for
	// the start of any: nobody waits for a lock inside bbolt that a panic has
	// left taken. The order is writer, starting, then bbolt's own.
	writer   sync.Mutex
	starting sync.Mutex

	// mu guards what follows. It is never held while bbolt is called.
	mu      sync.Mutex
	slots   []SlotInfo
	counts  map[string]int
	first   uint64
	changed chan struct{}
	closed  bool
}

// Info is what may be shown of a vault.
type Info struct {
	Path    string
	Schema  int
	ID      string
	Size    int64
	Records map[string]int // by kind
	Events  int
	// FirstEvent is LastEvent+1 where the journal is empty.
	FirstEvent, LastEvent uint64
	Slots                 []SlotInfo
	// Leftovers names the unfinished files of an earlier crash that were found
	// and removed when the vault was opened.
	Leftovers []string
}

// Info asks the disk only for the file's size.
func (v *Vault) Info() Info {
	info := Info{
		Path: v.path, Schema: v.schema, ID: v.id,
		Leftovers: append([]string(nil), v.leftovers...),
		Records:   map[string]int{},
	}
	if st, err := os.Stat(v.path); err == nil {
		info.Size = st.Size()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	info.Slots = append([]SlotInfo(nil), v.slots...)
	for kind, n := range v.counts {
		if n > 0 {
			info.Records[kind] = n
		}
	}
	info.FirstEvent, info.LastEvent = v.first, v.newest.Load()
	info.Events = int(info.LastEvent + 1 - info.FirstEvent)
	return info
}

// Newest returns the journal's last id without a transaction.
func (v *Vault) Newest() uint64 { return v.newest.Load() }

// Changed returns a channel that is closed once the next commit that appended
// to the journal is on disk, or the vault is closed. Ask for the channel
// first, then read the journal, then wait: so nothing falls in between.
func (v *Vault) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Failed returns a channel that is closed once the vault can no longer be used:
// the disk failed in a way that leaves open what is on it, or the file was
// damaged under the vault's hands. Only opening it anew tells. [Vault.Err] then
// says why.
func (v *Vault) Failed() <-chan struct{} { return v.failed }

// Err is why the vault can no longer be used, nil while it can.
func (v *Vault) Err() error {
	if dead := v.dead.Load(); dead != nil {
		return dead
	}
	return nil
}

// Open opens the vault and makes one where there is none. It reads all of it:
// what it returns is whole.
func Open(o Options) (*Vault, error) {
	return opener{schema: Schema, migrations: migrations()}.open(o)
}

// opener is Open with the schema as a parameter, for the tests of migrations.
type opener struct {
	schema     int
	migrations []func(*bolt.Tx) error
}

func (op opener) open(o Options) (*Vault, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := op.prepare(o); err != nil {
		return nil, err
	}
	file, err := lockedFile(o.Path, o.LockTimeout)
	if err != nil {
		return nil, err
	}
	v := &Vault{
		path: o.Path, keyFile: o.KeyFile, keys: o.Keys, journalMax: uint64(o.JournalMax), journalAge: o.JournalAge,
		file: file, schema: op.schema, changed: make(chan struct{}), failed: make(chan struct{}),
	}
	if err := v.start(file, o, op); err != nil {
		v.abandon()
		return nil, err
	}
	v.sweep(o.KeyFile)
	announce(filepath.Dir(v.path), o.Socket, time.Now())
	return v, nil
}

// prepare looks whether the vault's place is private, and makes the vault
// where there is none.
func (op opener) prepare(o Options) error {
	dir := filepath.Dir(o.Path)
	if !o.Existing {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return diskError("open", dir, err)
		}
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: "open", Path: o.Path, Err: ErrNotFound}
	}
	if err != nil {
		return diskError("open", dir, err)
	}
	if err := checkPrivate("open", dir, info); err != nil {
		return err
	}
	if filepath.Dir(o.KeyFile) != dir {
		if err := checkKeyDir(o.KeyFile); err != nil {
			return err
		}
	}
	info, err = os.Lstat(o.Path)
	if errors.Is(err, fs.ErrNotExist) && o.Existing {
		return &Error{Op: "open", Path: o.Path, Err: ErrNotFound}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err := op.create(o); err != nil {
			return err
		}
		info, err = os.Lstat(o.Path)
	}
	if err != nil {
		return diskError("open", o.Path, err)
	}
	if !info.Mode().IsRegular() {
		return corrupt("open", o.Path, "it is not a regular file")
	}
	return checkPrivate("open", o.Path, info)
}

// start gets from a locked file to a vault whose content is known to be whole.
func (v *Vault) start(file *os.File, o Options, op opener) error {
	info, err := file.Stat()
	if err != nil {
		return diskError("open", v.path, err)
	}
	// bbolt takes an empty file for a new one; here it never is.
	if err := checkPages(file, info.Size()); err != nil {
		return &Error{Op: "open", Path: v.path, Err: joinCause(ErrCorrupt, err)}
	}
	if err := handOver(file); err != nil {
		return diskError("open", v.path, err)
	}
	err = v.guard("open", func() (err error) {
		v.db, err = bolt.Open(v.path, 0o600, boltOptions(file, o.LockTimeout))
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return inUse(v.path)
	}
	if err != nil {
		return diskError("open", v.path, err)
	}
	small := info.Size() < checkedWhole
	if small {
		if err := v.exclusive("open", v.boltCheck); err != nil {
			return err
		}
	}
	if err := op.migrate(v); err != nil {
		return err
	}
	return v.load(o, small)
}

func boltOptions(file *os.File, timeout time.Duration) *bolt.Options {
	return &bolt.Options{
		Timeout:      timeout,
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
		// The very file that was locked and checked.
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	}
}

// sweep clears away what a crash left unfinished. Only the holder of the lock
// may, and only now: a program that is still making a new vault loses nothing,
// because there is one already.
func (v *Vault) sweep(keyFile string) {
	for _, path := range []string{v.path, keyFile} {
		// A directory that cannot be listed, or a file that cannot be removed,
		// is no reason to refuse the vault.
		removed, _ := durable.Sweep(path)
		v.leftovers = append(v.leftovers, removed...)
	}
	// The file that opens under the old key: a rekeying was cut off after it
	// had done its work, and the vault that took its place is whole.
	if old := v.path + beforeRekey; os.Remove(old) == nil {
		v.leftovers = append(v.leftovers, old)
	}
}

// Close ends the use of the vault; it waits for transactions under way.
func (v *Vault) Close() error {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil
	}
	v.closed = true
	close(v.changed)
	v.mu.Unlock()
	v.writer.Lock()
	defer v.writer.Unlock()
	// Before the lock goes: afterwards it could be the next holder's.
	_ = os.Remove(filepath.Join(filepath.Dir(v.path), holderFile))
	return v.abandon()
}

// abandon gives the file and its lock back.
func (v *Vault) abandon() error {
	if v.db == nil || v.stuck.Load() {
		_ = unlock(v.file)
		return diskError("close", v.path, v.file.Close())
	}
	return diskError("close", v.path, v.guard("close", v.db.Close))
}
