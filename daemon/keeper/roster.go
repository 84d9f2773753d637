package keeper

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/account"
)

// roster are the accounts by name.
type roster struct {
	// mu guards what follows. Nothing else is locked while it is held.
	mu       sync.RWMutex
	accounts map[string]*account.Worker
	// sorted are the accounts by name, nil before somebody asks. Whoever was given it
	// keeps it as it is.
	sorted []*account.Worker
	// running ends when no account is added any more; nil before the first may be.
	running context.Context
}

// open lets accounts be added, until ctx ends.
func (r *roster) open(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = ctx
}

func (r *roster) get(name string) *account.Worker {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.accounts[name]
}

// Count is how many accounts there are.
func (r *roster) Count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.accounts)
}

// list returns the accounts by name, those too that were not read yet. Nobody changes
// the list.
func (r *roster) list() []*account.Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sorted == nil {
		r.sorted = slices.SortedFunc(maps.Values(r.accounts), func(a, b *account.Worker) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return r.sorted
}

// add takes an account in, unless there is one of that name, and returns the one that is
// in there.
func (r *roster) add(w *account.Worker) *account.Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in := r.accounts[w.Name()]; in != nil {
		return in
	}
	r.accounts[w.Name()] = w
	if r.sorted != nil {
		at, _ := r.position(w.Name())
		r.sorted = slices.Insert(slices.Clip(r.sorted), at, w)
	}
	return w
}

// position is where an account is among the sorted ones, or would be. The caller
// holds mu.
func (r *roster) position(name string) (at int, found bool) {
	return slices.BinarySearchFunc(r.sorted, name, func(w *account.Worker, name string) int { return strings.Compare(w.Name(), name) })
}

// remove takes an account out, and reports whether it was in there.
func (r *roster) remove(w *account.Worker) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.accounts[w.Name()] != w {
		return false
	}
	delete(r.accounts, w.Name())
	if at, found := r.position(w.Name()); found {
		r.sorted = slices.Concat(r.sorted[:at], r.sorted[at+1:])
	}
	return true
}

// stopping is true where no account is added any more, or not yet.
func (r *roster) stopping() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.running == nil || r.running.Err() != nil
}
