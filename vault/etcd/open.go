package etcd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/bolt"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/seal"
)

// meta is what stands in the clear.
type meta struct {
	Schema int    `json:"schema"`
	ID     string `json:"id"`
}

// Open opens the vault and makes one where there is none. Where etcd is not to be
// reached it opens this host's copy, of which everything can be read; where there is no
// copy yet the error is ErrUnavailable.
func Open(o Options) (*Vault, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := o.prepare(); err != nil {
		return nil, err
	}
	c, err := openCopy(o)
	if err != nil {
		return nil, err
	}
	v := &Vault{shared: &shared{
		o: o, copy: c, changed: make(chan struct{}), moved: make(chan struct{}), failed: make(chan struct{}), kick: make(chan struct{}, 1),
	}}
	v.follower = follower{v.shared}
	v.writer = &writer{shared: v.shared, queue: queue{wake: make(chan struct{}, 1)}, worked: make(chan struct{})}
	v.reach.back, v.reach.gone = v.followAnew, make(chan struct{})
	v.ctx, v.cancel = context.WithCancel(context.Background())
	if v.client, err = o.Connect(); err == nil {
		err = v.begin()
	}
	if err != nil {
		v.cancel()
		if v.client != nil {
			_ = v.client.Close()
		}
		_ = c.file.Close()
		return nil, err
	}
	bolt.Announce(filepath.Dir(o.Copy), o.Socket, time.Now())
	return v, nil
}

// begin unlocks the vault, brings the mirror up to date and starts what goes on.
func (v *Vault) begin() error {
	away, err := v.unlock()
	if err != nil {
		return err
	}
	var kinds map[string]*kind
	var number uint64
	if v.mirror, kinds, number, err = v.copy.load(v.sealed); err != nil {
		return err
	}
	v.local.kinds = kinds
	v.local.last.Store(number)
	v.newest.Store(v.mirror.head.newest)
	if err := v.beginLag(); err != nil {
		return err
	}
	if err := v.writer.newMark(); err != nil {
		return err
	}
	if away == nil {
		if away = v.follower.readAnew(); away != nil && v.Err() != nil {
			return v.Err()
		}
	}
	if away != nil {
		if v.mirror.rev == 0 {
			return answer("open", v.o.place(), away)
		}
		v.reach.lost(fault.Join(fault.ErrUnavailable, away))
	}
	v.running.Go(func() { v.follower.follow(away != nil) })
	v.running.Go(v.follower.look)
	v.running.Go(v.keepCopy)
	go v.writer.work()
	return nil
}

// unlock gets the data key, from the slots in etcd or else from those of the copy. away
// is why etcd was not reached.
func (v *Vault) unlock() (away, err error) {
	known, err := v.copy.meta(metaID)
	if err != nil {
		return nil, err
	}
	m, slots, err := v.ask(known)
	if err != nil {
		if !errors.Is(err, fault.ErrUnavailable) || known == nil {
			return nil, err
		}
		away, m = err, meta{Schema, hex.EncodeToString(known)}
		if slots, err = v.copy.slots(); err != nil {
			return away, err
		}
	}
	if m.Schema > Schema {
		return away, fault.New("open", v.o.place(), fmt.Errorf("%w: schema %d, known up to %d", fault.ErrNewerSchema, m.Schema, Schema))
	}
	if known != nil && m.ID != hex.EncodeToString(known) {
		return away, fault.New("open", v.o.place(), fmt.Errorf("%w: its id is %s, and %s is of %x", fault.ErrReplaced, m.ID, v.o.Copy, known))
	}
	id, err := hex.DecodeString(m.ID)
	if err != nil || len(id) != seal.IDSize {
		return away, fault.Corrupt("open", v.o.place(), "its id is missing")
	}
	list := (&mirror{slots: slots}).slotList()
	if len(list) == 0 {
		return away, fault.Corrupt("open", v.o.place(), "it has no key slot")
	}
	dataKey, opened, err := v.o.Keys.Open(v.o.place(), v.o.KeyFile, list, id)
	if err != nil {
		return away, err
	}
	sealer, err := seal.NewSealer(dataKey, id)
	if err == nil {
		v.sealed, err = newSealed(sealer, v.o.Clear)
	}
	v.id, v.opened = m.ID, opened
	if err == nil && known == nil {
		err = v.copy.setMeta(metaID, id)
	}
	return away, err
}

