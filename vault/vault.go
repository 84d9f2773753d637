package vault

import (
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
)

// Vault is an open vault, wherever it lies. Its methods may be called from any
// goroutine.
type Vault interface {
	// View runs fn in a transaction that only reads: it sees one state of the
	// vault, whatever is written meanwhile. fn runs once.
	View(fn func(Tx) error) error
	// Update runs fn in a transaction and has put what it did where it is kept before
	// it returns nil. An error or a panic of fn undoes all of it. Where fn changed
	// nothing, nothing is written. fn may be run again after it was undone, and by
	// another goroutine: it keeps nothing of a time before, and what it sets outside it
	// sets each time.
	Update(fn func(Tx) error) error

	// Newest returns the journal's last id without a transaction.
	Newest() uint64
	// Changed returns a channel that is closed once the next commit that appended
	// to the journal can be read, or the vault is closed. Ask for the channel
	// first, then read the journal, then wait: so nothing falls in between.
	Changed() <-chan struct{}
	// Follow has fn told of each record of a kind that a commit changed, by whomever:
	// its key and its new revision, 0 where it was removed. fn is told once the change
	// can be read, in the order of the commits, one after another, and of a change by
	// Update of this vault before that returns; always before the channel of Changed is
	// closed. Of several changes to a record in a row
	// the last may be all that is told; a vault that had to read its records anew tells
	// of all that are others than before. Ask first, then read, so nothing falls in
	// between. fn waits for nothing, and does not use the vault. It is told nothing more
	// once stop has returned; stop is not called by fn.
	Follow(kind string, fn func(key string, revision uint64)) (stop func())

	// Writable tells whether a change could be kept now: a real write arrives.
	Writable() error
	// Failed returns a channel that is closed once the vault can no longer be used.
	// Only opening it anew tells what is kept. Err then says why, and is nil before.
	Failed() <-chan struct{}
	Err() error
	// Verify reads all of the vault and opens every seal.
	Verify() error

	// Info asks nobody but the disk, and that for sizes alone. Identity is the part of
	// it that never changes.
	Info() Info
	Identity() (path string, schema int)

	// AddSlot makes one more way to open the vault, and makes sure that it does.
	// The recovery key is returned this once, for SlotRecovery alone. For
	// SlotKeyFile the key file is made where it is missing.
	AddSlot(n NewSlot) (SlotInfo, secret.String, error)
	// RemoveSlot takes a way to open the vault away. Copies that were made before are
	// still opened by it.
	RemoveSlot(id, relyOn string) error

	// Seed is what another vault is begun with that is to be opened by what opens this
	// one, and to hold the same journal.
	Seed() (Seed, error)

	// Close ends the use of the vault; it waits for transactions under way.
	Close() error
}

// Tx is a transaction. It ends with the function that it was passed to and is
// used by one goroutine.
type Tx interface {
	// Get returns a record, or ErrNotFound.
	Get(kind, key string) (Record, error)
	// Put writes a record and returns its new revision. was is the revision that
	// the caller saw last, 0 where there must not be one yet; where that is not so
	// any more, the error is ErrConflict. Of a record's revisions each is greater than
	// the one before, and none is ever used again.
	Put(kind, key string, value []byte, was uint64) (uint64, error)
	// Delete removes a record; was is as for Put and never 0.
	Delete(kind, key string, was uint64) error
	// Each calls fn for every record of a kind, in the order of the keys. fn may
	// write records, also of the same kind.
	Each(kind string, fn func(key string, r Record) error) error
	// EachAfter is Each for the keys after one.
	EachAfter(kind, after string, fn func(key string, r Record) error) error
	// Keys returns the keys of all records of a kind, in order. It opens none of them.
	Keys(kind string) ([]string, error)

	// Append writes an entry of the journal and returns its id. Ids only grow. at is
	// kept to the nanosecond.
	Append(at time.Time, value []byte) (uint64, error)
	// Events returns up to limit entries after an id, all where limit is 0.
	// Nothing after the newest id is no error. ErrGap means that entries right
	// after that id have been dropped, or that the id was never given out, as by a
	// journal that was put back to an older copy: the caller's picture is out of
	// date, and reading goes on from Oldest()-1 or Newest().
	Events(after uint64, limit int) ([]Entry, error)
	// Oldest returns the id of the oldest entry that is still there, Newest()+1
	// where there is none; so Events(Oldest()-1, 0) is always the whole journal.
	Oldest() uint64
	// Newest returns the last id that was given out, 0 before the first.
	Newest() uint64

	// OnRetire has fn told of each entry that this transaction's own push out of the
	// journal, while it can still be kept elsewhere: in a record.
	OnRetire(fn func(Entry) error)
	// KeepJournal sets how many entries this transaction leaves, in the place of what
	// the options say. Fewer than before are reached in small steps.
	KeepJournal(entries int)
	// JournalAge is how old the oldest entry may get.
	JournalAge() time.Duration

	// OnCommit has fn called once the change is kept and can be read, before Update
	// returns. It waits for nothing, and does not use the vault.
	OnCommit(fn func())
}

// Record is a value and the revision that wrote it.
type Record struct {
	Value    []byte
	Revision uint64
}

// Entry is one line of the journal.
type Entry struct {
	ID    uint64
	Time  time.Time
	Value []byte
}

// Info is what may be shown of a vault.
type Info struct {
	// Path is the file, or how the place is named.
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
	// Damage says in sentences what was damaged when the vault was opened, and did
	// not keep it from being opened.
	Damage []string
}

// FiguresOf tells how a vault is doing that does not lie on this host alone: others
// change it, too, and the way to it may be cut. It asks nobody. ok is false for a vault
// in a file.
func FiguresOf(v Vault) (f Figures, ok bool) {
	elsewhere, ok := v.(interface{ Figures() Figures })
	if ok {
		f = elsewhere.Figures()
	}
	return f, ok
}

// Figures are of a vault that lies elsewhere, as this host sees it. What counts begins
// with its opening.
type Figures struct {
	// Away is since when it cannot be reached, zero where it can.
	Away time.Time
	// Lag is for how long what this host reads may not be all that there is. It is 0
	// where nothing is known that has not come here; while the vault is away, it is the
	// time since this host last knew that it had everything. It is found out by a
	// question each second; up to three seconds may go unseen where the way is slow.
	Lag time.Duration
	// CopyLag is how old the oldest change is that this host's disk does not have yet.
	CopyLag time.Duration
	// Commits are the transactions that arrived, Conflicts those that had to be run
	// again because another host was quicker, and Refused the changes by somebody
	// without the data key, which were not taken over.
	Commits, Conflicts, Refused uint64
}
