package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bilikeeper/bilikeeper/vault"
)

// What one transaction takes, so that any vault can: etcd allows 128 operations and
// 1.5 MiB.
const (
	mostAtOnce  = 40
	bytesAtOnce = 256 << 10
)

// ErrOther says that the target holds something else than what comes from the source.
var ErrOther = errors.New("it holds something else already")

// errEnough ends the reading of a few.
var errEnough = errors.New("enough")

// Filled says what a transfer came to.
type Filled struct {
	Records, Events int
	// Digest is the same of both sides.
	Digest string
	// Resumed is true where an earlier call had begun it.
	Resumed bool
}

// Fill makes to hold what from holds. Nobody else uses either. progress is told how many
// records and entries of how many are there; it may be nil.
func Fill(from, to vault.Vault, progress func(done, total int)) (f Filled, err error) {
	t := transfer{from: from, to: to, progress: progress}
	source := from.Info()
	for _, n := range source.Records {
		f.Records += n
	}
	f.Events = source.Events
	t.total = f.Records + f.Events
	if f.Resumed, err = t.begin(source); err != nil {
		return f, err
	}
	for _, step := range []func() error{t.records, t.removed, t.journal} {
		if err := step(); err != nil {
			return f, err
		}
	}
	if f.Digest, err = t.prove(source.FirstEvent - 1); err != nil {
		return f, err
	}
	return f, note(to, State{Stage: StageFilled, Other: source.Path, Digest: f.Digest})
}

type transfer struct {
	from, to    vault.Vault
	progress    func(done, total int)
	done, total int
}

func (t *transfer) count(n int) {
	t.done += n
	if t.progress != nil {
		t.progress(min(t.done, t.total), t.total)
	}
}

// begin refuses a target that holds anything else, and notes that it is filled.
func (t *transfer) begin(source vault.Info) (resumed bool, err error) {
	target := t.to.Info()
	refuse := func(why string, args ...any) (bool, error) {
		return false, fmt.Errorf("%s: %w: %s", target.Path, ErrOther, fmt.Sprintf(why, args...))
	}
	if err := Usable(t.from); err != nil {
		return false, err
	}
	if source.ID != target.ID {
		return refuse("it is another vault, its id is %s and not %s", target.ID, source.ID)
	}
	_, found, err := StateOf(t.to)
	if err != nil {
		return false, err
	}
	if !found && (len(target.Records) > 0 || target.Events > 0) {
		same, err := t.same(source.FirstEvent - 1)
		if err != nil || !same {
			return refuse("it is a vault that is used, and another state of this one")
		}
	}
	if target.LastEvent > source.LastEvent || target.LastEvent+1 < source.FirstEvent {
		return refuse("its journal ends with %d, and the one that is moved has %d to %d", target.LastEvent, source.FirstEvent, source.LastEvent)
	}
	return found, note(t.to, State{Stage: StageFilling, Other: source.Path})
}

func (t *transfer) same(after uint64) (bool, error) {
	a, err := Digest(t.from, after)
	if err != nil {
		return false, err
	}
	b, err := Digest(t.to, after)
	return a == b, err
}

// prove reads both sides from end to end.
func (t *transfer) prove(after uint64) (string, error) {
	a, err := Digest(t.from, after)
	if err != nil {
		return "", err
	}
	b, err := Digest(t.to, after)
	if err == nil && a != b {
		err = fmt.Errorf("what was moved is not what was there: its digest is %s and not %s", b, a)
	}
	return a, err
}

// keyed is a record with its key.
type keyed struct {
	key string
	vault.Record
}

// some reads a few records of a kind behind a key.
func some(v vault.Vault, kind, after string) (list []keyed, err error) {
	size := 0
	err = v.View(func(tx vault.Tx) error {
		return tx.EachAfter(kind, after, func(key string, r vault.Record) error {
			if len(list) == mostAtOnce || len(list) > 0 && size+len(r.Value) > bytesAtOnce {
				return errEnough
			}
			size += len(r.Value)
			list = append(list, keyed{key, r})
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// each calls do for all records of a kind, a few at a time.
func each(v vault.Vault, kind string, do func([]keyed) error) error {
	for after := ""; ; {
		list, err := some(v, kind, after)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := do(list); err != nil {
			return err
		}
		after = list[len(list)-1].key
	}
}

// records writes those that are not there, or are others.
func (t *transfer) records() error {
	for _, kind := range kindsOf(t.from) {
		err := each(t.from, kind, func(list []keyed) error {
			err := t.to.Update(func(tx vault.Tx) error {
				for _, r := range list {
					old, err := tx.Get(kind, r.key)
					if err == nil && bytes.Equal(old.Value, r.Value) {
						continue
					}
					if err == nil || errors.Is(err, vault.ErrNotFound) {
						_, err = tx.Put(kind, r.key, r.Value, old.Revision)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
			t.count(len(list))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removed takes away what an earlier call brought and the source has no more.
func (t *transfer) removed() error {
	for _, kind := range kindsOf(t.to) {
		err := each(t.to, kind, func(list []keyed) error {
			gone := slices.Clone(list)
			err := t.from.View(func(tx vault.Tx) error {
				for _, r := range list {
					_, err := tx.Get(kind, r.key)
					if err == nil {
						gone = slices.DeleteFunc(gone, func(g keyed) bool { return g.key == r.key })
					} else if !errors.Is(err, vault.ErrNotFound) {
						return err
					}
				}
				return nil
			})
			if err != nil || len(gone) == 0 {
				return err
			}
			return t.to.Update(func(tx vault.Tx) error {
				for _, r := range gone {
					if err := tx.Delete(kind, r.key, r.Revision); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// journal appends what is not there yet. Ids have no gaps, so each gets its own again.
func (t *transfer) journal() error {
	for {
		after := t.to.Newest()
		entries, err := t.entries(after)
		if err != nil || len(entries) == 0 {
			return err
		}
		err = t.to.Update(func(tx vault.Tx) error {
			tx.KeepJournal(math.MaxInt)
			for _, e := range entries {
				id, err := tx.Append(e.Time, e.Value)
				if err != nil {
					return err
				}
				if id != e.ID {
					return fmt.Errorf("entry %d would become %d", e.ID, id)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		t.count(len(entries))
	}
}

// entries reads a few of them behind an id.
func (t *transfer) entries(after uint64) (list []vault.Entry, err error) {
	err = t.from.View(func(tx vault.Tx) error {
		list, err = tx.Events(after, mostAtOnce)
		return err
	})
	size := 0
	for i, e := range list {
		if size += len(e.Value); i > 0 && size > bytesAtOnce {
			return list[:i], err
		}
	}
	return list, err
}
