package vault

import "sync"

// followers are those who are told of records that changed. Whoever commits tells
// them, while nobody else can commit.
type followers struct {
	mu   sync.Mutex // guards list, and is held while they are told
	list map[*follower]struct{}
}

type follower struct {
	kind string
	fn   func(key string, revision uint64)
}

// touched is a record that a transaction changed; its revision is 0 where it is gone.
type touched struct {
	kind, key string
	revision  uint64
}

// Follow implements [Vault].
func (f *followers) Follow(kind string, fn func(key string, revision uint64)) (stop func()) {
	one := &follower{kind, fn}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		f.list = map[*follower]struct{}{}
	}
	f.list[one] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.list, one)
	}
}

// tell tells of the changes of one transaction.
func (f *followers) tell(list []touched) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.list {
		for _, t := range list {
			if t.kind == one.kind {
				one.fn(t.key, t.revision)
			}
		}
	}
}
