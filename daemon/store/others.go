package store

// Others are what other hosts write into the same vault.
type Others struct{ *Store }

// Follow has fn told of each account whose record a commit changed, by whomever: its
// name and the record's revision, 0 where it was removed. What holds for fn stands at
// [vault.Vault].
func (s Others) Follow(fn func(name string, revision uint64)) (stop func()) {
	return s.vault.Follow(KindAccount, fn)
}

// Wake wakes those who wait for a change, of one that was not made here. The record
// that it is about is shown before.
func (s Others) Wake() { s.changed.Fire() }
