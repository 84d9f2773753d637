package control

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// pools remembers when which account was handed out for a tag, so that each
// caller gets the one that it has not had for the longest. That is fair, also
// while accounts come, go and die.
type pools struct {
	mu    sync.Mutex // guards what follows, and is held from the choice to its note
	turn  uint64
	given map[pooled]map[string]uint64 // account → turn
}

// pooled is whose turns are counted: those of one user with one tag. Programs
// of the same user share them, since the site sees one machine.
type pooled struct {
	tag string
	uid uint32
}

// ofMany answers with the credential of one of the accounts that bear a
// tag, of those that live and that the caller may have.
func (c *credentials) ofMany(w http.ResponseWriter, r *http.Request) error {
	a, err := readAsked(r)
	if err != nil {
		return err
	}
	a.strategy = cmp.Or(a.strategy, client.StrategyRoundRobin)
	switch {
	case a.tag == "":
		return badRequest("the parameter \"tag\" says which accounts are meant")
	case a.strategy != client.StrategyRoundRobin && a.strategy != client.StrategyRandom:
		return badRequest("the parameter \"strategy\" is %s or %s", client.StrategyRoundRobin, client.StrategyRandom)
	case a.given:
		return badRequest("the parameter \"after\" is for one account: generations of different accounts cannot be compared")
	case a.stale:
		return badRequest("the parameter \"stale\" is for one account: of several, one that lives is given")
	}
	// Whatever comes is wanted: the next one would be another account's.
	wanted := func(offer) bool { return true }
	got, err := c.await(r.Context(), a, c.keeper.Store().Changed, wanted, func() (offer, error) { return c.choose(r, a) })
	if err != nil {
		return err
	}
	return c.handOut(w, r, a, got)
}

// choose picks a living credential.
func (c *credentials) choose(r *http.Request, a asked) (offer, error) {
	names, err := c.bearers(r, a)
	if err != nil {
		return offer{}, err
	}
	c.pools.mu.Lock()
	defer c.pools.mu.Unlock()
	key := pooled{a.tag, socket.PeerOf(r.Context()).UID}
	for name := range c.pools.order(key, a.strategy, names) {
		got, err := c.render(name, a)
		if isProblem(err, client.ProblemNeedsLogin) || isProblem(err, client.ProblemSiteAway) || isProblem(err, client.ProblemNoAccount) {
			continue
		}
		if err != nil {
			return offer{}, err
		}
		if r.Method != http.MethodHead {
			c.pools.took(key, name, names)
		}
		return offer{got, []string{fmt.Sprintf(`"%s:%d"`, name, got.generation)}}, nil
	}
	return offer{}, &client.Problem{Type: client.ProblemNeedsLogin,
		Detail: fmt.Sprintf("of the accounts with the tag %q none has a living session: %s", a.tag, strings.Join(names, ", ")),
		Hint:   "run: bilikeeper login " + names[0]}
}

// bearers are the accounts with the tag that the caller may have, by name.
func (c *credentials) bearers(r *http.Request, a asked) ([]string, error) {
	own := c.of(r)
	all := c.tagged(a.tag)
	if len(all) == 0 {
		return nil, &client.Problem{Type: client.ProblemNoAccount, Detail: fmt.Sprintf("no account has the tag %q", a.tag),
			Hint: fmt.Sprintf("set it: bilikeeper account set NAME --tags %s, or in the configuration: [[account]] with name = %q, tags = [%q]", a.tag, "main", a.tag)}
	}
	for _, verb := range a.verbs() {
		all = slices.DeleteFunc(all, func(name string) bool { return !own.May(verb, name) })
		if len(all) == 0 {
			// Which accounts there are is not for everybody to know.
			p := c.refusal(own, verb, "")
			p.Detail = fmt.Sprintf("%s with the tag %q", p.Detail, a.tag)
			return nil, c.refuseReading(r, p, verb, "", a)
		}
	}
	return all, nil
}

// tagged are the accounts that bear a tag, by name.
func (c *credentials) tagged(tag string) []string {
	return slices.Clone(c.keeper.Accounts().Tagged(tag))
}

// order returns the accounts in the order in which they are tried. Most often the
// first is the one, so the others are not sorted before. The caller holds mu.
func (p *pools) order(key pooled, strategy string, names []string) iter.Seq[string] {
	given := p.given[key]
	line := make(line, len(names))
	for i, name := range names {
		line[i] = place{name, given[name], i}
		if strategy == client.StrategyRandom {
			line[i].turn = rand.Uint64()
		}
	}
	heap.Init(&line)
	return func(yield func(string) bool) {
		for line.Len() > 0 && yield(heap.Pop(&line).(place).name) {
		}
	}
}

// place is an account among those that are tried; line is a heap of them.
type place struct {
	name string
	turn uint64
	at   int
}

type line []place

func (l line) Len() int { return len(l) }
func (l line) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].turn, l[j].turn), l[i].at-l[j].at) < 0
}
func (l line) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *line) Push(p any)   { *l = append(*l, p.(place)) }
func (l *line) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// took notes whose turn it was, and forgets accounts that have left. The caller
// holds mu.
func (p *pools) took(key pooled, name string, names []string) {
	if p.given == nil {
		p.given = map[pooled]map[string]uint64{}
	}
	given := p.given[key]
	if given == nil {
		given = map[string]uint64{}
		p.given[key] = given
	}
	p.turn++
	given[name] = p.turn
	if len(given) > len(names) {
		maps.DeleteFunc(given, func(other string, _ uint64) bool { return !slices.Contains(names, other) })
	}
}
