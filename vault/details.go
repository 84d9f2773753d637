package vault

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/seal"
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
	// replaced, what was moved elsewhere, and the copy that a new schema left.
	Aside []string
}

// Details reads what there is to tell of the vault.
func (v *File) Details() (Details, error) {
	d := Details{Info: v.Info()}
	err := v.file.View("describe", d.read)
	d.lookBeside()
	return d, err
}

// BackedUp notes that a copy has arrived where it is kept.
func (v *File) BackedUp(at time.Time) error {
	return v.file.Update("backup", func(tx *bolt.Tx) error {
		return tx.Put(metaBucket, []byte(metaBackedUp), seal.Uint64(uint64(at.Unix())))
	})
}

// Inspect tells of a vault that nobody uses, without a key and without changing
// anything: what it shows is not sealed, so it is not proof against somebody
// who can write to the file.
func Inspect(o Options) (Details, error) {
	o, err := o.complete()
	if err != nil {
		return Details{}, err
	}
	f, err := bolt.OpenRead(o.Path, o.LockTimeout)
	if err != nil {
		return Details{}, err
	}
	defer func() { _ = f.Close() }()
	d := Details{Info: Info{Path: o.Path, Size: f.Size()}}
	err = f.View("describe", func(tx *bolt.Tx) error {
		if err := d.readClear(tx); err != nil {
			return err
		}
		return d.read(tx)
	})
	d.lookBeside()
	return d, err
}

// readClear fills in what an open vault knows by itself.
func (d *Details) readClear(tx *bolt.Tx) error {
	var err error
	if d.Schema, err = readSchema(tx, d.Path); err != nil {
		return err
	}
	id, err := readID(tx, d.Path)
	if err != nil {
		return err
	}
	d.ID = hex.EncodeToString(id)
	slots, err := readSlots(tx, d.Path)
	if err != nil {
		return err
	}
	d.Slots = unlocked{slots: slots}.infos()
	kinds, err := tx.Subs("records")
	if err != nil {
		return err
	}
	d.Records = map[string]int{}
	for _, kind := range kinds {
		// A kind without records stays out of the map.
		err := tx.Each(recordsBucket(kind), nil, 0, func(_, _ []byte) error { d.Records[kind]++; return nil })
		if err != nil {
			return err
		}
	}
	first, last, err := tx.Ends(journalBucket)
	if d.FirstEvent = 1; len(first[0]) == 8 && len(last[0]) == 8 {
		d.FirstEvent, d.LastEvent = binary.BigEndian.Uint64(first[0]), binary.BigEndian.Uint64(last[0])
		d.Events = int(d.LastEvent + 1 - d.FirstEvent)
	}
	return err
}

func (d *Details) read(tx *bolt.Tx) error {
	created, err := tx.Get(metaBucket, []byte(metaCreated))
	if err != nil {
		return err
	}
	if at := seconds(created); at != nil {
		d.Created = *at
	}
	backedUp, err := tx.Get(metaBucket, []byte(metaBackedUp))
	if err != nil {
		return err
	}
	d.BackedUp = seconds(backedUp)
	first, last, err := tx.Ends(journalBucket)
	if err != nil {
		return err
	}
	d.FirstAt, d.LastAt = entryTime(first[1]), entryTime(last[1])
	d.FreePages, d.PageSize, err = tx.FreePages()
	return err
}

func seconds(raw []byte) *time.Time {
	if len(raw) != 8 {
		return nil
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0).UTC()
	return &at
}

func entryTime(env []byte) *time.Time {
	n, err := seal.Number(env)
	if err != nil {
		return nil
	}
	at := time.Unix(0, int64(n)).UTC()
	return &at
}

func (d *Details) lookBeside() {
	dir, base := filepath.Split(d.Path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		end, ok := strings.CutPrefix(e.Name(), base+".")
		if ok && (strings.HasPrefix(end, "before-") || strings.HasPrefix(end, "damaged-") || strings.HasPrefix(end, "moved-") || strings.HasPrefix(end, "schema-") && strings.HasSuffix(end, ".bak")) {
			d.Aside = append(d.Aside, filepath.Join(dir, e.Name()))
		}
	}
}
