//go:build unix && !kill

package e2e_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

// lives and killsInLife are a sample; the tag "kill" takes 500 kills.
const lives, killsInLife = 4, 5

// livesInARow is how many follow each other where several are killed at once.
const livesInARow = 1

// anywhere kills at each kind of moment. With the one form of a login that is the first
// time that it comes, with the other the second time, where there is one for each login.
// The tag "kill" takes every time.
func (k *killings) anywhere(t *testing.T) {
	k.form = passporttest.FormHeaders
	k.seen(t)
	k.form, k.kinds = passporttest.FormHop, map[string]int{}
	k.seen(t)
	var second []turn
	for _, kind := range slices.Sorted(maps.Keys(k.kinds)) {
		if k.kinds[kind] == 2 {
			second = append(second, turn{kind, 2})
		}
	}
	k.eachTurn(t, second)
}

// seen kills at each kind of moment that a life shows which is not killed.
func (k *killings) seen(t *testing.T) {
	t.Run("not killed", func(t *testing.T) { k.live(t, func(int, boundary) bool { return false }) })
	k.leftOut(t)
	k.leftOut(t) // what came up in those alone, or did not this time
}

// cutPlans is a sample; the tag "kill" takes all.
func cutPlans() [][]cut {
	return [][]cut{
		{killAt(passporttest.PathCookieInfo, answered)},
		{killAt(passporttest.PathRefresh, arrived)},
		{killAt(passporttest.PathRefresh, acted)},
		{killAt(passporttest.PathRefresh, later)},
		{killAt(passporttest.PathNav, acted)},
		{killAt(passporttest.PathConfirm, arrived)},
		{killAt(passporttest.PathConfirm, acted)},
		{loseReply(passporttest.PathRefresh)},
		{loseReply(passporttest.PathConfirm)},
		{killAt(passporttest.PathRefresh, answered), killAt(passporttest.PathNav, answered), killAt(passporttest.PathConfirm, answered)},
	}
}
