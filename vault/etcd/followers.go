package etcd

import "sync"

// followers are those who are told of records that changed.
type followers struct {
	told sync.Mutex // guards list, and is held while they are told
	list map[*follows]struct{}
}

type follows struct {
	kind string
	fn   func(key string, revision uint64)
}

// touched is a record that is another than before; its revision is 0 where it is gone.
type touched struct {
	place
	revision uint64
}

// Follow implements [vault.Vault].
func (f *followers) Follow(kind string, fn func(key string, revision uint64)) (stop func()) {
	one := &follows{kind, fn}
	f.told.Lock()
	defer f.told.Unlock()
	if f.list == nil {
		f.list = map[*follows]struct{}{}
	}
	f.list[one] = struct{}{}
	return func() {
		f.told.Lock()
		defer f.told.Unlock()
		delete(f.list, one)
	}
}

func (f *followers) tell(list []touched) {
	if len(list) == 0 {
		return
	}
	f.told.Lock()
	defer f.told.Unlock()
	for one := range f.list {
		for _, t := range list {
			if t.kind == one.kind {
				one.fn(t.key, t.revision)
			}
		}
	}
}
