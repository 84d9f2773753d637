package etcd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bilikeeper/bilikeeper/internal/secret"
	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// Schema is the layout that this program writes.
const Schema = 1

// Vault is an open vault in etcd.
type Vault struct {
	*shared
	follower follower
	writer   *writer

	id     string
	opened string // the slot that opened it
	// running is what goes on in the background.
	running sync.WaitGroup
}

// Identity implements [vault.Vault].
func (v *Vault) Identity() (path string, schema int) { return v.o.place(), Schema }

// Info implements [vault.Vault]. Its size is that of this host's copy.
func (v *Vault) Info() vault.Info {
	info := vault.Info{Path: v.o.place(), Schema: Schema, ID: v.id, Size: v.copy.file.Size(), Records: map[string]int{}}
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, kinds := range []map[string]*kind{v.mirror.kinds, v.local.kinds} {
		for name, k := range kinds {
			if n := len(k.records); n > 0 {
				info.Records[name] = n
			}
		}
	}
	info.FirstEvent, info.LastEvent = v.mirror.head.first, v.mirror.head.newest
	info.Events = int(info.LastEvent + 1 - info.FirstEvent)
	info.Slots = v.slotInfos()
	info.Damage = append(slices.Clone(v.copy.damage), v.mirror.damage()...)
	return info
}

// Newest implements [vault.Vault].
func (v *Vault) Newest() uint64 { return v.newest.Load() }

// Changed implements [vault.Vault]. It is closed for what other hosts append, too.
func (v *Vault) Changed() <-chan struct{} {
	v.waking.Lock()
	defer v.waking.Unlock()
	return v.changed
}

// View implements [vault.Vault]. It asks nobody.
func (v *Vault) View(fn func(vault.Tx) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return fault.New("read", v.o.place(), fault.ErrClosed)
	}
	t := &tx{v: v.shared, m: v.mirror}
	defer func() { t.over = true }()
	return fn(t)
}

// Update implements [vault.Vault]. Where etcd is not to be reached the error is
// ErrUnavailable, unless fn changes local kinds alone. Where a request was sent and its
// answer is lost, it returns when it is known what came of it.
func (v *Vault) Update(fn func(vault.Tx) error) error {
	return v.writer.update("write", func(t *tx) error { return fn(t) })
}

// Writable implements [vault.Vault]. What comes of a probe whose answer is lost is of no
// interest, so that it never waits for that.
func (v *Vault) Writable() error {
	const op = "probe"
	lost, probed := v.reach.lostNow(), make(chan error, 1)
	go func() {
		probed <- v.writer.update(op, func(t *tx) error {
			t.b.probe = true
			return nil
		})
	}()
	select {
	case err := <-probed:
		return err
	case <-lost:
		_, why := v.reach.state()
		if why == nil {
			why = fault.ErrUnavailable
		}
		return fault.New(op, v.o.place(), why)
	}
}

// Verify implements [vault.Vault]: it reads everything in etcd, opens it, and compares
// it with what this host knows.
func (v *Vault) Verify() error {
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	events, rev, err := v.follower.readAll(ctx)
	if err != nil {
		return answer("verify", v.o.place(), err)
	}
	if err := v.await(ctx, rev); err != nil {
		return err
	}
	found := newMirror(v.sealed)
	found.apply(rev, events, true)
	v.mu.RLock()
	damage := slices.Concat(v.copy.damage, v.mirror.damage(), found.damage())
	v.mu.RUnlock()
	if len(damage) > 0 {
		return fault.Corrupt("verify", v.o.place(), "%s", damage[0])
	}
	return nil
}

// Reach tells since when etcd has not been reached, and why: no error where it is.
func (v *Vault) Reach() (since time.Time, err error) { return v.reach.state() }

// slotInfos is what may be shown of the slots. The caller holds mu.
func (v *Vault) slotInfos() []vault.SlotInfo {
	var list []vault.SlotInfo
	for _, s := range v.mirror.slotList() {
		info := s.Info()
		info.InUse = s.ID == v.opened
		list = append(list, info)
	}
	return list
}

// slotList are the slots, oldest first. What is none is passed over.
func (m *mirror) slotList() []keys.Slot {
	var list []keys.Slot
	for id, s := range m.slots {
		if slot, err := keys.Decode(id, s.raw); err == nil {
			list = append(list, slot)
		}
	}
	slices.SortFunc(list, func(a, b keys.Slot) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list
}

// AddSlot implements [vault.Vault].
func (v *Vault) AddSlot(n vault.NewSlot) (vault.SlotInfo, secret.String, error) {
	const op = "add slot"
	s, shown, err := v.o.Keys.Make(n, v.o.KeyFile, v.sealed.DataKey(), v.sealed.ID())
	if err == nil && n.Kind == vault.SlotKeyFile {
		err = fault.Disk("write key", v.o.KeyFile, bolt.GiveTo(v.o.KeyFile, v.o.Copy))
	}
	if err != nil {
		return vault.SlotInfo{}, secret.String{}, fault.Wrap(op, n.Source, err)
	}
	err = v.writer.update(op, func(t *tx) error {
		t.b.readSlots()
		set(t.b, t.b.slots, s.ID, s.Encode())
		return nil
	})
	return s.Info(), shown, err
}

// RemoveSlot implements [vault.Vault]; see [keys.Remove] for what stays.
func (v *Vault) RemoveSlot(id, relyOn string) error {
	return v.writer.update("remove slot", func(t *tx) error {
		_, err := keys.Remove(t.b.readSlots(), id, v.opened, relyOn)
		if err == nil {
			set(t.b, t.b.slots, id, nil)
		}
		return err
	})
}

// Seed implements [vault.Vault].
func (v *Vault) Seed() (vault.Seed, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return vault.Seed{ID: v.sealed.ID(), DataKey: v.sealed.DataKey(), Slots: v.mirror.slotList(), First: v.mirror.head.first}, nil
}

// readSlots returns the slots, which are to be the same at the commit.
func (b *batch) readSlots() []keys.Slot {
	for id, s := range b.m.slots {
		b.read(dirSlots+id, s.mod)
	}
	return b.m.slotList()
}

// Close implements [vault.Vault].
func (v *Vault) Close() error {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		<-v.writer.worked
		return nil
	}
	v.closed = true
	v.mu.Unlock()
	v.wake(true)
	v.writer.queue.close()
	<-v.writer.worked
	v.cancel()
	v.running.Wait()
	err := v.copy.flush(v.shared, true)
	_ = v.client.Close()
	return errors.Join(err, v.copy.file.Close())
}
