//go:build unix && kill

package e2e_test

import "github.com/bilikeeper/bilikeeper/passport/passporttest"

// lives and killsInLife are how many keepers are killed while they tell people, and
// how often each.
const lives, killsInLife = 50, 10

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
