package account

import (
	"maps"
	"slices"
	"sync"
)

// Problems is what is wrong with the keeper itself, for status and people.
type Problems struct {
	mu   sync.Mutex // guards list
	list map[string]string
}

// Set notes what is wrong with a part; the last word counts.
func (p *Problems) Set(what string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list == nil {
		p.list = map[string]string{}
	}
	p.list[what] = err.Error()
}

// Clear notes that a part works again.
func (p *Problems) Clear(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list, what)
}

// Of returns what is wrong with a part, "" where it works.
func (p *Problems) Of(what string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list[what]
}

// Sentences are what is wrong now, by part.
func (p *Problems) Sentences() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []string{}
	for _, what := range slices.Sorted(maps.Keys(p.list)) {
		list = append(list, what+": "+p.list[what])
	}
	return list
}
