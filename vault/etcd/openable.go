package etcd

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/bilikeeper/bilikeeper/vault"
	"github.com/bilikeeper/bilikeeper/vault/fault"
	"github.com/bilikeeper/bilikeeper/vault/keys"
)

// Openable tells which slot of a vault what is here opens. Nothing is made or changed, and
// what was unwrapped is forgotten. The errors are those of [Open]; ErrNotFound says that
// nothing lies below the prefix yet.
func Openable(ctx context.Context, client *clientv3.Client, o Options) (vault.SlotInfo, error) {
	const op = "look"
	o, err := o.complete()
	if err != nil {
		return vault.SlotInfo{}, err
	}
	answered, err := client.Txn(ctx).Then(clientv3.OpGet(o.Prefix+"/"+keyMeta), clientv3.OpGet(o.Prefix+"/"+dirSlots, clientv3.WithPrefix())).Commit()
	if err != nil {
		return vault.SlotInfo{}, answer(op, o.place(), err)
	}
	kvs := answered.Responses[0].GetResponseRange().GetKvs()
	if len(kvs) == 0 {
		return vault.SlotInfo{}, fault.New(op, o.place(), fault.ErrNotFound)
	}
	var m meta
	if err := json.Unmarshal(kvs[0].Value, &m); err != nil {
		return vault.SlotInfo{}, fault.Corrupt(op, o.place(), "its schema and id cannot be read")
	}
	id, err := hex.DecodeString(m.ID)
	if err != nil {
		return vault.SlotInfo{}, fault.Corrupt(op, o.place(), "its id is missing")
	}
	var list []keys.Slot
	for _, kv := range answered.Responses[1].GetResponseRange().GetKvs() {
		if slot, err := keys.Decode(strings.TrimPrefix(string(kv.Key), o.Prefix+"/"+dirSlots), kv.Value); err == nil {
			list = append(list, slot)
		}
	}
	if len(list) == 0 {
		return vault.SlotInfo{}, fault.Corrupt(op, o.place(), "it has no key slot")
	}
	dataKey, opened, err := o.Keys.Open(o.place(), o.KeyFile, list, id)
	clear(dataKey)
	if err != nil {
		return vault.SlotInfo{}, err
	}
	for _, slot := range list {
		if slot.ID == opened {
			return slot.Info(), nil
		}
	}
	return vault.SlotInfo{ID: opened}, nil
}
