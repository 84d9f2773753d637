//go:build long

package account_test

import "github.com/bilikeeper/bilikeeper/passport/passporttest"

const (
	manyRotations = 1000
	troubledDays  = 30
)

func refreshTroubles() []passporttest.Trouble {
	return append(passporttest.Troubles(), passporttest.CodeTrouble(-111), passporttest.CodeTrouble(86095))
}