// ask reads what stands in the clear, and makes a vault where there is none.
func (v *Vault) ask(known []byte) (m meta, slots map[string]slotHeld, err error) {
	for range 3 {
		ctx, cancel := context.WithTimeout(v.ctx, asked)
		answered, err := v.client.Txn(ctx).Then(clientv3.OpGet(v.key(keyMeta)), clientv3.OpGet(v.key(dirSlots), clientv3.WithPrefix())).Commit()
		cancel()
		if err != nil {
			return m, nil, fault.New("open", v.o.place(), v.o.why(v.ctx, err))
		}
		if kvs := answered.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
			if err := json.Unmarshal(kvs[0].Value, &m); err != nil || m.Schema == 0 {
				return m, nil, fault.Corrupt("open", v.o.place(), "its schema and id cannot be read")
			}
			slots = map[string]slotHeld{}
			for _, kv := range answered.Responses[1].GetResponseRange().GetKvs() {
				slots[strings.TrimPrefix(string(kv.Key), v.key(dirSlots))] = slotHeld{raw: kv.Value}
			}
			return m, slots, v.copy.setMeta(metaBegun, nil)
		}
		switch {
		case known != nil:
			return m, nil, fault.New("open", v.o.place(), fault.ErrGone)
		case v.o.Existing:
			return m, nil, fault.New("open", v.o.place(), fault.ErrNotFound)
		}
		if err := v.create(); err != nil {
			return m, nil, err
		}
	}
	return m, nil, fault.New("open", v.o.place(), fault.ErrUnavailable)
}

// create makes a new vault, unless another host is quicker. The key is on disk first. A
// key file that is there already says that there was a vault, unless it is from a
// beginning that was cut off.
func (v *Vault) create() error {
	begun, err := v.copy.meta(metaBegun)
	if err != nil {
		return err
	}
	if _, statErr := os.Lstat(v.o.KeyFile); statErr == nil && begun == nil && v.o.Seed == nil {
		return fault.New("open", v.o.place(), fault.ErrGone)
	} else if statErr != nil && v.o.Seed == nil && !errors.Is(statErr, fs.ErrNotExist) {
		return fault.Disk("open", v.o.KeyFile, statErr)
	}
	if err := v.copy.setMeta(metaBegun, []byte{1}); err != nil {
		return err
	}
	seed, err := v.o.seed()
	if err != nil {
		return err
	}
	furniture, err := v.furniture(seed)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.ctx, asked)
	defer cancel()
	answered, err := v.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(v.key(keyMeta)), "=", 0)).Then(furniture...).Commit()
	if err != nil {
		// What came of it the next read tells.
		if why, certain := refused(err); certain {
			return fault.New("open", v.o.place(), why)
		}
		return nil
	}
	if !answered.Succeeded && begun == nil && v.o.Seed == nil {
		_ = os.Remove(v.o.KeyFile) // made here just now, and opens nothing
	}
	return nil
}

// seed is what a new vault is begun with.
func (o Options) seed() (vault.Seed, error) {
	if o.Seed != nil {
		return *o.Seed, nil
	}
	id := make([]byte, seal.IDSize)
	_, _ = rand.Read(id)
	seed, err := o.Keys.NewSeed(o.KeyFile, id)
	if err == nil {
		err = fault.Disk("create", o.KeyFile, bolt.GiveTo(o.KeyFile, filepath.Dir(o.Copy)))
	}
	return seed, err
}

// furniture is what every vault has.
func (v *Vault) furniture(seed vault.Seed) ([]clientv3.Op, error) {
	sealer, err := seal.NewSealer(seed.DataKey, seed.ID)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(meta{Schema, hex.EncodeToString(seed.ID)})
	if err != nil {
		return nil, err
	}
	first := sealed{Sealer: sealer}.sealHead(1, 1, head{first: seed.First, newest: seed.First - 1})
	list := []clientv3.Op{clientv3.OpPut(v.key(keyMeta), string(text)), clientv3.OpPut(v.key(keyHead), string(first))}
	for _, slot := range seed.Slots {
		list = append(list, clientv3.OpPut(v.key(dirSlots+slot.ID), string(slot.Encode())))
	}
	return list, nil
}

// newMark names the mark of this opening, and remembers those of the ones before.
func (v *writer) newMark() error {
	old, err := v.copy.meta(metaMarks)
	if err != nil {
		return err
	}
	v.mark.name, v.mark.old = dirMark+rand.Text(), strings.Fields(string(old))
	return v.copy.setMeta(metaMarks, []byte(strings.Join(append(v.mark.old, v.mark.name), " ")))
}
