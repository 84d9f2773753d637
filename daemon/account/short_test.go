//go:build !long

package account_test

import "github.com/bilikeeper/bilikeeper/passport/passporttest"

// The default run takes samples; the tag "long" takes everything.
const (
	manyRotations = 100
	troubledDays  = 7
)

func refreshTroubles() []passporttest.Trouble {
	return []passporttest.Trouble{
		passporttest.HTTP500, passporttest.HTTP412, passporttest.HalfJSON, passporttest.Hang,
		passporttest.Code352, passporttest.CodeStrange, passporttest.CodeTrouble(-111), passporttest.CodeTrouble(86095),
	}
}
