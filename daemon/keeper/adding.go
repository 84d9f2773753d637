package keeper

import "sync"

// adding are the names of the accounts that are being added. Whoever wants one of them
// waits; nobody else does.
type adding struct {
	mu    sync.Mutex // guards names
	names map[string]chan struct{}
}

// begin reserves a name for the caller, who gives it back with end. Where another has
// it, begin waits until that is done with it, and reports false.
func (a *adding) begin(name string) bool {
	a.mu.Lock()
	other := a.names[name]
	if other == nil {
		if a.names == nil {
			a.names = map[string]chan struct{}{}
		}
		a.names[name] = make(chan struct{})
	}
	a.mu.Unlock()
	if other == nil {
		return true
	}
	<-other
	return false
}

func (a *adding) end(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.names[name])
	delete(a.names, name)
}
