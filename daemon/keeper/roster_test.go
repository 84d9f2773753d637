package keeper

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bilikeeper/bilikeeper/daemon/account"
)

// Accounts are listed by name whatever comes and goes, and a list that somebody was
// given stays as it was.
func TestRosterIsSorted(t *testing.T) {
	r := roster{accounts: map[string]*account.Worker{}}
	by := rand.New(rand.NewPCG(1, 2))
	names := func(list []*account.Worker) (names []string) {
		for _, w := range list {
			names = append(names, w.Name())
		}
		return names
	}
	var want []string
	for range 300 {
		given := r.list()
		before := names(given)
		name := fmt.Sprintf("account%03d", by.IntN(50))
		if w := r.get(name); w != nil {
			if !r.remove(w) || r.remove(w) {
				t.Fatalf("%s was removed another number of times than once", name)
			}
			want = slices.DeleteFunc(want, func(other string) bool { return other == name })
		} else {
			r.add(account.Unread(nil, name))
			want = slices.Sorted(slices.Values(append(want, name)))
		}
		if got := names(r.list()); !slices.Equal(got, want) {
			t.Fatalf("after %s they are %q, want %q", name, got, want)
		}
		if got := names(given); !slices.Equal(got, before) {
			t.Fatalf("the list from before %s became %q, was %q", name, got, before)
		}
	}
}
