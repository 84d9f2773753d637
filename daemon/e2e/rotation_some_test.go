//go:build unix && !kill

package e2e_test

import "github.com/bilikeeper/bilikeeper/passport/passporttest"

// lives and killsInLife are a sample; the tag "kill" takes 500 kills.
const lives, killsInLife = 4, 5

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
