//go:build unix && kill

package e2e_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// lives and killsInLife are how many keepers are killed while they tell people, and
// how often each.
const lives, killsInLife = 50, 10

// livesInARow is how many follow each other where several are killed at once.
const livesInARow = 3

// anywhere kills at every moment there is, with each form of a login.
func (k *killings) anywhere(t *testing.T) {
	for _, k.form = range []passporttest.Form{passporttest.FormHeaders, passporttest.FormHop} {
		t.Run(string(k.form), func(t *testing.T) {
			k.everyMoment(t)
			// How often the keeper polls, and so what the n-th moment is, depends on
			// the machine.
			k.leftOut(t)
		})
	}
}

// everyMoment kills at the first moment, then at the second, and so on, until a
// life is over before its turn comes.
func (k *killings) everyMoment(t *testing.T) {
	var next atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for !over.Load() {
				n := int(next.Add(1))
				ok := t.Run(fmt.Sprintf("moment %d", n), func(t *testing.T) {
					if !k.live(t, func(i int, _ boundary) bool { return i == n }) {
						over.Store(true)
					}
				})
				if !ok {
					over.Store(true)
				}
			}
		})
	}
	all.Wait()
}

// cutPlans is every moment for itself, and every reply lost together with a
// kill at every moment after it.
func cutPlans() [][]cut {
	var list [][]cut
	for _, k := range allKills() {
		list = append(list, []cut{k})
	}
	for _, l := range allLosses() {
		list = append(list, []cut{l})
		for _, k := range allKills() {
			list = append(list, []cut{l, k})
		}
	}
	return list
}

// rotationPaths are the requests of a refresh, in their order.
func rotationPaths() []string {
	return []string{
		passporttest.PathCookieInfo, passporttest.PathCorrespond, passporttest.PathRefresh,
		passporttest.PathNav, passporttest.PathConfirm,
	}
}

// allKills are the moments of a refresh at which the keeper can be killed, as
// far as they can be told from outside.
func allKills() []cut {
	var list []cut
	for _, what := range rotationPaths() {
		for _, at := range []moment{arrived, acted, answered, later} {
			list = append(list, killAt(what, at))
		}
	}
	return list
}

func allLosses() []cut {
	var list []cut
	for _, what := range rotationPaths() {
		list = append(list, loseReply(what))
	}
	return list
}
